// SPDX-License-Identifier: GPL-2.0-only
// Damage to the image of a spare, by name.
#pragma once

#include <random>
#include <string>

#include "format/block_io.h"
#include "format/spare.h"

namespace remap::test {

// What --damage of mkspare takes: see damage_help. Throws Code::usage.
void damage(format::BlockWriter& file, const std::string& what, const dmr_superblock& sb,
            std::mt19937_64& random);

inline constexpr const char* damage_help =
    "sb0, sb1, table0:N or table1:N, then =zero, =torn, =noise, =flip or =old (an older "
    "content; of table blocks without their entries); sb0=other-size, =other-spare, =newer; "
    "tableC:N=conflict, =moved, =earlier; entry:SLOT=beyond, =state, =reason, =generation, "
    "=free, =duplicate, =same-generation; stale-superblock; given-up:COPY";

} // namespace remap::test
