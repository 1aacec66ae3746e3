// SPDX-License-Identifier: GPL-2.0-only
// Whole metadata out of damaged metadata. What is not certain is never served: a
// block whose entry is in doubt stays mapped and all its sectors are lost, so that
// reading it fails and neither an old slot nor main's old content is shown.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ranges.h"
#include "format/dump.h"
#include "format/snapshot.h"

namespace remap::format {

struct SlotRange {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
};

struct Salvage {
    Snapshot snapshot;
    bool superblock_from_dump = false;
    std::vector<std::uint64_t> table_blocks_from_dump;
    std::uint64_t superseded = 0; // entries dropped because a newer one exists
    // Blocks of main whose content is given up, ascending.
    std::vector<BlockNo> lost_blocks;
    // Slots of which nobody knows what they held; they are marked bad. Of the blocks
    // that they held, if any, main's old content would be read.
    std::vector<SlotRange> unknown_slots;

    [[nodiscard]] bool lossless() const { return lost_blocks.empty() && unknown_slots.empty(); }
    // True if something comes from the dump, which may be older than the spare.
    [[nodiscard]] bool stale() const {
        return superblock_from_dump || !table_blocks_from_dump.empty();
    }
};

// The sectors that a block of main has: all eight, but for a short last block.
[[nodiscard]] std::uint8_t whole_block_mask(const dmr_superblock& sb, std::uint64_t block);

// The best of both superblocks and both copies of the table; dump (may be nullptr)
// stands in for what both copies lack. Writes nothing. Throws Code::not_found
// without metadata, or if the dump is of another spare; Code::damaged if there is no
// superblock and no dump either, or for unknown features.
[[nodiscard]] Salvage salvage(BlockReader& source, const Dump* dump);

} // namespace remap::format
