// SPDX-License-Identifier: GPL-2.0-only
// /etc/remaptab: the sets that the administrator has listed, one a line (remaptab(5)).
//
//   NAME  MAIN  SPARE  [OPTION,...]
//
// MAIN   "-": the device that carries the set's member header; a path; or how to
//        recognise it: WWN=, SERIAL=, PARTUUID= and SIZE= (sectors), joined by ","
// SPARE  UUID= and the UUID of the set, or a path
//
// In a field \040 stands for the character with that octal number. "#" begins a
// comment, at the start of a line or behind a blank.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "base/uuid.h"
#include "format/spare.h"

namespace remap::format {

struct RemaptabEntry {
    unsigned line = 0;
    std::string name;
    // At most one of these: none of them is "-".
    std::string main_path;
    Identity main;
    Sector main_size; // with main; 0: any
    // Exactly one of these.
    std::optional<Uuid> set_uuid;
    std::string spare_path;

    bool no_auto = false; // not at boot
    bool read_only = false;
    bool nofail = false; // that it is missing is no failure
    // How long it may be incomplete before that is reported.
    std::chrono::seconds timeout = default_timeout;

    static constexpr std::chrono::seconds default_timeout{30};
    [[nodiscard]] bool names_main() const { return !main.empty(); }
};

struct Remaptab {
    std::vector<RemaptabEntry> entries;
    // Of the lines that were left out: "line 3: ...".
    std::vector<std::string> problems;
};

// Never throws for what the text holds: a line that is wrong is left out whole.
[[nodiscard]] Remaptab parse_remaptab(std::string_view text);

// The line for a set without member header, without newline.
[[nodiscard]] std::string remaptab_line(const SpareRecord& record);

// The text with a line added, or without the lines of a set; everything else stays
// as it is.
[[nodiscard]] std::string add_line(std::string text, const std::string& line);
[[nodiscard]] std::string without_set(std::string_view text, const Uuid& set);

} // namespace remap::format
