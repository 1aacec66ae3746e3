// SPDX-License-Identifier: GPL-2.0-only
// The udev database.
#pragma once

#include <string>

#include "dm/device_mapper.h"

namespace remap::sys {

// A property of a block device as udev has recorded it; empty if udev doesn't run
// or doesn't know.
[[nodiscard]] std::string udev_property(dm::DeviceNumber number, const char* name);

} // namespace remap::sys
