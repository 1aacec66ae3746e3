// SPDX-License-Identifier: GPL-2.0-only
// Which device would make a good spare.
#pragma once

#include <string>
#include <vector>

#include "core/set.h"

namespace remap::core {

struct SpareCandidate {
    sys::BlockDevice device;
    std::string drawback; // empty: none
};

struct SpareAdvice {
    sys::BlockDevice main;
    Bytes recommended; // size of the spare
    // Unused devices without content, the best first.
    std::vector<SpareCandidate> candidates;
};

// 1 % of main, at least 1 GiB, in whole MiB.
[[nodiscard]] Bytes recommended_spare(Sector main_size);

// Looks for candidates and writes nothing. Throws Code::not_found if main is no
// block device.
[[nodiscard]] SpareAdvice advise_spare(sys::Host& host, const std::string& main);

} // namespace remap::core
