// SPDX-License-Identifier: GPL-2.0-only
// The remapped blocks of an assembled set: adding, un-mapping, listing.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/ranges.h"
#include "core/set.h"

namespace remap::core {

// Size of the device of a set. Throws Code::not_found if it is not assembled.
[[nodiscard]] Sector set_size(dm::DeviceMapper& dm, const std::string& name);

// The blocks that the sectors touch. Throws Code::usage if one lies behind the
// end of a device of that size.
[[nodiscard]] std::vector<BlockRange> blocks_to_map(std::vector<SectorRange> sectors, Sector size,
                                                    const std::string& name);

struct AddResult {
    std::uint64_t requested = 0; // blocks
    std::uint64_t added = 0;
    std::uint64_t already = 0; // were mapped before
    std::uint64_t failed = 0;
};

// Told now and then how many blocks are done, of how many; may throw to end the
// work there, which leaves nothing half done.
using OnProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

// Map blocks (sorted and merged). What can be read of them is kept, unless lost.
// Sends as many messages as it takes.
AddResult add_blocks(dm::DeviceMapper& dm, const std::string& name,
                     const std::vector<BlockRange>& blocks, bool lost,
                     const OnProgress& progress = {});

struct UnmapResult {
    std::uint64_t requested = 0; // blocks
    std::uint64_t unmapped = 0;
    std::uint64_t before = 0; // were not mapped
    std::uint64_t refused = 0;
};

// Move blocks back to main.
UnmapResult unmap_blocks(dm::DeviceMapper& dm, const std::string& name,
                         const std::vector<BlockRange>& blocks, const OnProgress& progress = {});

// Call visit for each entry in [first, end), ascending, until it returns false.
void for_each_entry(dm::DeviceMapper& dm, const std::string& name, BlockNo first, BlockNo end,
                    const std::function<bool(const dm::MapEntry&)>& visit);

// The lost sectors of an entry as ranges, within a device of that size.
[[nodiscard]] std::vector<SectorRange> lost_ranges(const dm::MapEntry& entry);

} // namespace remap::core
