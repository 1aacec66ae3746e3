// SPDX-License-Identifier: GPL-2.0-only
#include "core/dissolve.h"

#include <filesystem>

#include "base/text.h"
#include "progress.h"
#include "ranges_json.h"
#include "verbs.h"

namespace remap::ctl {

namespace {

struct DissolveOptions {
    std::string set;
    core::DissolveRequest request;
};

Json plan_json(const core::DissolvePlan& plan, const core::DissolveResult& result) {
    return {{"name", plan.name},
            {"uuid", plan.record.set_uuid.str()},
            {"main", plan.main.path},
            {"spare", plan.spare.path},
            {"to", plan.to ? Json(plan.to->path) : Json()},
            {"blocks", plan.blocks},
            {"shield_blocks", plan.shield_blocks},
            {"lost_sectors", plan.lost_sectors},
            {"resumed", plan.record.state == format::State::dissolving},
            {"unreadable", ranges_json(result.unreadable)}};
}

void show(Context& context, const core::DissolvePlan& plan) {
    if (plan.to) {
        context.say("Set " + plan.name + ": its content is copied to " + plan.to->path +
                    "; the set itself stays as it is, stopped.");
    } else if (plan.record.state == format::State::dissolving) {
        context.say("Set " + plan.name + " is being dissolved: this goes on with it.");
    } else {
        context.say("Set " + plan.name + ": " + count_of(plan.blocks, "block") + " on " +
                    plan.spare.path + " go back to " + plan.main.path + ", " +
                    std::to_string(plan.shield_blocks) + " of them are its shield.");
        context.say("Main is used without dm-remap then: its bad blocks are bad again.");
    }
}

// Of a copy the target is destroyed, else the set ends: what is named is typed.
void ask(Context& context, const core::DissolvePlan& plan) {
    if (plan.to) {
        const std::string base = std::filesystem::path{plan.to->path}.filename();
        context.confirm("this destroys the content of " + plan.to->path, {plan.to->path, base});
    } else {
        context.confirm("this ends the set " + plan.name, {plan.name});
    }
}

int finished(Context& context, const core::DissolvePlan& plan, const core::DissolveResult& result) {
    for (const std::string& warning : result.warnings)
        context.warn(warning);
    if (!plan.to) {
        context.say("Dissolved " + plan.name + ": " + plan.main.path + " has all of it, " +
                    plan.spare.path + " is free.");
        unlist_set(context, plan.record.set_uuid);
        return 0;
    }
    context.say("Copied " + plan.name + " to " + plan.to->path +
                ". When the copy is good: " + "remapctl wipe " + plan.spare.path);
    if (result.unreadable.empty())
        return 0;
    std::uint64_t sectors = 0;
    for (const SectorRange& range : result.unreadable)
        sectors += range.count.value();
    context.warn(count_of(sectors, "sector") + " could not be read and are zeros in the copy");
    return exit_warning;
}

int dissolve(Context& context, const DissolveOptions& options) {
    core::DissolveRequest request = options.request;
    const core::AssembleRequest wanted = core::wanted_set(options.set);
    request.set.name = wanted.name;
    request.set.uuid = wanted.uuid;
    request.force = context.options.force;
    const core::DissolvePlan plan = core::plan_dissolve(context.host(), context.dm(), request);
    show(context, plan);
    for (const std::string& warning : plan.warnings)
        context.warn(warning);
    ask(context, plan);
    core::DissolveResult result;
    if (context.options.dry_run) {
        context.set("dissolved", plan_json(plan, result));
        context.say("Nothing was changed (--dry-run).");
        return 0;
    }
    {
        Progress progress{context, plan.name + (plan.to ? ": copying" : ": writing back"), "block",
                          plan.to ? "the set is as it was, the copy is not complete"
                                  : "the set is as it was: assemble it, or dissolve it again"};
        result = core::dissolve(context.host(), context.dm(), plan,
                                [&](auto done, auto all) { progress.at(done, all); });
    }
    context.set("dissolved", plan_json(plan, result));
    return finished(context, plan, result);
}

} // namespace

void add_dissolve(CLI::App& app, Selected& selected) {
    auto options = std::make_shared<DissolveOptions>();
    CLI::App* sub = app.add_subcommand("dissolve", "End a set: main gets back what is on the spare")
                        ->group(group_main);
    sub->add_option("SET", options->set, "Name or UUID=... of the set")->required();
    sub->add_option("--to", options->request.to,
                    "Copy everything to that device instead; the set stays")
        ->type_name("DEV");
    sub->add_option("--main", options->request.set.main,
                    "Its main device, instead of looking for it")
        ->type_name("DEV");
    sub->add_option("--spare", options->request.set.spare, "Its spare, instead of looking for it")
        ->type_name("DEV");
    sub->callback([&selected, options] {
        selected.run = [options](Context& context) { return dissolve(context, *options); };
    });
}

} // namespace remap::ctl
