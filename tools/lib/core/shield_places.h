// SPDX-License-Identifier: GPL-2.0-only
// The own list of signatures of shield_plan.cc.
#pragma once

#include <span>
#include <vector>

#include "sys/host.h"
#include "sys/sparse_image.h"

namespace remap::core {

// Those that are in the image, with their places. block0: the original content of
// block 0.
[[nodiscard]] std::vector<sys::Signature> secondary_signatures(const sys::SparseImage& image,
                                                               std::span<const std::byte> block0);

} // namespace remap::core
