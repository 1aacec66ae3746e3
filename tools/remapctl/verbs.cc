// SPDX-License-Identifier: GPL-2.0-only
#include "verbs.h"

#include "arguments.h"

namespace remap::ctl {

void add_everything(CLI::App& app, GlobalOptions& options, Selected& selected) {
    app.formatter(std::make_shared<HelpFormatter>());
    app.set_help_flag("-h,--help", "Show this text");
    app.add_flag("-j,--json", options.json, "Write one JSON document");
    app.add_flag("-n,--dry-run", options.dry_run, "Look and check, change nothing");
    app.add_flag("-y,--yes", options.yes, "Answer every question with yes");
    app.add_flag("--force", options.force, "Override safety checks");
    app.add_flag("-q,--quiet", options.quiet, "Only errors and what was asked for");
    app.add_flag("-v,--verbose", options.verbose, "More details");
    app.add_flag("--bytes", options.bytes, "Show sizes in bytes");
    app.add_flag("--no-headings", options.no_headings, "Tables without headings");
    app.add_option("-o,--columns", options.columns, "Columns of tables to show, by their headings")
        ->type_name("LIST");
    choice(app.add_option("--color", options.color, "Colours"), {"auto", "always", "never"});
    app.add_option("--lock-timeout", options.lock_timeout,
                   "Seconds to wait for another remapctl that works on the same devices")
        ->type_name("SECONDS");
    app.add_flag_callback(
        "-V,--version", [&selected] { selected.run = show_version; },
        "Show the versions of everything involved");
    // shared options may also stand behind the verb
    app.fallthrough();

    add_create(app, selected);
    add_assemble_stop(app, selected);
    add_dissolve(app, selected);
    add_recover(app, selected);
    add_change(app, selected);
    add_status_list(app, selected);
    add_entries(app, selected);
    add_map_stats(app, selected);
    add_table(app, selected);
    add_where(app, selected);
    add_wipe(app, selected);
    add_metadata(app, selected);
    add_completion(app, selected);
    add_help(app, selected);
    // verbs below a verb would inherit its group, and not be shown in its help
    for (CLI::App* verb : app.get_subcommands({}))
        for (CLI::App* sub : verb->get_subcommands({}))
            sub->group(group_main);
}

} // namespace remap::ctl
