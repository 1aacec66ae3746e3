// SPDX-License-Identifier: GPL-2.0-only
// The way out: a set as a table of linear and error targets, which every kernel
// has. It shows the same data as the set, and lost sectors fail; new errors are not
// remapped.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/assemble.h"
#include "format/map.h"

namespace remap::core {

struct PlainSet {
    format::LoadedMap map;
    std::string main; // paths, as they go into the table
    std::string spare;
    std::vector<std::string> warnings;
};

// Reads the metadata. With both request.main and request.spare they may be images,
// and no kernel is asked. Throws as plan_assemble(), Code::damaged if the metadata
// can't be used.
[[nodiscard]] PlainSet plain_set(sys::Host& host, dm::DeviceMapper& dm,
                                 const AssembleRequest& request);

// Hands over the lines of the table, ascending and without gaps; neighbours that
// continue each other are one line.
void for_each_target(const PlainSet& set, const std::function<void(const dm::Target&)>& visit);

} // namespace remap::core
