// SPDX-License-Identifier: GPL-2.0-only
// Valid metadata to start from: each test damages its own copy.
#pragma once

#include "dm-remap-layout.h"

#include <cstring>
#include <stdexcept>

namespace sample {

inline constexpr u64 kib = 2; // sectors
inline constexpr u64 mib = 1024 * kib;
inline constexpr u64 gib = 1024 * mib;
inline constexpr u64 tib = 1024 * gib;

inline dmr_geometry geometry(u64 spare_sectors) {
    dmr_geometry g{};
    if (dmr_geometry_compute(spare_sectors, &g))
        throw std::invalid_argument("no geometry for this size");
    return g;
}

// A sealed superblock of an active set whose whole table is initialised.
inline dmr_superblock superblock(u64 spare_sectors, u64 main_sectors, unsigned copy = 0,
                                 u64 seq = 7) {
    const dmr_geometry g = geometry(spare_sectors);
    dmr_superblock sb{};
    std::memcpy(sb.magic, DMR_SB_MAGIC, DMR_MAGIC_SIZE);
    sb.version = cpu_to_le16(DMR_VERSION);
    sb.seq = cpu_to_le64(seq);
    std::memset(sb.set_uuid, 0x11, sizeof(sb.set_uuid));
    std::memset(sb.spare_uuid, 0x22, sizeof(sb.spare_uuid));
    sb.spare_sectors = cpu_to_le64(spare_sectors);
    sb.epoch = cpu_to_le64(1);
    sb.activation = cpu_to_le64(3);
    sb.state = cpu_to_le32(DMR_STATE_ACTIVE);
    sb.created = cpu_to_le64(1700000000);
    sb.updated = cpu_to_le64(1700003600);
    sb.main_sectors = cpu_to_le64(main_sectors);
    sb.main_lbs = cpu_to_le32(512);
    sb.main_pbs = cpu_to_le32(4096);
    sb.nr_slots = cpu_to_le64(g.nr_slots);
    sb.data_start = cpu_to_le64(g.data_start);
    sb.table_start[0] = cpu_to_le64(g.table_start[0]);
    sb.table_start[1] = cpu_to_le64(g.table_start[1]);
    sb.table_blocks = cpu_to_le64(g.table_blocks);
    sb.table_init = cpu_to_le64(g.table_blocks);
    std::memcpy(sb.label, "data", 4);
    std::memcpy(sb.main_wwn, "naa.5000c500a1b2c3d4", 20);
    std::memcpy(sb.options, "rescue 3", 8);
    dmr_sb_seal(&sb, copy);
    return sb;
}

inline dmr_mapping mapping(u64 block, u64 gen = 1) {
    return {.block = block,
            .gen = gen,
            .hours = 5,
            .lost = 0,
            .state = DMR_E_MAPPED,
            .reason = DMR_R_WRITE,
            .flags = 0};
}

inline dmr_entry entry(const dmr_mapping& m) {
    dmr_entry e{};
    dmr_entry_pack(&e, &m);
    return e;
}

} // namespace sample
