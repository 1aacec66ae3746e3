// SPDX-License-Identifier: GPL-2.0-only
// A complete examination of the metadata on a spare. Reads only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "format/spare.h"

namespace remap::format {

enum class Severity {
    note,       // nothing is wrong
    repairable, // a good copy exists of all that is damaged
    fatal,      // no good copy, or a contradiction: the kernel refuses it
};

struct Finding {
    Severity severity;
    std::string kind;  // stable word for programs: "superblock", "table", "entry", ...
    std::string where; // "table block 7 copy 1"
    std::string what;
};

struct CheckReport {
    bool is_member = false;                        // either superblock has the magic
    std::array<std::string, 2> superblock_problem; // empty: that copy is valid
    std::optional<SpareRecord> record;             // of the newest valid copy
    std::optional<dmr_superblock> superblock;      // the same, raw
    bool unreadable = false;                       // a superblock could not be read
    std::vector<Finding> findings;                 // at most max_findings
    std::uint64_t findings_left_out = 0;
    Severity worst = Severity::note;
    std::array<std::uint64_t, 2> table_blocks_good{}; // per copy, of table_init
    std::uint64_t entries = 0; // that hold; if something is fatal: all that were found
    std::uint64_t lost_sectors = 0;
    std::uint64_t bad_slots = 0;

    static constexpr std::size_t max_findings = 1000;
};

// Examine the metadata. Never throws for what is on the device. The worst finding
// is fatal exactly when the kernel's loader (LoadedMap) refuses the metadata.
[[nodiscard]] CheckReport check_spare(BlockReader& device);

} // namespace remap::format
