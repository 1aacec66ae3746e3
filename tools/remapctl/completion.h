// SPDX-License-Identifier: GPL-2.0-only
// Completion scripts for shells, made from the definition of the command line.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace remap::ctl {

// What a shell offers for a value. Several bits: any of them.
enum Offer : unsigned {
    offer_nothing = 0,
    offer_devices = 1,
    offer_files = 2,
    offer_assembled = 4, // sets
    offer_sets = 8,
    offer_verbs = 16,
};

struct ValueModel {
    std::string word; // as in help: "DEV", "auto|always|never"
    std::string description;
    unsigned offer = offer_nothing;
    std::vector<std::string> choices;
    bool required = false;
    bool repeats = false;
};

struct OptionModel {
    std::vector<std::string> names; // "-j", "--json"
    std::string description;
    bool has_value = false;
    ValueModel value;
};

// The program itself, or a verb. Hidden ones are left out.
struct VerbModel {
    std::string name;
    std::string description;
    std::vector<OptionModel> options;
    std::vector<ValueModel> arguments;
    std::vector<VerbModel> verbs;
};

[[nodiscard]] VerbModel describe_command_line(const CLI::App& app);

[[nodiscard]] std::string bash_completion(const VerbModel& program);
[[nodiscard]] std::string zsh_completion(const VerbModel& program);

} // namespace remap::ctl
