// SPDX-License-Identifier: GPL-2.0-only
// assemble, stop
#include "core/assemble.h"

#include "auto_assemble.h"
#include "base/text.h"
#include "core/shield.h"
#include "core/status.h"
#include "verbs.h"

namespace remap::ctl {

namespace {

struct AssembleOptions {
    std::string set;
    core::AssembleRequest request;
    AutoOptions automatic;
};

void check_options(const AssembleOptions& options) {
    const AutoOptions& automatic = options.automatic;
    const core::AssembleRequest& request = options.request;
    if (automatic.all && !options.set.empty())
        throw Error{Code::usage, "--all and a set exclude each other",
                    "see: remapctl assemble --help"};
    if (automatic.any() && (!request.main.empty() || !request.spare.empty() ||
                            !request.new_name.empty() || request.read_only))
        throw Error{Code::usage,
                    "--all, --event and --last-resort go by /etc/remaptab, not by options",
                    "see: remapctl assemble --help"};
    if (automatic.any() && !automatic.all && !options.set.starts_with("UUID="))
        throw Error{Code::usage, "--event and --last-resort need --all or UUID=...",
                    "see: remapctl assemble --help"};
}

int assemble(Context& context, AssembleOptions options) {
    check_options(options);
    if (options.automatic.any()) {
        options.automatic.only = core::wanted_set(options.set).uuid;
        return assemble_automatically(context, options.automatic);
    }
    core::AssembleRequest& request = options.request;
    const core::AssembleRequest wanted = core::wanted_set(options.set);
    request.name = wanted.name;
    request.uuid = wanted.uuid;
    request.force = context.options.force;
    const core::AssemblePlan plan = core::plan_assemble(context.host(), context.dm(), request);
    for (const std::string& warning : plan.warnings)
        context.warn(warning);
    context.set("set", {{"name", plan.name},
                        {"uuid", plan.record.set_uuid.str()},
                        {"device", "/dev/mapper/" + plan.name},
                        {"already_assembled", plan.already},
                        {"unfinished", plan.unfinished},
                        {"read_only", plan.read_only}});
    if (plan.already) {
        context.say(plan.name + " is assembled already: /dev/mapper/" + plan.name);
        return 0;
    }
    if (plan.unfinished)
        context.warn(plan.name + ": its creation was cut off, and is finished first");
    if (context.options.dry_run) {
        context.say("Would assemble " + plan.name + " from main " + plan.main.path + " and spare " +
                    plan.spare.path + ".");
        return 0;
    }
    for (const std::string& warning : core::assemble_set(context.host(), context.dm(), plan))
        context.warn(warning);
    context.say("Assembled " + plan.name + (plan.read_only ? " (read-only)" : "") +
                ": /dev/mapper/" + plan.name);
    return 0;
}

struct StopOptions {
    std::vector<std::string> names;
    bool all = false;
    bool refresh = false;
};

// How it went, for the exit code.
int show_warnings(Context& context, const std::vector<std::string>& warnings) {
    for (const std::string& warning : warnings)
        context.warn(warning);
    return warnings.empty() ? 0 : exit_warning;
}

int stop(Context& context, StopOptions options) {
    if (options.all != options.names.empty())
        throw Error{Code::usage,
                    options.all ? "--all and names exclude each other" : "no set was named",
                    "see: remapctl stop --help"};
    if (options.all)
        for (const dm::DeviceInfo& info : core::assembled_sets(context.dm()))
            options.names.push_back(info.name);
    if (options.refresh && !options.all)
        throw Error{Code::usage, "--refresh is for --all", "see: remapctl stop --help"};
    int status = 0;
    int failure = 0;
    Json stopped = Json::array();
    // one that is busy must not keep the others running
    for (const std::string& name : options.names) {
        try {
            const auto warnings =
                core::stop_set(context.host(), context.dm(), name, context.options.dry_run);
            stopped.push_back(name);
            status = std::max(status, show_warnings(context, warnings));
            context.say((context.options.dry_run ? "Would stop " : "Stopped ") + name + ".");
        } catch (const Error& e) {
            context.report(e);
            if (failure == 0)
                failure = static_cast<int>(e.code());
        }
    }
    if (options.refresh && !context.options.dry_run)
        status = std::max(
            status, show_warnings(context, core::refresh_stopped(context.host(), context.dm())));
    context.set("stopped", stopped);
    return failure != 0 ? failure : status;
}

} // namespace

void add_assemble_stop(CLI::App& app, Selected& selected) {
    auto options = std::make_shared<AssembleOptions>();
    CLI::App* sub = app.add_subcommand("assemble", "Activate a set that exists")->group(group_main);
    sub->add_option("SET", options->set,
                    "Name or UUID=... of the set; may be left out if there is only one");
    sub->add_option("--main", options->request.main, "Its main device, instead of looking for it")
        ->type_name("DEV");
    sub->add_option("--spare", options->request.spare, "Its spare, instead of looking for it")
        ->type_name("DEV");
    sub->add_option("--name", options->request.new_name, "Name of the device in /dev/mapper")
        ->type_name("NEW");
    sub->add_flag("--read-only", options->request.read_only, "Change nothing, refuse writes");
    sub->add_flag("--all", options->automatic.all,
                  "Every set that is in /etc/remaptab, or whose members name each other");
    sub->add_flag("--event", options->automatic.event,
                  "As at boot: a set that is not complete yet is no failure");
    sub->add_flag("--last-resort", options->automatic.last_resort,
                  "As at boot when time is up: say what is missing");
    sub->callback([&selected, options] {
        selected.run = [options](Context& context) { return assemble(context, *options); };
    });

    auto stop_options = std::make_shared<StopOptions>();
    CLI::App* stop_sub = app.add_subcommand("stop", "Deactivate sets")->group(group_main);
    stop_sub->add_option("NAME", stop_options->names, "Sets to stop");
    stop_sub->add_flag("--all", stop_options->all, "All that are assembled");
    stop_sub->add_flag("--refresh", stop_options->refresh,
                       "Also copy what changed in shields of sets that others stopped");
    stop_sub->callback([&selected, stop_options] {
        selected.run = [stop_options](Context& context) { return stop(context, *stop_options); };
    });
}

} // namespace remap::ctl
