// SPDX-License-Identifier: GPL-2.0-only
// help, --version, and an answer for a verb that people will try.
#include <algorithm>
#include <dm-remap-format.h>

#include "arguments.h"
#include "base/text.h"
#include "dm/remap_target.h"
#include "verbs.h"
#include "version.h"

namespace remap::ctl {

namespace {

int show_help(Context& context, CLI::App& app, bool all) {
    if (all)
        for (CLI::App* sub : app.get_subcommands([](CLI::App*) { return true; }))
            if (sub->get_group() == group_more && !is_hidden(*sub))
                sub->group("More verbs");
    // App::help() would explain the verb "help", which is the one in use
    const std::string text =
        app.get_formatter()->make_help(&app, app.get_name(), CLI::AppFormatMode::Normal);
    context.print(text);
    context.set("help", text);
    return 0;
}

std::string or_unknown(const std::function<std::string()>& ask) {
    try {
        return ask();
    } catch (const Error&) {
        return "unknown";
    }
}

} // namespace

std::vector<std::string> rewrite_help(std::vector<std::string> args) {
    const auto is_option = [](const std::string& arg) { return arg.starts_with('-'); };
    const auto verb = std::find_if_not(args.begin(), args.end(), is_option);
    if (verb == args.end() || *verb != "help")
        return args;
    const auto topic = verb + 1;
    if (std::none_of(topic, args.end(), std::not_fn(is_option)))
        return args;
    args.erase(verb);
    args.emplace_back("--help");
    return args;
}

void add_help(CLI::App& app, Selected& selected) {
    auto all = std::make_shared<bool>(false);
    CLI::App* help = app.add_subcommand("help", "Explain a verb: help VERB")->group(group_main);
    // for the usage line: rewrite_help() deals with it
    help->add_option_function<std::vector<std::string>>(
        "VERB", [](const auto&) {}, "What to explain; without it: the program");
    help->add_flag("--all", *all, "List all verbs");
    help->callback([&app, &selected, all] {
        selected.run = [&app, all](Context& context) { return show_help(context, app, *all); };
    });

    CLI::App* remove = app.add_subcommand(not_a_verb)->group(group_more);
    remove->fallthrough(false)->prefix_command();
    remove->callback([&selected] {
        selected.run = [](Context&) -> int {
            throw Error{Code::usage, "there is no verb 'remove'",
                        "did you mean 'unmap' (blocks of a set) or 'stop' (the set)?"};
        };
    });
}

int show_version(Context& context) {
    const std::string driver = or_unknown([&] { return context.dm().driver_version(); });
    const std::string target = or_unknown([&] {
        const auto version = context.dm().target_version(dm::remap_target);
        return version ? version->str() : "not available";
    });
    context.print(strf("remapctl %s\nlibdevmapper %s\ndevice-mapper %s\ntarget remap %s\n"
                       "metadata format %d\n",
                       REMAP_VERSION, dm::library_version().c_str(), driver.c_str(), target.c_str(),
                       DMR_VERSION));
    context.set("versions", {{"remapctl", REMAP_VERSION},
                             {"libdevmapper", dm::library_version()},
                             {"device_mapper", driver},
                             {"target_remap", target},
                             {"metadata_format", DMR_VERSION}});
    return 0;
}

} // namespace remap::ctl
