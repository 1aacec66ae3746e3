// SPDX-License-Identifier: GPL-2.0-only
#include "program.h"

#include <algorithm>
#include <cstdio>
#include <iostream>

#include "base/text.h"
#include "verbs.h"

namespace remap::ctl {

namespace {

// What CLI11 says when it can't parse, as one line in our form.
Error usage_error(const CLI::App& app, const CLI::ParseError& e) {
    std::string text = e.what();
    while (!text.empty() && (text.back() == '\n' || text.back() == '.'))
        text.pop_back();
    std::string verb;
    for (const CLI::App* sub = &app; !sub->get_subcommands().empty();) {
        sub = sub->get_subcommands().front();
        verb += " " + sub->get_name();
    }
    if (verb.empty() && !app.remaining().empty())
        return {Code::usage,
                "there is no verb or option '" + printable(app.remaining().front()) + "'",
                "see: remapctl help --all"};
    return {Code::usage, text, "see: remapctl" + verb + " --help"};
}

int run(Context& context, const Selected& selected) {
    try {
        return selected.run(context);
    } catch (const Error& e) {
        context.report(e);
        return static_cast<int>(e.code());
    } catch (const std::exception& e) {
        context.report(Error{Code::failed, e.what()});
        return static_cast<int>(Code::failed);
    }
}

int parse_and_run(Context& context, std::vector<std::string> args) {
    Selected selected;
    CLI::App app{"Keeps failing disks usable: moves bad blocks to a spare device", "remapctl"};
    add_everything(app, context.options, selected);
    int status = 0;
    try {
        args = rewrite_help(std::move(args));
        std::reverse(args.begin(), args.end()); // CLI11 takes them from the back
        app.parse(std::move(args));
        if (!selected.run)
            throw CLI::RequiredError{"A verb"};
        status = run(context, selected);
    } catch (const CLI::CallForHelp&) {
        std::cout << app.help();
        return 0;
    } catch (const CLI::ParseError& e) {
        context.report(usage_error(app, e));
        status = static_cast<int>(Code::usage);
    }
    context.finish(status);
    return status;
}

} // namespace

int remapctl_main(int argc, char** argv, std::unique_ptr<sys::Host> host,
                  std::unique_ptr<dm::DeviceMapper> dm) {
    try {
        Context context{{argv, argv + argc}, std::move(host), std::move(dm)};
        return parse_and_run(context, {argv + 1, argv + argc});
    } catch (const std::exception& e) { // out of memory, or standard output is gone
        std::fprintf(stderr, "remapctl: %s\n", e.what());
        return static_cast<int>(Code::failed);
    }
}

} // namespace remap::ctl
