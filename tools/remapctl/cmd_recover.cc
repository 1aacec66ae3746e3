// SPDX-License-Identifier: GPL-2.0-only
// recover shield; the family recover.
#include <filesystem>

#include "base/text.h"
#include "core/recover_shield.h"
#include "ranges_json.h"
#include "verbs.h"

namespace remap::ctl {

namespace {

constexpr std::size_t ranges_shown = 100;

// Main may be shorter than its last block.
std::vector<SectorRange> gone_sectors(const core::RecoverShieldPlan& plan) {
    std::vector<SectorRange> ranges;
    for (const BlockRange& range : plan.gone) {
        const Sector first = first_sector(range.first);
        const Sector end = std::min(first_sector(range.end()), plan.main.size);
        if (first < end)
            ranges.push_back({first, end - first});
    }
    return ranges;
}

Json plan_json(const core::RecoverShieldPlan& plan) {
    Json blocks = Json::array();
    for (const core::ShieldedBlock& block : plan.blocks)
        blocks.push_back(block.block.value());
    Json damaged = Json::array();
    for (const auto& block : plan.damaged)
        damaged.push_back({{"block", block.block.value()}, {"problem", block.problem}});
    return {{"main", plan.main.path},
            {"uuid", plan.set_uuid.str()},
            {"label", plan.header ? Json(printable(plan.header->label)) : Json()},
            {"blocks", blocks},
            {"damaged", damaged},
            {"gone_blocks", plan.gone_blocks ? Json(*plan.gone_blocks) : Json()},
            {"gone", ranges_json(gone_sectors(plan))}};
}

void show_gone(Context& context, const core::RecoverShieldPlan& plan) {
    if (!plan.gone_blocks) {
        context.warn("what was remapped is gone with the spare: in its place main has old or "
                     "unreadable content. Which blocks these are only a backup of the metadata "
                     "knows (--backup FILE)");
        return;
    }
    if (*plan.gone_blocks == 0) {
        context.say("Nothing else was remapped when the backup was made.");
        return;
    }
    context.warn(count_of(*plan.gone_blocks, "remapped block") +
                 (*plan.gone_blocks == 1 ? " is" : " are") +
                 " gone with the spare: in their place main has old or unreadable content");
    std::string text = "Gone, by sectors:\n";
    const std::vector<SectorRange> ranges = gone_sectors(plan);
    for (std::size_t i = 0; i < std::min(ranges.size(), ranges_shown); ++i)
        text += strf("  %llu+%llu\n", static_cast<unsigned long long>(ranges[i].first.value()),
                     static_cast<unsigned long long>(ranges[i].count.value()));
    if (ranges.size() > ranges_shown)
        text += strf("  ... and %zu more; --json has all\n", ranges.size() - ranges_shown);
    context.print(text);
}

int recover_shield(Context& context, core::RecoverShieldRequest request) {
    request.force = context.options.force;
    const core::RecoverShieldPlan plan = core::plan_recover_shield(context.host(), request);
    context.say(plan.main.path + ": main device of set " +
                (plan.header ? "'" + printable(plan.header->label) + "' (" : "(") +
                plan.set_uuid.str() + "), " + count_of(plan.blocks.size(), "block") +
                " of its shield can be put back");
    for (const auto& block : plan.damaged)
        context.warn(strf("block %llu of the shield stays as it is: ",
                          static_cast<unsigned long long>(block.block.value())) +
                     block.problem);
    for (const std::string& warning : plan.warnings)
        context.warn(warning);
    show_gone(context, plan);
    context.set("recovered_shield", plan_json(plan));
    const std::string base = std::filesystem::path{plan.main.path}.filename();
    context.confirm("this makes " + plan.main.path +
                        " a device without a set, and gives up what "
                        "is on the spare",
                    {plan.main.path, base});
    if (context.options.dry_run) {
        context.say("Nothing was changed (--dry-run).");
        return 0;
    }
    for (const std::string& warning : core::recover_shield(context.host(), plan))
        context.warn(warning);
    context.say("The shield is off. Check the file system before it is mounted (fsck).");
    return plan.damaged.empty() ? 0 : exit_warning;
}

} // namespace

void add_recover(CLI::App& app, Selected& selected) {
    CLI::App* family = app.add_subcommand("recover", "Save what can be saved")->group(group_main);
    family->require_subcommand(1);
    auto request = std::make_shared<core::RecoverShieldRequest>();
    CLI::App* sub = family
                        ->add_subcommand("shield", "Take the shield off a main device whose spare "
                                                   "is gone")
                        ->fallthrough();
    sub->add_option("--main", request->main, "Main device of the set")
        ->type_name("DEV")
        ->required();
    sub->add_option("--backup", request->backup,
                    "Backup of the metadata, which knows what was remapped")
        ->type_name("DUMP");
    sub->callback([&selected, request] {
        selected.run = [request](Context& context) { return recover_shield(context, *request); };
    });
}

} // namespace remap::ctl
