// SPDX-License-Identifier: GPL-2.0-only
// Bringing a set back, and taking it down.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/set.h"

namespace remap::core {

struct AssembleRequest {
    std::string name;         // label of the set; empty: any
    std::optional<Uuid> uuid; // of the set
    std::string main;         // paths; empty: find it
    std::string spare;
    std::string new_name; // of the device; empty: the label
    bool read_only = false;
    bool force = false; // take a main that is not the recorded one
};

// From "NAME" or "UUID=..." as people write it; empty means any. Throws Code::usage.
[[nodiscard]] AssembleRequest wanted_set(const std::string& text);

struct AssemblePlan {
    std::string name; // of the device
    format::SpareRecord record;
    sys::BlockDevice main;
    sys::BlockDevice spare;
    bool read_only = false;
    bool already = false; // it is assembled: nothing to do
    // its creation was cut off when main had its member header: to be finished first
    bool unfinished = false;
    std::vector<std::string> warnings;
    Locks locks;
};

// The spare that a request means: the given one, or the only one that is found.
// Throws as plan_assemble(). The record of what is returned is valid.
[[nodiscard]] FoundSpare find_spare(sys::Host& host, const AssembleRequest& request);

// The main device for plan.record, plan.spare and plan.name: the given one, or the
// only one that is found. Adds warnings to the plan. Throws as plan_assemble().
[[nodiscard]] sys::BlockDevice find_main(sys::Host& host, const AssembleRequest& request,
                                         AssemblePlan& plan);

// Find the members and write nothing. Throws: Code::not_found if a member is
// missing, ambiguous or the wrong one, Code::damaged if the metadata can't be
// used, Code::refused for a set that is not active, Code::busy if the name or a
// member is in use.
[[nodiscard]] AssemblePlan plan_assemble(sys::Host& host, dm::DeviceMapper& dm,
                                         const AssembleRequest& request);

// Returns warnings.
std::vector<std::string> assemble_set(sys::Host& host, dm::DeviceMapper& dm,
                                      const AssemblePlan& plan);

// Brings the shield on main up to date. Throws Code::not_found if the set is not
// assembled, Code::busy if it is in use. Only checks if dry_run. Returns warnings: what
// is out of date on main.
std::vector<std::string> stop_set(sys::Host& host, dm::DeviceMapper& dm, const std::string& name,
                                  bool dry_run);

} // namespace remap::core
