// SPDX-License-Identifier: GPL-2.0-only
// A block of main that the shield has taken over: header and compressed original
// (struct dmr_shield in dm-remap-format.h, remap-metadata(5)). In block 0 they stand
// behind the member header, which is none of this file's business.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/units.h"
#include "base/uuid.h"

namespace remap::format {

// Where in its block the shield header stands, in bytes.
[[nodiscard]] constexpr std::size_t shield_offset(BlockNo block) {
    return block == BlockNo{0} ? sector_size : 0;
}
// The bytes of a block of a main of that size: the last one may be short.
[[nodiscard]] std::size_t block_length(BlockNo block, Sector main_size);

struct ShieldHeader {
    Uuid set_uuid;
    BlockNo block;
    std::uint64_t epoch = 0;
};

// There are that many ways to compress, which give different bytes.
inline constexpr unsigned shield_variants = 12;

// The block as it is to be written, as long as original; of block 0 the first sector
// is left zero. Nothing if original does not fit when it is compressed that way.
[[nodiscard]] std::optional<std::vector<std::byte>>
pack_shield(const ShieldHeader& header, std::span<const std::byte> original, unsigned variant);
// The first variant that fits.
[[nodiscard]] std::optional<std::vector<std::byte>>
pack_shield(const ShieldHeader& header, std::span<const std::byte> original);

// What a block of main says.
struct FoundShield {
    bool has_magic = false;
    std::string problem; // empty: header and data are whole
    Uuid set_uuid;       // the rest only if there is no problem
    std::uint64_t epoch = 0;
    std::uint32_t original_csum = 0;
    std::size_t original_length = 0;
    std::size_t end = 0; // of the compressed data, bytes from the start of the block
};
// raw: the whole block, which may be short. Never throws for what is in it.
[[nodiscard]] FoundShield look_at_shield(std::span<const std::byte> raw, BlockNo block);

// The original content. Throws Code::damaged with a phrase if there is none, or if it
// is not what the header says.
[[nodiscard]] std::vector<std::byte> unpack_shield(std::span<const std::byte> raw, BlockNo block);

// As FoundShield::original_csum.
[[nodiscard]] std::uint32_t content_csum(std::span<const std::byte> content);

} // namespace remap::format
