// SPDX-License-Identifier: GPL-2.0-only
#include "core/table.h"

#include "base/text.h"
#include "verbs.h"

namespace remap::ctl {

namespace {

struct TableOptions {
    std::string set;
    std::string main;
    std::string spare;
    bool linear = false;
};

std::string line_of(const dm::Target& target) {
    return strf("%llu %llu ", static_cast<unsigned long long>(target.start.value()),
                static_cast<unsigned long long>(target.length.value())) +
           target.type + (target.params.empty() ? "" : " " + target.params) + "\n";
}

Json json_of(const dm::Target& target) {
    return {{"start_sector", target.start.value()},
            {"sectors", target.length.value()},
            {"target", target.type},
            {"parameters", target.params}};
}

int live_table(Context& context, const TableOptions& options) {
    if (options.set.empty())
        throw Error{Code::usage, "NAME is required", "see: remapctl table --help"};
    if (!options.main.empty() || !options.spare.empty())
        throw Error{Code::usage, "--main and --spare go with --linear"};
    (void)core::require_set(context.dm(), options.set);
    Json lines = Json::array();
    for (const dm::Target& target : context.dm().table(options.set)) {
        lines.push_back(json_of(target));
        context.print(line_of(target));
    }
    context.set("table", lines);
    return 0;
}

int table(Context& context, const TableOptions& options) {
    if (!options.linear)
        return live_table(context, options);
    core::AssembleRequest request = core::wanted_set(options.set);
    request.main = options.main;
    request.spare = options.spare;
    request.force = context.options.force;
    auto set =
        std::make_shared<core::PlainSet>(core::plain_set(context.host(), context.dm(), request));
    for (const std::string& warning : set->warnings)
        context.warn(warning);
    if (!context.options.json) {
        core::for_each_target(*set,
                              [&](const dm::Target& target) { context.print(line_of(target)); });
        return 0;
    }
    context.set_streamed("table", [set](std::FILE* out) {
        ArrayWriter array{out};
        core::for_each_target(*set,
                              [&](const dm::Target& target) { array.add(json_of(target).dump()); });
        array.end();
    });
    return 0;
}

} // namespace

void add_table(CLI::App& app, Selected& selected) {
    auto options = std::make_shared<TableOptions>();
    CLI::App* sub =
        app.add_subcommand("table", "Print the device-mapper table of a set")->group(group_more);
    sub->add_option("NAME", options->set,
                    "The set; with --linear also UUID=..., or nothing if there is only one");
    sub->add_flag("--linear", options->linear,
                  "A table that needs no remap target: the same data, lost sectors fail");
    sub->add_option("--main", options->main, "Its main device, instead of looking for it")
        ->type_name("DEV");
    sub->add_option("--spare", options->spare, "Its spare, or an image of it")->type_name("DEV");
    sub->footer("To reach the data on a kernel without the target, with the set stopped:\n"
                "  remapctl table NAME --linear | dmsetup create NAME\n"
                "Errors of the disk are not remapped then. Sectors written that way are the same "
                "in the set.");
    sub->callback([&selected, options] {
        selected.run = [options](Context& context) { return table(context, *options); };
    });
}

} // namespace remap::ctl
