// SPDX-License-Identifier: GPL-2.0-only
// Writing new metadata to a spare.
#pragma once

#include <dm-remap-layout.h>
#include <span>
#include <string>
#include <vector>

#include "format/block_io.h"
#include "format/spare.h"

namespace remap::format {

// How many table blocks a new spare has initialised.
[[nodiscard]] std::uint64_t initial_table_blocks(Sector spare_size);

// Seal and write one copy of the superblock; not durable before sync(). Throws
// os_error on failure.
void write_superblock(BlockWriter& device, const dmr_superblock& sb, unsigned copy);

// Erase both superblocks, durably. Throws os_error("cannot write to <name>") on failure.
void clear_superblocks(BlockWriter& device, const std::string& name);

// Write label and options of a record into the superblocks that were found, both
// copies with the next sequence number, one durable before the other: at every
// moment one is valid. Throws os_error when a write fails; then either the old or
// the new texts hold.
void update_superblocks(BlockWriter& device, const Superblocks& found, const SpareRecord& record);

// Format a spare: both superblocks CREATING, the first table blocks empty, both
// superblocks ACTIVE, each step durable before the next. A crash in between
// leaves a spare that is never activated. record.state, seq and table_init are
// set here; record must have everything else. Returns what is on disk at the
// end. Throws os_error when a write fails.
SpareRecord format_spare(BlockWriter& device, SpareRecord record);

// A block that a shield takes over, as it was and as it is going to be.
struct ShieldSlot {
    BlockNo block;
    std::span<const std::byte> original;
    std::span<const std::byte> image;
};

// Format the spare of a set with a shield, up to the point where main has to be
// changed: the set stays CREATING. Slot i gets the original of blocks[i], and an entry;
// the images are in the free slots behind these, so that what was cut off can be told
// from what was changed since (read_shield_slots()). Each step is durable before the
// next: where there is an entry its slot is whole. Returns what is on disk. Throws
// os_error when a write fails, Code::refused if the spare has not enough slots.
SpareRecord start_shielded_spare(BlockWriter& device, SpareRecord record,
                                 const std::vector<ShieldSlot>& blocks);

// The slots that start_shielded_spare() has written.
struct StoredShield {
    BlockNo block;
    std::vector<std::byte> original; // as long as the block is
    std::vector<std::byte> image;
};
// Nothing if the table is not there: then main was not touched either. Throws os_error
// if a slot can't be read.
[[nodiscard]] std::vector<StoredShield> read_shield_slots(BlockReader& device,
                                                          const dmr_superblock& sb);

// Give both superblocks another state and the next sequence number, one durable before
// the other. Throws os_error when a write fails; then either state may hold.
void change_state(BlockWriter& device, const Superblocks& found, State state);

} // namespace remap::format
