// SPDX-License-Identifier: GPL-2.0-only
// Putting metadata back from a dump.
#pragma once

#include <string>
#include <vector>

#include "core/target.h"
#include "format/dump.h"

namespace remap::core {

struct RestoreRequest {
    std::string dump; // paths
    std::string target;
    bool force = false;
};

struct RestorePlan {
    MetadataTarget target;
    format::Snapshot snapshot;
    std::uint64_t entries = 0;
    std::uint64_t lost_sectors = 0;
    std::uint64_t bad_slots = 0;
    std::vector<std::string> warnings;
};

// Read the dump, let the kernel's loader judge it, look at the target; write
// nothing. Throws: Code::damaged if the dump is malformed, Code::refused if it is
// incomplete or the target is not safe to overwrite, Code::busy if that is in use.
[[nodiscard]] RestorePlan plan_restore(sys::Host& host, const RestoreRequest& request);

// Write it. A crash or an error in between leaves what is never activated.
void restore(sys::Host& host, const RestorePlan& plan);

} // namespace remap::core
