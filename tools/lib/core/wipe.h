// SPDX-License-Identifier: GPL-2.0-only
// Removing dm-remap's metadata from a device.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/set.h"

namespace remap::core {

struct WipePlan {
    FoundSpare spare;
    std::uint64_t entries = 0; // remapped blocks whose content would be gone
    std::uint64_t damaged = 0; // entries and table blocks that can't be read
    Locks locks;
};

struct WipeRequest {
    std::string path;
    std::optional<std::uint64_t> discard_remapped; // the user knows of that many
    bool force = false;                            // also if they can't be counted
};

// Throws Code::not_found if the device is no member, Code::busy if it is in use,
// Code::refused if it holds remapped blocks and the request doesn't name how many.
[[nodiscard]] WipePlan plan_wipe(sys::Host& host, const WipeRequest& request);

// Clear both superblocks. Throws os_error when a write fails.
void wipe_device(sys::Host& host, const WipePlan& plan);

} // namespace remap::core
