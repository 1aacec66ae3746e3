// SPDX-License-Identifier: GPL-2.0-only
// Small string helpers. The oldest supported compilers have no std::format.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace remap {

// printf into a string.
[[nodiscard]] [[gnu::format(printf, 1, 2)]] std::string strf(const char* format, ...);

// For %llu.
[[nodiscard]] constexpr unsigned long long ull(std::uint64_t value) {
    return value;
}

// Without white space at both ends.
[[nodiscard]] std::string_view trim(std::string_view text);

// The words of a text separated by white space.
[[nodiscard]] std::vector<std::string_view> words(std::string_view text);

// Split at every separator; "a,,b" has three parts, "" has one.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

[[nodiscard]] std::string join(const std::vector<std::string>& parts, std::string_view separator);

[[nodiscard]] std::string to_lower(std::string_view text);

// "1 block", "2 blocks": only for words that take a plain s.
[[nodiscard]] std::string count_of(unsigned long long number, std::string_view word);

// A text that may come from a disk, made safe to show: control characters and
// invalid UTF-8 become '?'.
[[nodiscard]] std::string printable(std::string_view text);

// A whole number without sign, blanks or trailing text, or nothing.
template <std::unsigned_integral T>
[[nodiscard]] std::optional<T> parse_number(std::string_view text, int base = 10) {
    T value{};
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, value, base);
    if (text.empty() || error != std::errc{} || at != end)
        return std::nullopt;
    return value;
}

} // namespace remap
