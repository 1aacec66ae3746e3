// SPDX-License-Identifier: GPL-2.0-only
// One superblock and one table block of arbitrary content: whatever passes the
// checks can be used without looking at it again.
#include "dm-remap-layout.h"

#include "input.h"

namespace {

void check_superblock(const dmr_superblock& sb, u64 device_sectors) {
    const unsigned copy = le16_to_cpu(sb.copy) & 1;
    const u64 self = le64_to_cpu(sb.self_sector);
    if (dmr_sb_check(&sb, self, device_sectors, copy))
        return;
    // Everything lies inside the device, in order, without overlap.
    const u64 slots = le64_to_cpu(sb.nr_slots);
    const u64 tables = le64_to_cpu(sb.table_blocks);
    const u64 tail = dmr_sb_sector(device_sectors, 1);
    MUST(slots >= 1 && slots <= DMR_MAX_SLOTS);
    MUST(slots <= tables * DMR_TABLE_ENTRIES);
    MUST(le64_to_cpu(sb.table_init) <= tables);
    MUST(dmr_table_sector(&sb, 0, 0) >= DMR_BLOCK_SECTORS);
    MUST(dmr_table_sector(&sb, tables, 0) <= dmr_slot_sector(&sb, 0));
    MUST(dmr_slot_sector(&sb, slots) <= dmr_table_sector(&sb, 0, 1));
    MUST(dmr_table_sector(&sb, tables, 1) <= tail);
    MUST(tail + DMR_BLOCK_SECTORS <= device_sectors);
    MUST(self == dmr_sb_sector(device_sectors, copy));
    // Text can be printed.
    MUST(std::memchr(sb.label, 0, sizeof(sb.label)));
    MUST(std::memchr(sb.options, 0, sizeof(sb.options)));
    bool read_only = false;
    const char* refusal = dmr_sb_refusal(&sb, &read_only);
    MUST(refusal || le32_to_cpu(sb.state) == DMR_STATE_ACTIVE);

    // The other copy made from it is valid in its place and chosen as equal.
    dmr_superblock other = sb;
    dmr_sb_seal(&other, !copy);
    MUST(!dmr_sb_check(&other, dmr_sb_sector(device_sectors, !copy), device_sectors, !copy));
    MUST(dmr_sb_choose(&sb, &other) == 0);
    MUST(dmr_sb_choose(nullptr, &other) == 1);
}

void check_table(const dmr_superblock& sb, dmr_table_block& tb, bool seal) {
    const u32 seed = dmr_table_seed(&sb);
    const u64 index = le64_to_cpu(tb.index);
    if (seal)
        dmr_table_seal(&tb, seed, le64_to_cpu(tb.seq), le16_to_cpu(tb.copy) & 1);
    const bool frame_ok = !dmr_table_check(&tb, seed, index, le16_to_cpu(tb.copy) & 1);
    MUST(!seal || frame_ok == (le32_to_cpu(tb.magic) == DMR_TABLE_MAGIC));
    for (u64 i = 0; i < DMR_TABLE_ENTRIES; i++) {
        const u64 slot = index * DMR_TABLE_ENTRIES + i;
        dmr_mapping m{};
        dmr_entry_unpack(&tb.entry[i], &m);
        if (dmr_entry_check(&sb, &tb.entry[i], slot))
            continue;
        dmr_entry again{};
        dmr_entry_pack(&again, &m);
        MUST(again.a == tb.entry[i].a && again.b == tb.entry[i].b);
        if (m.state == DMR_E_FREE)
            continue;
        MUST(slot < le64_to_cpu(sb.nr_slots));
        if (m.state == DMR_E_BAD)
            continue;
        MUST(m.state == DMR_E_MAPPED);
        MUST(m.block < dmr_blocks(le64_to_cpu(sb.main_sectors)));
        MUST(m.reason > DMR_R_NONE && m.reason < DMR_NR_REASONS);
        for (unsigned s = 0; s < DMR_BLOCK_SECTORS; s++)
            if (m.lost & (1u << s))
                MUST(m.block * DMR_BLOCK_SECTORS + s < le64_to_cpu(sb.main_sectors));
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    const auto flags = input.take<std::uint8_t>();
    dmr_superblock sb{};
    dmr_table_block tb{};
    input.take(&sb, sizeof(sb));
    input.take(&tb, sizeof(tb));

    // With the checksum as it came, and with one that is right, so that the
    // fuzzer does not have to guess it.
    const u64 device_sectors = le64_to_cpu(sb.spare_sectors);
    if (flags & 1) {
        if (device_sectors < DMR_BLOCK_SECTORS)
            return 0;
        dmr_sb_seal(&sb, flags >> 1 & 1);
    }
    check_superblock(sb, device_sectors);
    check_table(sb, tb, flags & 4);
    return 0;
}
