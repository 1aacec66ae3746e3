// SPDX-License-Identifier: GPL-2.0-only
// The udev database.
#pragma once

#include <chrono>
#include <string>

#include "dm/device_mapper.h"

namespace remap::sys {

// A property of a block device as udev has recorded it; empty if udev doesn't run
// or doesn't know.
[[nodiscard]] std::string udev_property(dm::DeviceNumber number, const char* name);

// Waits until udev is done with a block device that came or changed. False: none did
// before the deadline, or udev can't be asked and the time is over.
[[nodiscard]] bool wait_for_block_device(std::chrono::steady_clock::time_point deadline);

} // namespace remap::sys
