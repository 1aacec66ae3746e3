// SPDX-License-Identifier: GPL-2.0-only
// How options and arguments are described: the words that stand for values.
//
// The word is the type name of an option. An argument has it as its name, or as a
// type name of its own if that says more than the name. Completion goes by these:
//
//   DEV      a block device          NAME   a set that is assembled
//   FILE     any file                SET    any set
//   DEV|FILE either                  VERB   a verb
//   a|b|c    one of these, see choice()
//
// Every other word (NEW, COUNT, RANGE, ...) stands for what can't be guessed.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace remap::ctl {

// An option that takes one of these values.
CLI::Option* choice(CLI::Option* option, const std::vector<std::string>& values);

// The word that stands for the value of an option or for an argument.
[[nodiscard]] std::string value_word(const CLI::Option& option);

// True for verbs that answer, but are not shown: those without a description.
[[nodiscard]] bool is_hidden(const CLI::App& verb);

// Arguments without the types of C++.
class HelpFormatter final : public CLI::Formatter {
public:
    HelpFormatter();
    [[nodiscard]] std::string make_option_opts(const CLI::Option* option) const override;
};

} // namespace remap::ctl
