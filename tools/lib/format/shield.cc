// SPDX-License-Identifier: GPL-2.0-only
#include "format/shield.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <dm-remap-layout.h>
#include <zlib.h>

#include "base/error.h"

namespace remap::format {

namespace {

constexpr int raw_deflate = -MAX_WBITS;

struct Method {
    int level;
    int strategy;
};
// The best first; the others give other bytes, should these look like a signature.
constexpr std::array<Method, shield_variants> methods = {{
    {9, Z_DEFAULT_STRATEGY},
    {9, Z_FILTERED},
    {6, Z_DEFAULT_STRATEGY},
    {5, Z_DEFAULT_STRATEGY},
    {4, Z_DEFAULT_STRATEGY},
    {3, Z_DEFAULT_STRATEGY},
    {2, Z_DEFAULT_STRATEGY},
    {1, Z_DEFAULT_STRATEGY},
    {9, Z_RLE},
    {9, Z_FIXED},
    {9, Z_HUFFMAN_ONLY},
    {1, Z_FIXED},
}};

// Returns how many bytes came out; 0 if they do not fit.
std::size_t compress(std::span<const std::byte> from, std::span<std::byte> to,
                     const Method& method) {
    z_stream z{};
    if (deflateInit2(&z, method.level, Z_DEFLATED, raw_deflate, MAX_MEM_LEVEL, method.strategy) !=
        Z_OK)
        throw Error{Code::failed, "not enough memory to compress a block"};
    // zlib does not write to what it reads, it only says so since 1.2.5.2
    z.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(from.data()));
    z.avail_in = static_cast<uInt>(from.size());
    z.next_out = reinterpret_cast<Bytef*>(to.data());
    z.avail_out = static_cast<uInt>(to.size());
    const int result = deflate(&z, Z_FINISH);
    const std::size_t length = z.total_out;
    deflateEnd(&z);
    return result == Z_STREAM_END ? length : 0;
}

// True if exactly "to" came out of exactly "from".
bool decompress(std::span<const std::byte> from, std::span<std::byte> to) {
    z_stream z{};
    if (inflateInit2(&z, raw_deflate) != Z_OK)
        throw Error{Code::failed, "not enough memory to decompress a block"};
    z.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(from.data()));
    z.avail_in = static_cast<uInt>(from.size());
    z.next_out = reinterpret_cast<Bytef*>(to.data());
    z.avail_out = static_cast<uInt>(to.size());
    const int result = inflate(&z, Z_FINISH);
    const bool whole = result == Z_STREAM_END && z.avail_out == 0 && z.avail_in == 0;
    inflateEnd(&z);
    return whole;
}

std::span<const std::byte> shield_part(std::span<const std::byte> raw, BlockNo block) {
    return raw.subspan(std::min(shield_offset(block), raw.size()));
}

dmr_shield header_of(std::span<const std::byte> part) {
    dmr_shield s;
    std::memcpy(&s, part.data(), sizeof(s));
    return s;
}

} // namespace

std::size_t block_length(BlockNo block, Sector main_size) {
    const std::uint64_t rest = (main_size - first_sector(block)).value();
    return std::min<std::uint64_t>(rest, sectors_per_block) * sector_size;
}

std::uint32_t content_csum(std::span<const std::byte> content) {
    return dmr_crc32c(~0U, content.data(), content.size());
}

std::optional<std::vector<std::byte>>
pack_shield(const ShieldHeader& header, std::span<const std::byte> original, unsigned variant) {
    const std::size_t data_at = shield_offset(header.block) + sizeof(dmr_shield);
    std::vector<std::byte> block(original.size());
    if (data_at >= block.size())
        return std::nullopt;
    const std::size_t length =
        compress(original, std::span{block}.subspan(data_at), methods.at(variant));
    if (length == 0)
        return std::nullopt;
    dmr_shield s{};
    s.length = cpu_to_le16(static_cast<std::uint16_t>(length));
    s.orig_csum = cpu_to_le32(content_csum(original));
    s.orig_length = cpu_to_le32(static_cast<std::uint32_t>(original.size()));
    std::memcpy(s.set_uuid, header.set_uuid.bytes.data(), sizeof(s.set_uuid));
    s.block = cpu_to_le64(header.block.value());
    s.epoch = cpu_to_le64(header.epoch);
    // what zlib tried and gave up may lie behind its result
    std::fill(block.begin() + static_cast<std::ptrdiff_t>(data_at + length), block.end(),
              std::byte{0});
    std::memcpy(block.data() + shield_offset(header.block), &s, sizeof(s));
    dmr_shield_seal(reinterpret_cast<dmr_shield*>(block.data() + shield_offset(header.block)));
    return block;
}

std::optional<std::vector<std::byte>> pack_shield(const ShieldHeader& header,
                                                  std::span<const std::byte> original) {
    for (unsigned variant = 0; variant < shield_variants; ++variant)
        if (auto block = pack_shield(header, original, variant))
            return block;
    return std::nullopt;
}

FoundShield look_at_shield(std::span<const std::byte> raw, BlockNo block) {
    FoundShield found;
    const auto part = shield_part(raw, block);
    if (part.size() < sizeof(dmr_shield)) {
        found.problem = "no shield header";
        return found;
    }
    const dmr_shield s = header_of(part);
    found.has_magic = std::memcmp(s.magic, DMR_SHIELD_MAGIC, DMR_MAGIC_SIZE) == 0;
    std::memcpy(found.set_uuid.bytes.data(), s.set_uuid, sizeof(s.set_uuid));
    if (const char* const why = dmr_shield_check(part.data(), part.size(), block.value())) {
        found.problem = why;
        return found;
    }
    found.epoch = le64_to_cpu(s.epoch);
    found.original_csum = le32_to_cpu(s.orig_csum);
    found.original_length = le32_to_cpu(s.orig_length);
    found.end = shield_offset(block) + sizeof(s) + le16_to_cpu(s.length);
    if (found.original_length != raw.size())
        found.problem = "it is the content of a block of another length";
    return found;
}

std::vector<std::byte> unpack_shield(std::span<const std::byte> raw, BlockNo block) {
    const FoundShield found = look_at_shield(raw, block);
    if (!found.problem.empty())
        throw Error{Code::damaged, found.problem};
    const auto part = shield_part(raw, block);
    const std::size_t length = le16_to_cpu(header_of(part).length);
    std::vector<std::byte> original(found.original_length);
    if (!decompress(part.subspan(sizeof(dmr_shield), length), original))
        throw Error{Code::damaged, "its compressed content is damaged"};
    if (content_csum(original) != found.original_csum)
        throw Error{Code::damaged, "its content does not match its checksum"};
    return original;
}

} // namespace remap::format
