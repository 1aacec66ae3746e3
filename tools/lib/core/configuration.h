// SPDX-License-Identifier: GPL-2.0-only
// What the administrator has laid down: /etc/remaptab and /etc/dm-remap/remapctl.conf.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "format/remaptab.h"
#include "sys/host.h"

namespace remap::core {

// Which sets are assembled without being asked for.
enum class AutoPolicy {
    mutual, // listed ones, and those whose main and spare name each other
    listed, // only those in /etc/remaptab
    none,
};

struct Configuration {
    AutoPolicy auto_policy = AutoPolicy::mutual;
};

// Lines KEY=VALUE under [assemble]; "#" and ";" begin comments. Throws Code::usage
// with the number of the line.
[[nodiscard]] Configuration parse_configuration(std::string_view text);

// A file that isn't there is an empty one. Throws as parse_configuration(), and
// os_error if a file can't be read.
[[nodiscard]] Configuration read_configuration(sys::Host& host);
[[nodiscard]] format::Remaptab read_remaptab(sys::Host& host);

// Put the line of a set without member header into remaptab, so that its main
// device is recognised at boot. Returns false if it is there already, or if main has
// no name by which to recognise it. Throws os_error if the file can't be written.
bool list_set(sys::Host& host, const format::SpareRecord& record);
// Remove the lines of a set. Returns false if there are none. Throws os_error.
bool unlist_set(sys::Host& host, const Uuid& set);

} // namespace remap::core
