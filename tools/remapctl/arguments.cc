// SPDX-License-Identifier: GPL-2.0-only
#include "arguments.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace remap::ctl {

namespace {

// Of CLI11, for options that were given no other name.
bool is_default_type(const std::string& name) {
    static constexpr std::array defaults = {"", "TEXT", "INT", "UINT", "FLOAT", "BOOLEAN"};
    return std::find(defaults.begin(), defaults.end(), name) != defaults.end();
}

} // namespace

CLI::Option* choice(CLI::Option* option, const std::vector<std::string>& values) {
    CLI::IsMember one_of{values};
    one_of.description(""); // the type name says it
    return option->check(one_of)->type_name(join(values, "|"));
}

std::string value_word(const CLI::Option& option) {
    const std::string type = option.get_type_name();
    return option.get_positional() && is_default_type(type) ? option.get_name(true) : type;
}

bool is_hidden(const CLI::App& verb) {
    return verb.get_description().empty();
}

HelpFormatter::HelpFormatter() {
    label("SUBCOMMAND", "VERB");
    label("Positionals", "Arguments");
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
    if (!option->get_positional())
        return Formatter::make_option_opts(option);
    // the usage line says whether it is required, and may come several times
    const std::string type = option->get_type_name();
    return type.find('|') == std::string::npos ? "" : " " + type;
}

} // namespace remap::ctl
