// SPDX-License-Identifier: GPL-2.0-only
#include "core/create.h"

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "core/advice.h"
#include "core/configuration.h"
#include "verbs.h"

namespace remap::ctl {

namespace {

std::string contents(const std::vector<sys::Signature>& signatures) {
    std::vector<std::string> texts;
    texts.reserve(signatures.size());
    for (const sys::Signature& s : signatures)
        texts.push_back(s.type + (s.label.empty() ? "" : " \"" + s.label + "\""));
    return texts.empty() ? "no known signature" : "contains: " + join(texts, ", ");
}

Json signatures_json(const std::vector<sys::Signature>& signatures) {
    Json array = Json::array();
    for (const sys::Signature& s : signatures)
        array.push_back({{"type", s.type}, {"usage", s.usage}, {"label", s.label}});
    return array;
}

std::string found_text(const core::ShieldedBlock& block) {
    return block.found.empty() ? "member header" : join(block.found, ", ");
}

Json shield_json(const core::CreatePlan& plan) {
    Json array = Json::array();
    if (plan.shield)
        for (const core::ShieldedBlock& block : plan.shield->blocks)
            array.push_back({{"block", block.block.value()}, {"found", block.found}});
    return array;
}

void show_shield(Context& context, const core::CreatePlan& plan) {
    if (plan.cut_off == core::CutOff::shielded)
        context.say("This creation was cut off before: it will be finished.");
    else if (plan.cut_off == core::CutOff::started)
        context.say("This creation was cut off before: it will be started again.");
    if (!plan.shield)
        return;
    context.say("Shield " + count_of(plan.shield->blocks.size(), "block") +
                " of main will be moved to the spare:");
    for (const core::ShieldedBlock& block : plan.shield->blocks)
        context.say(strf("       sector %llu: ",
                         static_cast<unsigned long long>(first_sector(block.block).value())) +
                    found_text(block));
}

// The kernel looks for partitions on disks, but not on device-mapper devices.
void warn_of_partitions(Context& context, const core::CreatePlan& plan) {
    const auto& found = plan.main_signatures;
    if (!plan.request.shield || std::none_of(found.begin(), found.end(), [](const auto& signature) {
            return signature.usage == "partition-table";
        }))
        return;
    const std::string device = "/dev/mapper/" + plan.request.name;
    context.warn(plan.main.path + " has partitions. They will be on " + device +
                 ", and show there only after: kpartx -a " + device +
                 ". A set for each partition needs no such step");
}

Json plan_json(const core::CreatePlan& plan) {
    const format::SpareRecord& r = plan.record;
    return {{"name", r.label},
            {"uuid", r.set_uuid.str()},
            {"device", "/dev/mapper/" + r.label},
            {"main",
             {{"path", plan.main.path},
              {"size_sectors", plan.main.size.value()},
              {"wwn", r.main.wwn},
              {"serial", r.main.serial},
              {"partuuid", r.main.partuuid},
              {"signatures", signatures_json(plan.main_signatures)}}},
            {"spare",
             {{"path", plan.spare.path},
              {"size_sectors", plan.spare.size.value()},
              {"uuid", r.spare_uuid.str()},
              {"slots", r.slots},
              {"signatures", signatures_json(plan.spare_signatures)}}},
            {"shield", plan.request.shield},
            {"shield_blocks", shield_json(plan)}};
}

void show_device(Context& context, const char* role, const sys::BlockDevice& device,
                 const std::vector<sys::Signature>& signatures) {
    context.say(strf("%-6s %s  %s%s%s  %s", role, device.path.c_str(), device.model.c_str(),
                     device.model.empty() ? "" : "  ",
                     context.size_text(to_bytes(device.size)).c_str(),
                     contents(signatures).c_str()));
}

Json advice_json(const core::SpareAdvice& advice) {
    Json candidates = Json::array();
    for (const core::SpareCandidate& c : advice.candidates)
        candidates.push_back({{"path", c.device.path},
                              {"model", c.device.model},
                              {"size_sectors", c.device.size.value()},
                              {"drawback", c.drawback}});
    return {{"main", advice.main.path},
            {"recommended_bytes", advice.recommended.value()},
            {"candidates", candidates}};
}

// What to take as a spare, for somebody who has named none.
int advise(Context& context, const core::CreateRequest& request) {
    const core::SpareAdvice advice = core::advise_spare(context.host(), request.main);
    context.set("advice", advice_json(advice));
    context.say("Main " + advice.main.path + " has " +
                context.size_text(to_bytes(advice.main.size)) + ": a spare of " +
                context.size_text(advice.recommended) + " is recommended.");
    if (advice.candidates.empty()) {
        context.say("There is no unused device without content on another disk.");
        return 0;
    }
    context.say("Unused devices without content:");
    TextTable table =
        context.table({{"SPARE"}, {"SIZE", TextTable::Align::right}, {"MODEL"}, {"DRAWBACK"}});
    for (const core::SpareCandidate& c : advice.candidates)
        table.add_row({c.device.path, context.size_text(to_bytes(c.device.size)), c.device.model,
                       c.drawback});
    context.print(table);
    return 0;
}

// Without a header main is known by its line only; the set is there with or without.
void list_set(Context& context, const format::SpareRecord& record) {
    try {
        if (core::list_set(context.host(), record))
            context.say("Listed in /etc/remaptab.");
    } catch (const Error& e) {
        context.warn(std::string{"the set is not listed in /etc/remaptab, so it is not assembled "
                                 "at boot and main is not hidden: "} +
                     e.what());
    }
}

int create(Context& context, core::CreateRequest request) {
    if (request.spare.empty() && context.options.dry_run)
        return advise(context, request);
    if (request.spare.empty())
        throw Error{Code::usage, "--spare is required",
                    "for advice run: remapctl create --dry-run --main " + printable(request.main)};
    if (request.name.empty())
        throw Error{Code::usage, "NAME is required", "see: remapctl create --help"};
    request.force = context.options.force;
    const core::CreatePlan plan = core::plan_create(context.host(), context.dm(), request);
    show_device(context, "Main", plan.main, plan.main_signatures);
    show_device(context, "Spare", plan.spare, plan.spare_signatures);
    context.say("       room for " + count_of(plan.record.slots, "remapped block"));
    show_shield(context, plan);
    warn_of_partitions(context, plan);
    for (const std::string& warning : plan.warnings)
        context.warn(warning);
    const std::string base = std::filesystem::path{plan.spare.path}.filename();
    // what is finished has been agreed to before
    if (plan.cut_off != core::CutOff::shielded)
        context.confirm("this destroys the content of " + plan.spare.path, {plan.spare.path, base});
    context.set("set", plan_json(plan));
    if (context.options.dry_run) {
        context.say("Nothing was changed (--dry-run).");
        return 0;
    }
    for (const std::string& warning : core::create_set(context.host(), context.dm(), plan))
        context.warn(warning);
    context.say("Created " + request.name + ", UUID " + plan.record.set_uuid.str() +
                ". Device: /dev/mapper/" + request.name);
    if (!request.shield)
        list_set(context, plan.record);
    context.say("Do not use " + plan.main.path + " directly any more.");
    return 0;
}

} // namespace

void add_create(CLI::App& app, Selected& selected) {
    auto request = std::make_shared<core::CreateRequest>();
    CLI::App* sub = app.add_subcommand("create", "Make a set from a disk and a spare device")
                        ->group(group_main);
    sub->add_option("NAME", request->name, "Name of the set, in /dev/mapper")->type_name("NEW");
    sub->add_option("--main", request->main, "Device to protect; its content stays")
        ->type_name("DEV")
        ->required();
    sub->add_option("--spare", request->spare, "Device to move bad blocks to; is overwritten")
        ->type_name("DEV");
    sub->add_option("--discard-remapped", request->discard_remapped,
                    "With --force: give up that many remapped blocks that it holds")
        ->type_name("COUNT");
    sub->add_flag_callback(
        "--no-shield", [request] { request->shield = false; },
        "Leave main as it is, with its old content visible");
    sub->callback([&selected, request] {
        selected.run = [request](Context& context) { return create(context, *request); };
    });
}

} // namespace remap::ctl
