// SPDX-License-Identifier: GPL-2.0-only
// JSON values whose members keep the order in which they were added.
#pragma once

#include <nlohmann/json.hpp>

namespace remap {

using Json = nlohmann::ordered_json;

} // namespace remap
