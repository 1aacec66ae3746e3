// SPDX-License-Identifier: GPL-2.0-only
// The boot loader and the firmware read the raw disk: what they read can't be on main.
#pragma once

#include <string>
#include <vector>

#include "sys/host.h"

namespace remap::core {

// Refuses a main that is, or contains, a partition for booting, whatever force says;
// and without force one whose file systems hold /boot. Returns warnings about what
// could not be looked at.
[[nodiscard]] std::vector<std::string>
refuse_boot_device(sys::Host& host, const sys::BlockDevice& main,
                   const std::vector<sys::Signature>& signatures, bool force);

} // namespace remap::core
