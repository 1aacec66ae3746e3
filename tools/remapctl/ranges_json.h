// SPDX-License-Identifier: GPL-2.0-only
// Ranges of sectors in JSON.
#pragma once

#include <vector>

#include "base/json.h"
#include "base/ranges.h"

namespace remap::ctl {

[[nodiscard]] inline Json ranges_json(const std::vector<SectorRange>& ranges) {
    Json array = Json::array();
    for (const SectorRange& range : ranges)
        array.push_back({{"first_sector", range.first.value()}, {"sectors", range.count.value()}});
    return array;
}

} // namespace remap::ctl
