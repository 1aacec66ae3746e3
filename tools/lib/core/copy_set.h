// SPDX-License-Identifier: GPL-2.0-only
// The copy that dissolve --to makes.
#pragma once

#include "core/dissolve.h"

namespace remap::core {

// Copy what the remap device shows to plan.to. The first block comes last: a copy that
// is not complete is not taken for one. Throws Code::failed at a sector that can't be
// read, unless force.
DissolveResult copy_set(sys::Host& host, const DissolvePlan& plan, const OnProgress& progress);

} // namespace remap::core
