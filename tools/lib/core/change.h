// SPDX-License-Identifier: GPL-2.0-only
// Changing a set that exists, assembled or not: its name and its options. Both are
// in the superblocks. Of an assembled set the kernel writes these as well, so they
// are changed while it is suspended; it takes the texts over when it is resumed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/options.h"
#include "core/set.h"

namespace remap::core {

// A set to be changed, with its members locked.
struct ChangeTarget {
    std::optional<dm::DeviceInfo> device; // if it is assembled
    std::vector<dm::Target> table;        // of the device
    FoundSpare spare;                     // its record is valid
    Locks locks;

    [[nodiscard]] std::string name() const { return device ? device->name : spare.record->label; }
};

// set: name of an assembled set, else label or "UUID=..." of one that is not.
// Throws Code::not_found, Code::busy if another tool has it, Code::refused if it
// can't be changed, Code::damaged.
[[nodiscard]] ChangeTarget find_target(sys::Host& host, dm::DeviceMapper& dm,
                                       const std::string& set);

// Throws Code::usage for a name that is not possible, Code::busy if it is taken.
void check_rename(dm::DeviceMapper& dm, const ChangeTarget& target, const std::string& new_name);

// Give it a name that check_rename() has passed. On failure the old one holds.
void rename_set(sys::Host& host, dm::DeviceMapper& dm, const ChangeTarget& target,
                const std::string& new_name);

// The options that hold: those of the table, or of the superblock if the set is not
// assembled.
[[nodiscard]] Options options_of(const ChangeTarget& target);

// Make the options hold, now and from now on. On failure the old ones hold.
void set_options(sys::Host& host, dm::DeviceMapper& dm, const ChangeTarget& target,
                 const Options& options);

} // namespace remap::core
