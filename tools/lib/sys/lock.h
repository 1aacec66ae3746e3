// SPDX-License-Identifier: GPL-2.0-only
// Lock files: one tool at a time.
#pragma once

#include <chrono>
#include <string>

#include "base/fd.h"

namespace remap::sys {

// Held locks end with the descriptor.
using Lock = Fd;

// Takes <directory>/<key>.lock, making the directory if there is none. Waits for
// whoever has it until the timeout, then throws Code::busy "<what> is locked ...",
// with the process that has it.
[[nodiscard]] Lock lock_file(const std::string& directory, const std::string& key,
                             const std::string& what, std::chrono::seconds timeout);

} // namespace remap::sys
