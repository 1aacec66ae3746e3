// SPDX-License-Identifier: GPL-2.0-only
#include "format/set_name.h"

#include <algorithm>
#include <dm-remap-format.h>
#include <string_view>

#include "base/text.h"

namespace remap::format {

namespace {

// What device-mapper takes without mangling, less what would confuse our own
// command line.
bool name_character(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view{"#+-.:=@_"}.find(c) != std::string_view::npos;
}

} // namespace

std::optional<std::string> name_problem(const std::string& name) {
    const bool good = !name.empty() && name[0] != '-' && name != "." && name != ".." &&
                      std::all_of(name.begin(), name.end(), name_character);
    if (!good || name == "control" || name.starts_with("UUID="))
        return "'" + printable(name) +
               "' can't be the name of a set; use letters, digits and #+-.:=@_";
    if (name.size() >= DMR_LABEL_SIZE)
        return strf("the name '%s' is longer than %d bytes", printable(name).c_str(),
                    DMR_LABEL_SIZE - 1);
    return std::nullopt;
}

} // namespace remap::format
