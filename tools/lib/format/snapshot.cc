// SPDX-License-Identifier: GPL-2.0-only
#include "format/snapshot.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "format/build.h"

namespace remap::format {

namespace {

void check(int error, const char* what) {
    if (error != 0)
        throw os_error(error, what);
}

void write_both(BlockWriter& device, const dmr_superblock& sb) {
    for (unsigned copy = 0; copy < 2; ++copy)
        write_superblock(device, sb, copy);
    check(device.sync(), "cannot flush the device");
}

void write_table(BlockWriter& device, const Snapshot& snapshot, unsigned copy) {
    const std::uint64_t all = le64_to_cpu(snapshot.sb.table_init);
    AlignedBuffer buffer{chunk_blocks * block_size};
    for (std::uint64_t first = 0; first < all; first += chunk_blocks) {
        const std::size_t now = std::min<std::uint64_t>(chunk_blocks, all - first);
        for (std::size_t i = 0; i < now; ++i) {
            const dmr_table_block block = snapshot.table_block(first + i, copy);
            std::memcpy(buffer.data() + i * block_size, &block, sizeof(block));
        }
        check(device.write(to_bytes(Sector{dmr_table_sector(&snapshot.sb, first, copy)}),
                           buffer.span().first(now * block_size)),
              "cannot write the slot table");
    }
}

} // namespace

void Snapshot::add_sequence(std::uint64_t index, std::uint64_t seq) {
    if (!runs.empty() && runs.back().seq == seq && runs.back().first + runs.back().count == index)
        ++runs.back().count;
    else
        runs.push_back({index, 1, seq});
}

bool Snapshot::has_all_blocks() const {
    std::uint64_t next = 0;
    for (const SequenceRun& run : runs) {
        if (run.first != next)
            return false;
        next += run.count;
    }
    return next == le64_to_cpu(sb.table_init);
}

dmr_table_block Snapshot::table_block(std::uint64_t index, unsigned copy) const {
    dmr_table_block block;
    dmr_table_init(&block, index);
    const auto pad =
        std::lower_bound(pads.begin(), pads.end(), index,
                         [](const TablePad& p, std::uint64_t i) { return p.index < i; });
    if (pad != pads.end() && pad->index == index)
        std::copy(pad->bytes.begin(), pad->bytes.end(), block.pad);
    const std::uint64_t first = index * DMR_TABLE_ENTRIES;
    auto entry =
        std::lower_bound(entries.begin(), entries.end(), first,
                         [](const SlotEntry& e, std::uint64_t slot) { return e.slot < slot; });
    for (; entry != entries.end() && entry->slot - first < DMR_TABLE_ENTRIES; ++entry)
        block.entry[entry->slot - first] = entry->raw;
    const auto run = std::upper_bound(
        runs.begin(), runs.end(), index,
        [](std::uint64_t i, const SequenceRun& r) { return i < r.first + r.count; });
    const bool known = run != runs.end() && run->first <= index;
    dmr_table_seal(&block, dmr_table_seed(&sb), known ? run->seq : 0, copy);
    return block;
}

Snapshot take_snapshot(BlockReader& device, const dmr_superblock& sb) {
    Snapshot snapshot;
    snapshot.sb = sb;
    for_each_table_block(device, sb, 0, le64_to_cpu(sb.table_init), [&](const TablePair& pair) {
        const dmr_table_block* const block = pair.best();
        if (block == nullptr) {
            ++snapshot.damaged;
            return;
        }
        snapshot.add_sequence(pair.index, le64_to_cpu(block->seq));
        TablePad pad{pair.index, {}};
        std::copy(std::begin(block->pad), std::end(block->pad), pad.bytes.begin());
        if (pad.bytes != TablePad{}.bytes)
            snapshot.pads.push_back(pad);
        for (unsigned i = 0; i < DMR_TABLE_ENTRIES; ++i) {
            const SlotEntry entry{pair.index * DMR_TABLE_ENTRIES + i, block->entry[i]};
            if (entry.raw.a == 0 && entry.raw.b == 0)
                continue;
            if (entry_problem(sb, entry.raw, entry.slot) != nullptr)
                ++snapshot.damaged;
            else
                snapshot.entries.push_back(entry);
        }
    });
    return snapshot;
}

Sector SnapshotReader::size() const {
    return Sector{le64_to_cpu(snapshot_.sb.spare_sectors)};
}

int SnapshotReader::read(Bytes offset, std::span<std::byte> buffer) {
    if (buffer.size() > to_bytes(size()).value() ||
        offset.value() > to_bytes(size()).value() - buffer.size())
        return EIO;
    for (std::size_t at = 0; at < buffer.size(); at += block_size)
        read_block(Sector{(offset.value() + at) / sector_size}, buffer.data() + at);
    return 0;
}

void SnapshotReader::read_block(Sector at, std::byte* to) const {
    const dmr_superblock& sb = snapshot_.sb;
    std::memset(to, 0, block_size);
    for (unsigned copy = 0; copy < 2; ++copy) {
        if (at.value() == dmr_sb_sector(size().value(), copy)) {
            dmr_superblock sealed = sb;
            dmr_sb_seal(&sealed, copy);
            std::memcpy(to, &sealed, sizeof(sealed));
        }
        const std::uint64_t start = le64_to_cpu(sb.table_start[copy]);
        const std::uint64_t index = (at.value() - start) / sectors_per_block;
        if (at.value() >= start && index < le64_to_cpu(sb.table_init)) {
            const dmr_table_block block = snapshot_.table_block(index, copy);
            std::memcpy(to, &block, sizeof(block));
        }
    }
}

void start_writing(BlockWriter& device, const Snapshot& snapshot) {
    dmr_superblock sb = snapshot.sb;
    const std::uint64_t seq = le64_to_cpu(sb.seq);
    sb.state = cpu_to_le32(DMR_STATE_CREATING);
    // the final ones win against these, also if only one gets written
    sb.seq = cpu_to_le64(seq - (seq > 0 ? 1 : 0));
    write_both(device, sb);
}

void finish_writing(BlockWriter& device, const Snapshot& snapshot) {
    for (unsigned copy = 0; copy < 2; ++copy)
        write_table(device, snapshot, copy);
    check(device.sync(), "cannot flush the device");
    write_both(device, snapshot.sb);
}

} // namespace remap::format
