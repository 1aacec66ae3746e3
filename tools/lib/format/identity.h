// SPDX-License-Identifier: GPL-2.0-only
// Recognising the main device of a set that has no member header: by its size and
// what is recorded of its names.
#pragma once

#include <optional>
#include <string>

#include "base/units.h"
#include "format/spare.h"

namespace remap::format {

// A device that may be the one.
struct Candidate {
    Sector size;
    bool partition = false;
    Identity identity;
};

// Why a device is not the one that was recorded, or nothing: a phrase such as "its
// WWN is ..., not ...".
[[nodiscard]] std::optional<std::string>
identity_mismatch(const Identity& recorded, Sector recorded_size, const Candidate& device);

} // namespace remap::format
