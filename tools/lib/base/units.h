// SPDX-License-Identifier: GPL-2.0-only
// Sectors, bytes and blocks as types that do not mix, and how people write them.
//
// A sector is 512 bytes and a block 4096 bytes, on every device. Positions that
// people type are sectors unless they carry a unit; sizes must carry one.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace remap {

inline constexpr std::uint64_t sector_size = 512;
inline constexpr std::uint64_t block_size = 4096;
inline constexpr std::uint64_t sectors_per_block = block_size / sector_size;

// A number of Tag, either a position or a count.
template <class Tag>
class Quantity {
public:
    constexpr Quantity() = default;
    constexpr explicit Quantity(std::uint64_t value) : value_{value} {}
    [[nodiscard]] constexpr std::uint64_t value() const { return value_; }

    constexpr auto operator<=>(const Quantity&) const = default;
    constexpr Quantity operator+(Quantity other) const { return Quantity{value_ + other.value_}; }
    constexpr Quantity operator-(Quantity other) const { return Quantity{value_ - other.value_}; }
    constexpr Quantity& operator+=(Quantity other) { return *this = *this + other; }

private:
    std::uint64_t value_ = 0;
};

using Sector = Quantity<struct SectorTag>;
using Bytes = Quantity<struct BytesTag>;
using BlockNo = Quantity<struct BlockTag>;

// Sectors have to stay below 2^55, so that their bytes fit 64 bits.
inline constexpr Sector max_sector{UINT64_MAX / sector_size};

[[nodiscard]] constexpr Bytes to_bytes(Sector s) {
    return Bytes{s.value() * sector_size};
}
[[nodiscard]] constexpr Sector first_sector(BlockNo b) {
    return Sector{b.value() * sectors_per_block};
}
// The block that holds a sector.
[[nodiscard]] constexpr BlockNo block_of(Sector s) {
    return BlockNo{s.value() / sectors_per_block};
}
// How many blocks a device of that size has; the last one may be short.
[[nodiscard]] constexpr BlockNo blocks_in(Sector size) {
    return BlockNo{size.value() / sectors_per_block + (size.value() % sectors_per_block != 0)};
}

// A position: a bare number is a sector, decimal or 0x; suffixes: s (sectors),
// b (bytes), K M G T P and KiB ... (1024), KB ... (1000). Throws Code::usage when
// it is no number, does not fit, or does not fall on a sector.
[[nodiscard]] Sector parse_position(std::string_view text);

// A size: as a position, but the unit is not optional.
[[nodiscard]] Bytes parse_size(std::string_view text);

// "3.6 TiB", "512 B": for people, rounded.
[[nodiscard]] std::string human_size(Bytes size);

} // namespace remap
