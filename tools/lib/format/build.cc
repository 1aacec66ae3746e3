// SPDX-License-Identifier: GPL-2.0-only
#include "format/build.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/text.h"

namespace remap::format {

namespace {

void check(int error, const char* what) {
    if (error != 0)
        throw os_error(error, what);
}

// Empty table blocks [0, count) of one copy.
void write_empty_table(BlockWriter& device, const dmr_superblock& sb, std::uint64_t count,
                       unsigned copy) {
    const std::uint32_t seed = dmr_table_seed(&sb);
    AlignedBuffer buffer{count * block_size};
    dmr_table_block block;
    for (std::uint64_t i = 0; i < count; ++i) {
        dmr_table_init(&block, i);
        dmr_table_seal(&block, seed, dmr_seq(0, 1), copy);
        std::memcpy(buffer.data() + i * block_size, &block, sizeof(block));
    }
    check(device.write(to_bytes(Sector{dmr_table_sector(&sb, 0, copy)}), buffer.span()),
          "cannot write the slot table");
}

void write_both(BlockWriter& device, const SpareRecord& record) {
    const dmr_superblock sb = encode(record);
    for (unsigned copy = 0; copy < 2; ++copy)
        write_superblock(device, sb, copy);
    check(device.sync(), "cannot flush the spare");
}

} // namespace

std::uint64_t initial_table_blocks(Sector spare_size) {
    dmr_geometry g;
    if (dmr_geometry_compute(spare_size.value(), &g) != 0)
        return 0;
    return std::min<std::uint64_t>(DMR_TABLE_EXTENT, g.table_blocks);
}

void write_superblock(BlockWriter& device, const dmr_superblock& sb, unsigned copy) {
    dmr_superblock sealed = sb;
    dmr_sb_seal(&sealed, copy);
    AlignedBuffer buffer{block_size};
    std::memcpy(buffer.data(), &sealed, sizeof(sealed));
    const std::uint64_t place = dmr_sb_sector(le64_to_cpu(sb.spare_sectors), copy);
    check(device.write(to_bytes(Sector{place}), buffer.span()), "cannot write a superblock");
}

void update_superblocks(BlockWriter& device, const Superblocks& found, const SpareRecord& record) {
    // fields that this library does not know stay as they are
    dmr_superblock sb = found.best();
    const dmr_superblock texts = encode(record);
    std::memcpy(sb.label, texts.label, sizeof(sb.label));
    std::memcpy(sb.options, texts.options, sizeof(sb.options));
    sb.seq = cpu_to_le64(le64_to_cpu(sb.seq) + 1);
    // the older or damaged copy first
    const unsigned first = found.chosen == 0 ? 1 : 0;
    for (const unsigned copy : {first, 1 - first}) {
        write_superblock(device, sb, copy);
        check(device.sync(), "cannot flush the spare");
    }
}

SpareRecord format_spare(BlockWriter& device, SpareRecord record) {
    record.state = State::creating;
    record.seq = 1;
    record.table_init = initial_table_blocks(record.spare_size);
    write_both(device, record);

    const dmr_superblock sb = encode(record);
    for (unsigned copy = 0; copy < 2; ++copy)
        write_empty_table(device, sb, record.table_init, copy);
    check(device.sync(), "cannot flush the spare");

    record.state = State::active;
    record.seq = 2;
    write_both(device, record);
    return decode(encode(record));
}

} // namespace remap::format
