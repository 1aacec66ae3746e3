// SPDX-License-Identifier: GPL-2.0-only
// A whole spare out of a damaged one, on another device. The source is never
// written.
#pragma once

#include <string>
#include <vector>

#include "core/target.h"
#include "format/salvage.h"

namespace remap::core {

struct RepairRequest {
    std::string source; // paths
    std::string output;
    std::string dump; // empty: none
    bool metadata_only = false;
    bool force = false;
};

struct RepairPlan {
    RepairRequest request;
    MetadataTarget target;
    format::Salvage salvage;
    std::uint64_t entries = 0; // of the result
};

// Find out what can be had and what is lost; write nothing. Throws: Code::not_found
// and Code::damaged as format::salvage(), Code::busy if the source or the output is
// in use, Code::refused if the output is not safe to overwrite.
[[nodiscard]] RepairPlan plan_repair(sys::Host& host, const RepairRequest& request);

// Throws Code::refused unless force is given, if blocks may be lost whose place is
// not known, or if something comes from the dump.
void check_repair_is_wanted(const RepairPlan& plan);

struct RepairResult {
    std::uint64_t copied = 0;              // slots
    std::vector<BlockNo> unreadable_slots; // blocks of main that are lost with them
};

// Copy the content of the slots in use. The entry of one that can't be read becomes
// lost in the snapshot. Throws os_error if one can't be written.
RepairResult copy_slots(format::BlockReader& from, format::BlockWriter& to,
                        format::Snapshot& snapshot);

// Write the output: the content of the slots first, so that the metadata says which
// of it could not be read. A crash or an error in between leaves what is never
// activated.
RepairResult repair(sys::Host& host, const RepairPlan& plan);

} // namespace remap::core
