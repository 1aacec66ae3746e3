// SPDX-License-Identifier: GPL-2.0-only
// UUIDs of sets and spares.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace remap {

struct Uuid {
    std::array<std::uint8_t, 16> bytes{};

    // A new random one. Throws Code::failed without a source of randomness.
    [[nodiscard]] static Uuid random();
    // 36 characters, in either case, or nothing.
    [[nodiscard]] static std::optional<Uuid> parse(std::string_view text);
    // Lower case, 36 characters.
    [[nodiscard]] std::string str() const;

    bool operator==(const Uuid&) const = default;
};

} // namespace remap
