// SPDX-License-Identifier: GPL-2.0-only
// Assembling without being told which devices: at boot, and when one appears.
//
// A set is taken by itself if /etc/remaptab lists it, or if its members name each
// other: the header on main names set and spare, the superblock of that spare names
// the set. So a disk that comes along can only bring its own content. A main without
// header names nobody: such sets have to be listed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/assemble.h"
#include "core/configuration.h"

namespace remap::core {

enum class Verdict {
    ready,       // could be assembled
    assembled,   // was, just now
    already,     // was before
    incomplete,  // a member is missing
    not_allowed, // by policy: nothing is wrong
    refused,     // something is wrong: copies, another generation, damage
};

// What is to become of a set.
struct AutoSet {
    Uuid uuid;
    std::string name; // of the device
    Verdict verdict = Verdict::incomplete;
    std::string reason; // what is missing or wrong, in one line; empty: nothing
    std::string hint;
    Code code = Code::failed; // if refused
    std::optional<format::RemaptabEntry> listed;
    std::vector<std::string> notes; // about devices that were ignored
    bool read_only = false;
    std::string main; // paths, if it is ready or assembled
    std::string spare;
};

struct AutoRequest {
    std::optional<Uuid> only; // this set; empty: all
    bool dry_run = false;     // sets that could be assembled stay ready
    bool event = false;       // a member appeared: sets that were stopped stay so
};

// Look at the sets one after the other and assemble what may be and is complete. What
// is wrong with a set is told in its place. Throws os_error if devices can't be listed.
[[nodiscard]] std::vector<AutoSet> assemble_auto(sys::Host& host, dm::DeviceMapper& dm,
                                                 const Configuration& configuration,
                                                 const format::Remaptab& remaptab,
                                                 const AutoRequest& request);

} // namespace remap::core
