// SPDX-License-Identifier: GPL-2.0-only
#include "core/options.h"

#include <optional>

#include "base/error.h"
#include "base/text.h"

namespace remap::core {

namespace {

std::optional<std::size_t> kind_named(std::string_view name) {
    for (std::size_t i = 0; i < option_kinds.size(); ++i)
        if (name == option_kinds[i].name)
            return i;
    return std::nullopt;
}

std::optional<std::uint64_t> parse_value(const OptionKind& kind, std::string_view text) {
    if (kind.flag && (text == "yes" || text == "on" || text == "true"))
        return 1;
    if (kind.flag && (text == "no" || text == "off" || text == "false"))
        return 0;
    return parse_number<std::uint64_t>(text);
}

std::string names() {
    std::vector<std::string> all;
    for (const OptionKind& kind : option_kinds)
        all.emplace_back(kind.name);
    return join(all, ", ");
}

std::string range_text(const OptionKind& kind) {
    if (kind.flag)
        return "yes or no";
    return std::to_string(kind.least) + " to " + std::to_string(kind.most);
}

} // namespace

Options::Options(const std::vector<std::string>& words) {
    for (std::size_t i = 0; i < option_kinds.size(); ++i)
        values_[i] = option_kinds[i].usual;
    for (const std::string& word : words) {
        const auto equals = word.find('=');
        const auto kind = kind_named(std::string_view{word}.substr(0, equals));
        const bool valued = equals != std::string::npos;
        std::optional<std::uint64_t> value;
        if (kind && option_kinds[*kind].flag != valued)
            value =
                valued ? parse_number<std::uint64_t>(std::string_view{word}.substr(equals + 1)) : 1;
        if (value)
            values_[*kind] = *value;
        else
            unknown_.push_back(word);
    }
}

void Options::assign(std::string_view text) {
    const auto equals = text.find('=');
    const std::string quoted = "'" + printable(text) + "'";
    if (equals == std::string_view::npos)
        throw Error{Code::usage, quoted + " is no assignment", "write OPTION=VALUE"};
    const auto index = kind_named(text.substr(0, equals));
    if (!index)
        throw Error{Code::usage, "there is no option '" + printable(text.substr(0, equals)) + "'",
                    "options are " + names()};
    const OptionKind& kind = option_kinds[*index];
    const std::string_view word = text.substr(equals + 1);
    const auto value = word == "default" ? kind.usual : parse_value(kind, word);
    if (!value || *value < kind.least || *value > kind.most)
        throw Error{Code::usage, quoted + " is not possible",
                    std::string{kind.name} + " is " + range_text(kind) + ", or default"};
    values_[*index] = *value;
}

std::uint64_t Options::value(const OptionKind& kind) const {
    return values_[static_cast<std::size_t>(&kind - option_kinds.data())];
}

std::vector<std::string> Options::words() const {
    std::vector<std::string> result;
    for (const OptionKind& kind : option_kinds) {
        if (value(kind) == kind.usual)
            continue;
        result.push_back(kind.flag ? kind.name
                                   : std::string{kind.name} + "=" + std::to_string(value(kind)));
    }
    result.insert(result.end(), unknown_.begin(), unknown_.end());
    return result;
}

} // namespace remap::core
