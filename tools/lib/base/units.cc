// SPDX-License-Identifier: GPL-2.0-only
#include "base/units.h"

#include <array>
#include <optional>

#include "base/error.h"
#include "base/text.h"

namespace remap {

namespace {

// Bytes per unit, 0 if there is no such unit.
std::uint64_t unit_bytes(std::string_view suffix) {
    const std::string unit = to_lower(suffix);
    if (unit == "s")
        return sector_size;
    if (unit == "b")
        return 1;
    constexpr std::string_view letters = "kmgtp";
    const auto power = unit.empty() ? std::string_view::npos : letters.find(unit[0]);
    if (power == std::string_view::npos)
        return 0;
    const std::string_view rest = std::string_view{unit}.substr(1);
    const bool binary = rest.empty() || rest == "ib";
    if (!binary && rest != "b")
        return 0;
    std::uint64_t bytes = 1;
    for (std::size_t i = 0; i <= power; ++i)
        bytes *= binary ? 1024 : 1000;
    return bytes;
}

struct Amount {
    std::uint64_t number;
    std::string_view suffix;
};

std::optional<Amount> parse_amount(std::string_view text) {
    const bool hex = text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const std::string_view digits = hex ? "0123456789abcdefABCDEF" : "0123456789";
    if (hex)
        text.remove_prefix(2);
    // "0x1b" is a number: hexadecimal digits win over the units b and s
    const auto length = std::min(text.find_first_not_of(digits), text.size());
    const auto number = parse_number<std::uint64_t>(text.substr(0, length), hex ? 16 : 10);
    if (!number)
        return std::nullopt;
    return Amount{*number, text.substr(length)};
}

Bytes amount_bytes(std::string_view text, std::uint64_t bare_unit, const char* kind) {
    const std::string quoted = "'" + printable(text) + "'";
    const auto amount = parse_amount(text);
    if (!amount)
        throw Error{Code::usage, quoted + strf(" is not a %s", kind),
                    "write a number with a unit, such as 4096s, 100M or 2GiB"};
    if (amount->suffix.empty() && bare_unit == 0)
        throw Error{Code::usage, "the size " + quoted + " has no unit",
                    "add one, such as " + std::to_string(amount->number) + "G or " +
                        std::to_string(amount->number) + "s"};
    const std::uint64_t unit = amount->suffix.empty() ? bare_unit : unit_bytes(amount->suffix);
    if (unit == 0)
        throw Error{Code::usage, quoted + " has an unknown unit",
                    "units are s, b, K, M, G, T, P, KiB ..., KB ..."};
    std::uint64_t bytes = 0;
    if (__builtin_mul_overflow(amount->number, unit, &bytes))
        throw Error{Code::usage, quoted + " is too large"};
    return Bytes{bytes};
}

} // namespace

Sector parse_position(std::string_view text) {
    const Bytes bytes = amount_bytes(text, sector_size, "position");
    if (bytes.value() % sector_size != 0)
        throw Error{Code::usage,
                    "'" + printable(text) + "' is not a whole number of 512-byte sectors"};
    return Sector{bytes.value() / sector_size};
}

Bytes parse_size(std::string_view text) {
    return amount_bytes(text, 0, "size");
}

std::string human_size(Bytes size) {
    static constexpr std::array units = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    auto value = static_cast<double>(size.value());
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < units.size()) {
        value /= 1024;
        ++unit;
    }
    const bool whole = unit == 0 || value >= 100;
    return strf("%.*f %s", whole ? 0 : 1, value, units[unit]);
}

} // namespace remap
