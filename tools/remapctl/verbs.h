// SPDX-License-Identifier: GPL-2.0-only
// The verbs of remapctl. Each add_...() puts one family into the command line;
// what it stores in Selected runs after parsing and returns the exit code.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "context.h"

namespace remap::ctl {

struct Selected {
    std::function<int(Context&)> run;
};

inline constexpr const char* group_main = "Verbs";
// Shown by "help --all" only.
inline constexpr const char* group_more = "";
// Answers with what may have been meant, and is in no list.
inline constexpr const char* not_a_verb = "remove";

void add_create(CLI::App& app, Selected& selected);
void add_assemble_stop(CLI::App& app, Selected& selected);
void add_dissolve(CLI::App& app, Selected& selected);
void add_change(CLI::App& app, Selected& selected);
void add_recover(CLI::App& app, Selected& selected);
void add_status_list(CLI::App& app, Selected& selected);
void add_entries(CLI::App& app, Selected& selected);
void add_map_stats(CLI::App& app, Selected& selected);
void add_table(CLI::App& app, Selected& selected);
void add_where(CLI::App& app, Selected& selected);
void add_wipe(CLI::App& app, Selected& selected);
void add_metadata(CLI::App& app, Selected& selected);
void add_completion(CLI::App& app, Selected& selected);
void add_help(CLI::App& app, Selected& selected);

// All of them, and the options they share.
void add_everything(CLI::App& app, GlobalOptions& options, Selected& selected);

// "help VERB..." as "VERB... --help", which is what CLI11 knows; args without the
// program's name.
[[nodiscard]] std::vector<std::string> rewrite_help(std::vector<std::string> args);

// After a set has ended: its line of /etc/remaptab goes, unless another spare of it is
// left. That this fails is a warning.
void unlist_set(Context& context, const Uuid& uuid);

// What --version prints.
int show_version(Context& context);

} // namespace remap::ctl
