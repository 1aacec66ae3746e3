// SPDX-License-Identifier: GPL-2.0-only
// Lists of ranges: how people write them, sorting and merging, and turning
// sectors into the blocks they touch.
#pragma once

#include <string_view>
#include <vector>

#include "base/units.h"

namespace remap {

// count units from first on; count is never 0.
template <class Unit>
struct Range {
    Unit first;
    Unit count;

    [[nodiscard]] constexpr Unit end() const { return first + count; }
    constexpr bool operator==(const Range&) const = default;
};

using SectorRange = Range<Sector>;
using BlockRange = Range<BlockNo>;

// "N", "N-M" (both included) or "N+LEN". N, M and LEN are positions as
// parse_position() takes them. Throws Code::usage.
[[nodiscard]] SectorRange parse_range(std::string_view text);

// A list, one range a line; '#' starts a comment, empty lines are skipped. Any
// other line that is no range throws Code::usage "<name>:<line>: ...".
[[nodiscard]] std::vector<SectorRange> parse_range_list(std::string_view content,
                                                        std::string_view name);

// Sorted, with overlapping and adjacent ranges merged.
[[nodiscard]] std::vector<SectorRange> normalised(std::vector<SectorRange> ranges);

// The blocks that contain at least one of the sectors; sorted and merged.
[[nodiscard]] std::vector<BlockRange> touched_blocks(std::vector<SectorRange> ranges);

// How many blocks the (disjoint) ranges cover.
[[nodiscard]] BlockNo total(const std::vector<BlockRange>& ranges);

} // namespace remap
