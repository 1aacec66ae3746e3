// SPDX-License-Identifier: GPL-2.0-only
// What is wrong with a command line, in our words, and what may have been meant.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "base/error.h"

namespace remap::ctl {

// What CLI11 says when it can't parse, as one line in our form.
[[nodiscard]] Error usage_error(const CLI::App& app, const CLI::ParseError& e);

// The candidates that word may be a misspelling or the beginning of: the nearest
// ones, or none if nothing is near.
[[nodiscard]] std::vector<std::string> nearest(const std::string& word,
                                               const std::vector<std::string>& candidates);

} // namespace remap::ctl
