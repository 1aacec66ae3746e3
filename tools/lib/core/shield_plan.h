// SPDX-License-Identifier: GPL-2.0-only
// Which blocks of main the shield has to take over so that nothing on it is taken for
// a file system, a partition table or a member of anything else. Reads only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/ranges.h"
#include "format/block_io.h"
#include "format/member.h"
#include "sys/host.h"

namespace remap::core {

struct ShieldedBlock {
    BlockNo block;
    std::vector<std::string> found;  // what shows there: "ext4", "GPT backup"
    std::vector<std::byte> original; // as long as the block, the last one may be short
    std::vector<std::byte> image;    // what will be there instead
};

struct ShieldPlan {
    std::vector<ShieldedBlock> blocks; // ascending, the first is block 0
    std::vector<std::string> warnings;
};

// More than that many blocks are not a signature, but content.
inline constexpr std::size_t max_shield_blocks = 64;

// Where the shield looks, and so where its blocks can be: ascending and disjoint.
// block0: the original content of that block, which can name further places.
[[nodiscard]] std::vector<BlockRange> shield_places(Sector main_size,
                                                    std::span<const std::byte> block0);

// main: its path, for messages; lbs: its logical block size. Throws Code::refused if
// main can't be shielded: what would stay visible, content that does not compress,
// unreadable blocks, a boot partition.
[[nodiscard]] ShieldPlan plan_shield(format::BlockReader& device,
                                     const format::MemberHeader& header, std::uint32_t lbs,
                                     const std::string& main);

// What shows on a device, looked at in the same way. Blocks that can't be read show
// nothing.
[[nodiscard]] std::vector<sys::Signature>
visible_signatures(format::BlockReader& device, std::uint32_t lbs, const std::string& path);

// The image of a block that has changed: the first that fits and shows nothing of its
// own. Nothing if there is none.
[[nodiscard]] std::optional<std::vector<std::byte>>
shield_image(BlockNo block, std::span<const std::byte> original, const format::MemberHeader& header,
             std::uint32_t lbs);

// A partition type that a boot loader reads past the kernel, as a phrase; else empty.
[[nodiscard]] std::string boot_partition(const std::string& type);

} // namespace remap::core
