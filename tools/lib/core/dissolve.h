// SPDX-License-Identifier: GPL-2.0-only
// Ending a set: main gets back everything that is on the spare, and is then what the
// remap device was, bit for bit.
//
//   1. The set is stopped and stays ACTIVE while its remapped blocks are written back
//      and compared. Nothing is given up by that: the entries still hold, so a block
//      that can't be written leaves a set that can be assembled again.
//   2. DISSOLVING: nobody assembles it any more. The blocks of the shield are written
//      back, the first sector last: from then on main is complete without the spare.
//   3. The metadata on the spare is erased.
//
// Each can be cut off at any moment and is resumed by running it again.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/assemble.h"
#include "core/entries.h"
#include "format/map.h"

namespace remap::core {

struct DissolveRequest {
    AssembleRequest set;
    std::string to;     // path: copy to that device instead
    bool force = false; // --to: overwrite what is there; zeros for what can't be read
};

struct DissolvePlan {
    DissolveRequest request;
    std::string name;
    bool assembled = false; // has to be stopped first
    format::SpareRecord record;
    sys::BlockDevice main;
    sys::BlockDevice spare;
    std::optional<sys::BlockDevice> to;
    std::vector<sys::Signature> to_signatures; // will be removed
    std::uint64_t blocks = 0;                  // on the spare, with those of the shield
    std::uint64_t shield_blocks = 0;
    std::uint64_t lost_sectors = 0;
    std::vector<SectorRange> lost; // the first of them
    std::vector<std::string> warnings;
    Locks locks;
};

// Look and write nothing. Throws Code::busy if the set is in use, Code::refused if it
// has lost sectors or is not in a state to be dissolved, and as plan_assemble().
[[nodiscard]] DissolvePlan plan_dissolve(sys::Host& host, dm::DeviceMapper& dm,
                                         const DissolveRequest& request);

struct DissolveResult {
    std::uint64_t blocks = 0;            // are on main again, or went to the copy
    std::vector<SectorRange> unreadable; // --to with force: are zeros in the copy
    std::vector<std::string> warnings;
};

// Do it. With "to" the set stays as it is, stopped. progress is told about blocks, and
// may throw as long as nothing is half done. Throws when a device fails: then the set
// can be assembled, or the error says that it has to be dissolved further.
DissolveResult dissolve(sys::Host& host, dm::DeviceMapper& dm, const DissolvePlan& plan,
                        const OnProgress& progress = {});

} // namespace remap::core
