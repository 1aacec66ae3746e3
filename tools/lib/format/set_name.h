// SPDX-License-Identifier: GPL-2.0-only
// What a set may be called: it becomes a file name in /dev/mapper and a label of at
// most 63 bytes.
#pragma once

#include <optional>
#include <string>

namespace remap::format {

// Why a set can't have that name, or nothing.
[[nodiscard]] std::optional<std::string> name_problem(const std::string& name);

} // namespace remap::format
