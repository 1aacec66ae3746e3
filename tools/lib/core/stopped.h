// SPDX-License-Identifier: GPL-2.0-only
// Sets that somebody has stopped. Stopping one makes events of its members, which
// must not bring it back at once: automatic assembly leaves it alone until it is
// assembled by hand, one of the disks was taken away and comes back, or the machine
// was started anew.
#pragma once

#include <vector>

#include "core/set.h"

namespace remap::core {

// Before a set is stopped. Never throws: at worst it comes back.
void remember_stopped(sys::Host& host, const Uuid& set,
                      const std::vector<sys::BlockDevice>& members);
// It is assembled, or was not stopped after all.
void forget_stopped(sys::Host& host, const Uuid& set);
// True if the set was stopped, with these very devices.
[[nodiscard]] bool was_stopped(sys::Host& host, const Uuid& set,
                               const std::vector<sys::BlockDevice>& members);

} // namespace remap::core
