// SPDX-License-Identifier: GPL-2.0-only
// Metadata as JSON, complete: what is read back gives the same bytes. Members of a
// document that "remapctl metadata dump" writes; tools/schema/v1.json describes them.
#pragma once

#include <cstdio>
#include <string>

#include "base/json.h"
#include "format/snapshot.h"

namespace remap::format {

// Member "superblock".
[[nodiscard]] Json superblock_json(const dmr_superblock& sb);

// Members "table_sequences" and "table_pads".
[[nodiscard]] Json sequences_json(const Snapshot& snapshot);
[[nodiscard]] Json pads_json(const Snapshot& snapshot);

// Members "bad_slots" and "entries", which can be long: one line each.
void write_bad_slots(std::FILE* out, const Snapshot& snapshot);
void write_entries(std::FILE* out, const Snapshot& snapshot);

// A dump as it was read.
struct Dump {
    Snapshot snapshot;
    bool complete = false; // nothing had to be left out when it was made
};

// Read a dump; each entry costs the memory that it has in the snapshot. Nothing in
// the file is believed: the superblock and every entry pass the kernel's checks.
// Throws Code::damaged with the place in the file, os_error if it can't be read.
[[nodiscard]] Dump read_dump(const std::string& path);

} // namespace remap::format
