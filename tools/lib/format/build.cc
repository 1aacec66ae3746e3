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

// Table blocks [0, count) of one copy, of which the first begins with these entries.
void write_table(BlockWriter& device, const dmr_superblock& sb, std::uint64_t count, unsigned copy,
                 const std::vector<dmr_entry>& entries) {
    const std::uint32_t seed = dmr_table_seed(&sb);
    AlignedBuffer buffer{count * block_size};
    dmr_table_block block;
    for (std::uint64_t i = 0; i < count; ++i) {
        dmr_table_init(&block, i);
        if (i == 0)
            std::copy(entries.begin(), entries.end(), block.entry);
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

// One copy after the other, the older or damaged one first: at every moment one is
// valid.
void replace_superblocks(BlockWriter& device, dmr_superblock sb, const Superblocks& found) {
    sb.seq = cpu_to_le64(le64_to_cpu(found.best().seq) + 1);
    const unsigned first = found.chosen == 0 ? 1 : 0;
    for (const unsigned copy : {first, 1 - first}) {
        write_superblock(device, sb, copy);
        check(device.sync(), "cannot flush the spare");
    }
}

void write_slot(BlockWriter& device, const dmr_superblock& sb, std::uint64_t slot,
                std::span<const std::byte> content) {
    AlignedBuffer buffer{block_size};
    std::memcpy(buffer.data(), content.data(), content.size());
    check(device.write(to_bytes(Sector{dmr_slot_sector(&sb, slot)}), buffer.span()),
          "cannot write a slot");
    AlignedBuffer there{block_size};
    check(device.read(to_bytes(Sector{dmr_slot_sector(&sb, slot)}), there.span()),
          "cannot read a slot");
    if (std::memcmp(there.data(), buffer.data(), block_size) != 0)
        throw Error{Code::failed, "a slot does not hold what was written to it"};
}

dmr_entry shield_entry(BlockNo block, std::uint64_t generation) {
    dmr_mapping m{};
    m.block = block.value();
    m.gen = generation;
    m.state = DMR_E_MAPPED;
    m.reason = DMR_R_SHIELD;
    m.flags = DMR_F_SHIELD;
    dmr_entry entry;
    dmr_entry_pack(&entry, &m);
    return entry;
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

void clear_superblocks(BlockWriter& device, const std::string& name) {
    const std::string what = "cannot write to " + name;
    const AlignedBuffer zero{block_size};
    for (unsigned copy = 0; copy < 2; ++copy) {
        const Sector place{dmr_sb_sector(device.size().value(), copy)};
        check(device.write(to_bytes(place), zero.span()), what.c_str());
    }
    check(device.sync(), what.c_str());
}

void update_superblocks(BlockWriter& device, const Superblocks& found, const SpareRecord& record) {
    // fields that this library does not know stay as they are
    dmr_superblock sb = found.best();
    const dmr_superblock texts = encode(record);
    std::memcpy(sb.label, texts.label, sizeof(sb.label));
    std::memcpy(sb.options, texts.options, sizeof(sb.options));
    replace_superblocks(device, sb, found);
}

void change_state(BlockWriter& device, const Superblocks& found, State state) {
    dmr_superblock sb = found.best();
    sb.state = cpu_to_le32(static_cast<std::uint32_t>(state));
    replace_superblocks(device, sb, found);
}

SpareRecord start_shielded_spare(BlockWriter& device, SpareRecord record,
                                 const std::vector<ShieldSlot>& blocks) {
    record.state = State::creating;
    record.incompat |= DMR_INCOMPAT_SHIELD;
    record.seq = 1;
    record.table_init = initial_table_blocks(record.spare_size);
    record = decode(encode(record));
    if (record.slots < 2 * blocks.size() || blocks.size() > DMR_TABLE_ENTRIES)
        throw Error{Code::refused,
                    strf("the spare is too small: the shield alone needs %zu slots, it has %llu",
                         2 * blocks.size(), static_cast<unsigned long long>(record.slots))};
    write_both(device, record);

    const dmr_superblock sb = encode(record);
    std::vector<dmr_entry> entries;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        write_slot(device, sb, i, blocks[i].original);
        write_slot(device, sb, blocks.size() + i, blocks[i].image);
        entries.push_back(shield_entry(blocks[i].block, i + 1));
    }
    check(device.sync(), "cannot flush the spare");
    for (unsigned copy = 0; copy < 2; ++copy)
        write_table(device, sb, record.table_init, copy, entries);
    check(device.sync(), "cannot flush the spare");
    return record;
}

std::vector<StoredShield> read_shield_slots(BlockReader& device, const dmr_superblock& sb) {
    std::uint64_t damaged = 0;
    const std::vector<Entry> entries = read_entries(device, sb, &damaged);
    std::vector<StoredShield> blocks;
    if (damaged > 0 || le64_to_cpu(sb.nr_slots) < 2 * entries.size())
        return blocks; // the crash came while the table was written
    AlignedBuffer buffer{block_size};
    const auto read = [&](std::uint64_t slot, std::size_t length) {
        check(device.read(to_bytes(Sector{dmr_slot_sector(&sb, slot)}), buffer.span()),
              "cannot read a slot");
        return std::vector<std::byte>{buffer.data(), buffer.data() + length};
    };
    for (const Entry& entry : entries) {
        const BlockNo block{entry.mapping.block};
        const std::uint64_t sectors = std::min<std::uint64_t>(
            sectors_per_block, le64_to_cpu(sb.main_sectors) - first_sector(block).value());
        const std::size_t length = sectors * sector_size;
        blocks.push_back(
            {block, read(entry.slot, length), read(entries.size() + entry.slot, length)});
    }
    return blocks;
}

SpareRecord format_spare(BlockWriter& device, SpareRecord record) {
    record.state = State::creating;
    record.seq = 1;
    record.table_init = initial_table_blocks(record.spare_size);
    write_both(device, record);

    const dmr_superblock sb = encode(record);
    for (unsigned copy = 0; copy < 2; ++copy)
        write_table(device, sb, record.table_init, copy, {});
    check(device.sync(), "cannot flush the spare");

    record.state = State::active;
    record.seq = 2;
    write_both(device, record);
    return decode(encode(record));
}

} // namespace remap::format
