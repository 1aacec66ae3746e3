// SPDX-License-Identifier: GPL-2.0-only
// Main devices without a member header, which only /etc/remaptab knows.
#pragma once

#include <string>

namespace remap::probe {

// Lines for udev as answer(), if /etc/remaptab below root names the device as the main
// device of a set by WWN=, SERIAL= or PARTUUID=; else empty. The device is not read:
// what it is says /sys, and udev's ID_PART_ENTRY_UUID in the environment.
[[nodiscard]] std::string listed(const std::string& device, const std::string& root);

// Is the device itself mounted, or used as swap?
[[nodiscard]] bool is_mounted(const std::string& device);

} // namespace remap::probe
