// SPDX-License-Identifier: GPL-2.0-only
// Locks between programs.
#pragma once

#include <string>

#include "sys/host.h"

namespace remap::sys {

// The lock of a set: a file in a directory that is made if it isn't there. Throws
// Code::busy if another program has it.
[[nodiscard]] Lock take_set_lock(const std::string& directory, const std::string& key);

} // namespace remap::sys
