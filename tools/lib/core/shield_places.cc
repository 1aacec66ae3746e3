// SPDX-License-Identifier: GPL-2.0-only
// Signatures that libblkid does not report, or only together with the primary one.
#include "core/shield_places.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/shield_plan.h"

namespace remap::core {

namespace {

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;
constexpr std::uint64_t gib = 1024 * mib;
// All that libblkid reads, with room: at the end nothing lies farther from it than a
// few hundred KiB.
constexpr std::uint64_t edge = 8 * mib;

struct Magic {
    const char* name;
    std::uint64_t place; // of the magic, bytes from the start of the device
    std::string_view bytes;
};

using namespace std::string_view_literals;
constexpr std::string_view gpt_magic = "EFI PART"sv;
constexpr std::string_view luks2_second_magic = "SKUL\xba\xbe"sv;
constexpr std::string_view btrfs_magic = "_BHRfS_M"sv;
constexpr std::string_view md_magic = "\xfc\x4e\x2b\xa9"sv;
constexpr std::string_view md_magic_big_endian = "\xa9\x2b\x4e\xfc"sv;
constexpr std::string_view f2fs_magic = "\x10\x20\xf5\xf2"sv;
constexpr std::string_view bcachefs_magic =
    "\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef"sv;
constexpr std::string_view bcachefs_old_magic =
    "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81"sv;

constexpr std::array luks2_second_places = {16 * kib,  32 * kib,   64 * kib, 128 * kib, 256 * kib,
                                            512 * kib, 1024 * kib, 2 * mib,  4 * mib};
constexpr std::array btrfs_places = {64 * kib, 64 * mib, 256 * gib};
constexpr std::uint64_t btrfs_magic_offset = 64;

// The layout of bcachefs, at the end of block 0, lists where its superblocks are.
constexpr std::size_t bcachefs_layout = 3584;
constexpr std::size_t bcachefs_count = bcachefs_layout + 18;
constexpr std::size_t bcachefs_list = bcachefs_layout + 24;
constexpr std::size_t bcachefs_most = 61;
constexpr std::uint64_t bcachefs_magic_offset = 24;

bool has(std::span<const std::byte> content, std::size_t at, std::string_view bytes) {
    return content.size() >= at + bytes.size() &&
           std::memcmp(content.data() + at, bytes.data(), bytes.size()) == 0;
}

std::vector<std::uint64_t> bcachefs_places(std::span<const std::byte> block0) {
    if (!has(block0, bcachefs_layout, bcachefs_magic) &&
        !has(block0, bcachefs_layout, bcachefs_old_magic))
        return {};
    const std::size_t count =
        std::min(std::to_integer<std::size_t>(block0[bcachefs_count]), bcachefs_most);
    std::vector<std::uint64_t> places;
    for (std::size_t i = 0; i < count; ++i) {
        std::uint64_t sector = 0;
        for (std::size_t byte = 8; byte-- > 0;)
            sector =
                sector << 8 | std::to_integer<std::uint64_t>(block0[bcachefs_list + 8 * i + byte]);
        if (sector < max_sector.value())
            places.push_back(to_bytes(Sector{sector}).value());
    }
    return places;
}

std::vector<Magic> all_magics(std::uint64_t size, std::span<const std::byte> block0) {
    std::vector<Magic> magics;
    for (const std::uint64_t lbs : {512ULL, 4096ULL}) {
        magics.push_back({"GPT", lbs, gpt_magic});
        if (size >= lbs)
            magics.push_back({"GPT backup", size - lbs, gpt_magic});
    }
    for (const std::uint64_t place : luks2_second_places)
        magics.push_back({"LUKS2 second header", place, luks2_second_magic});
    for (const std::uint64_t place : btrfs_places)
        magics.push_back({"btrfs superblock", place + btrfs_magic_offset, btrfs_magic});
    magics.push_back({"MD 1.1", 0, md_magic});
    magics.push_back({"MD 1.2", 4 * kib, md_magic});
    const std::uint64_t sectors = size / sector_size;
    if (sectors >= 16)
        magics.push_back({"MD 1.0", ((sectors - 16) & ~7ULL) * sector_size, md_magic});
    if (sectors >= 256)
        for (const std::string_view bytes : {md_magic, md_magic_big_endian})
            magics.push_back({"MD 0.90", ((sectors & ~127ULL) - 128) * sector_size, bytes});
    for (const std::uint64_t place : {1 * kib, 5 * kib})
        magics.push_back({"f2fs superblock", place, f2fs_magic});
    for (const std::uint64_t place : bcachefs_places(block0))
        for (const std::string_view bytes : {bcachefs_magic, bcachefs_old_magic})
            magics.push_back({"bcachefs superblock", place + bcachefs_magic_offset, bytes});
    std::erase_if(magics, [&](const Magic& m) { return m.place + m.bytes.size() > size; });
    return magics;
}

} // namespace

std::vector<BlockRange> shield_places(Sector main_size, std::span<const std::byte> block0) {
    const std::uint64_t size = to_bytes(main_size).value();
    std::vector<SectorRange> ranges;
    const auto add = [&](std::uint64_t first, std::uint64_t end) {
        const Sector begin{first / sector_size};
        const Sector stop{std::min(end, size) / sector_size};
        if (begin < stop)
            ranges.push_back({begin, stop - begin});
    };
    add(0, edge);
    add(size - std::min(size, edge), size);
    for (const Magic& magic : all_magics(size, block0))
        add(magic.place, magic.place + block_size);
    return touched_blocks(std::move(ranges));
}

std::vector<sys::Signature> secondary_signatures(const sys::SparseImage& image,
                                                 std::span<const std::byte> block0) {
    std::vector<sys::Signature> found;
    std::array<std::byte, 16> bytes;
    for (const Magic& magic : all_magics(to_bytes(image.size()).value(), block0)) {
        const auto there = std::span{bytes}.first(magic.bytes.size());
        image.read(Bytes{magic.place}, there);
        if (has(there, 0, magic.bytes))
            found.push_back({magic.name, "other", {}, Bytes{magic.place}});
    }
    return found;
}

} // namespace remap::core
