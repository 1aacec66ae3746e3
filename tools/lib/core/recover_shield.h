// SPDX-License-Identifier: GPL-2.0-only
// Main alone: taking its shield off with the compressed originals that it carries,
// when the spare is gone. Needs neither kernel module nor spare.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ranges.h"
#include "core/set.h"
#include "core/shield_plan.h"
#include "format/member.h"

namespace remap::core {

struct RecoverShieldRequest {
    std::string main;   // paths
    std::string backup; // file of "metadata backup"; may be empty
    bool force = false; // also if copies are damaged, or the spare is here
};

struct RecoverShieldPlan {
    sys::BlockDevice main;
    Uuid set_uuid;
    std::optional<format::MemberHeader> header; // nothing: it is damaged
    std::vector<ShieldedBlock> blocks;          // ascending; found is empty
    struct Damaged {
        BlockNo block;
        std::string problem;
    };
    std::vector<Damaged> damaged; // stay as they are
    // From the backup: what was on the spare and is gone with it.
    std::optional<std::uint64_t> gone_blocks;
    std::vector<BlockRange> gone;
    std::vector<std::string> warnings;
    Locks locks;
};

// Look and write nothing. Throws Code::not_found for a main without shield, Code::busy
// if it is in use, Code::damaged if copies are damaged, Code::refused if the spare is
// here.
[[nodiscard]] RecoverShieldPlan plan_recover_shield(sys::Host& host,
                                                    const RecoverShieldRequest& request);

// Write the originals, block 0 last and of that the sectors that hold its own copy:
// until these it can be run again. A power cut within that one last write, if it has
// several sectors, can cost the first block. Throws when a write fails. Returns warnings.
std::vector<std::string> recover_shield(sys::Host& host, const RecoverShieldPlan& plan);

} // namespace remap::core
