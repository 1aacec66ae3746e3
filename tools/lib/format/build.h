// SPDX-License-Identifier: GPL-2.0-only
// Writing new metadata to a spare.
#pragma once

#include <dm-remap-layout.h>

#include "format/block_io.h"
#include "format/spare.h"

namespace remap::format {

// How many table blocks a new spare has initialised.
[[nodiscard]] std::uint64_t initial_table_blocks(Sector spare_size);

// Seal and write one copy of the superblock; not durable before sync(). Throws
// os_error on failure.
void write_superblock(BlockWriter& device, const dmr_superblock& sb, unsigned copy);

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

} // namespace remap::format
