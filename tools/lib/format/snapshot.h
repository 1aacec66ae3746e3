// SPDX-License-Identifier: GPL-2.0-only
// The whole metadata of a spare in memory, in a form that does not grow with what
// is not in use: what dump writes, restore reads and repair puts together.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "format/block_io.h"
#include "format/spare.h"

namespace remap::format {

// A slot whose entry is not free.
struct SlotEntry {
    std::uint64_t slot = 0;
    dmr_entry raw{};
};

// Table blocks [first, first + count) that have the same sequence number.
struct SequenceRun {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
    std::uint64_t seq = 0;

    bool operator==(const SequenceRun&) const = default;
};

// Bytes of a table block's head that have no name, if they are not zero.
struct TablePad {
    std::uint64_t index = 0;
    std::array<std::uint8_t, sizeof(dmr_table_block::pad)> bytes{};
};

// 24 bytes for each entry.
struct Snapshot {
    dmr_superblock sb{};           // copy, place and checksum mean nothing
    std::deque<SlotEntry> entries; // ascending, no slot twice
    std::vector<SequenceRun> runs; // ascending; gaps are table blocks without content
    std::vector<TablePad> pads;    // ascending
    std::uint64_t damaged = 0;     // entries and table blocks that were left out

    // Take over the sequence number of the next table block.
    void add_sequence(std::uint64_t index, std::uint64_t seq);
    // True if each initialised table block has a sequence number.
    [[nodiscard]] bool has_all_blocks() const;
    // That block of that copy, ready to be written.
    [[nodiscard]] dmr_table_block table_block(std::uint64_t index, unsigned copy) const;
};

// All that is sound, as the kernel chooses between the copies; the rest is left out
// and counted.
[[nodiscard]] Snapshot take_snapshot(BlockReader& device, const dmr_superblock& sb);

// A spare that is not there: shows the metadata of a snapshot and slots of zeros.
// The kernel's loader run on it is the judge of what is to be written.
class SnapshotReader final : public BlockReader {
public:
    explicit SnapshotReader(const Snapshot& snapshot) : snapshot_{snapshot} {}

    [[nodiscard]] Sector size() const override;
    [[nodiscard]] int read(Bytes offset, std::span<std::byte> buffer) override;

private:
    void read_block(Sector at, std::byte* to) const;

    const Snapshot& snapshot_;
};

// Writing a snapshot to a device of the recorded size. After start_writing() the
// device is never activated: both superblocks say that its creation was not
// finished. finish_writing() writes the table, then the superblocks as they are in
// the snapshot, each step durable before the next. Both throw os_error when a write
// fails.
void start_writing(BlockWriter& device, const Snapshot& snapshot);
void finish_writing(BlockWriter& device, const Snapshot& snapshot);

} // namespace remap::format
