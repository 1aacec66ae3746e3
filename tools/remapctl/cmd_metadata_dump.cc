// SPDX-License-Identifier: GPL-2.0-only
// metadata dump, metadata restore, metadata repair
#include <filesystem>

#include "base/text.h"
#include "cmd_metadata.h"
#include "core/repair.h"
#include "core/restore.h"
#include "sys/block_file.h"

namespace remap::ctl {

namespace {

struct DumpOptions {
    std::string path;
    std::string output;
};

// What is read while a set works on it may be of two moments.
void warn_if_used(Context& context, const std::string& path) {
    std::vector<std::string> users;
    try {
        users = context.host().users(context.host().inspect(path));
    } catch (const Error&) {
        return; // a plain file
    }
    if (!users.empty())
        context.warn(path + ": is in use (" + join(users, ", ") +
                     "), the dump may be inconsistent; use: remapctl metadata backup");
}

int dump(Context& context, const DumpOptions& options) {
    if (options.output.empty())
        context.options.json = true; // there is no other form
    warn_if_used(context, options.path);
    sys::BlockFile file{options.path, sys::Access::read};
    const format::Superblocks sbs = format::read_superblocks(file);
    if (!sbs.found())
        throw Error{sbs.is_member() ? Code::damaged : Code::not_found,
                    options.path + ": " + sbs.problem};
    const auto snapshot =
        std::make_shared<format::Snapshot>(format::take_snapshot(file, sbs.best()));
    if (snapshot->damaged > 0)
        context.warn(options.path + ": " + count_of(snapshot->damaged, "entry or table block") +
                     " damaged and left out");
    if (options.output.empty())
        set_dump(context, snapshot);
    else
        save_dump(context, snapshot, options.output, context.options.force);
    return snapshot->damaged == 0 ? 0 : static_cast<int>(Code::damaged);
}

// Asks only where something is there to be destroyed.
void confirm_target(Context& context, const core::MetadataTarget& target, const std::string& what) {
    if (!target.exists)
        return;
    if (!target.contents.empty())
        context.warn(target.path + ": " + target.contents);
    const std::string base = std::filesystem::path{target.path}.filename();
    context.confirm("this overwrites " + what + " " + target.path, {target.path, base});
}

int restore(Context& context, core::RestoreRequest request) {
    request.force = context.options.force;
    const core::RestorePlan plan = core::plan_restore(context.host(), request);
    const format::SpareRecord record = format::decode(plan.snapshot.sb);
    for (const std::string& warning : plan.warnings)
        context.warn(warning);
    confirm_target(context, plan.target, "the metadata on");
    context.set("restored", {{"path", request.target},
                             {"uuid", record.set_uuid.str()},
                             {"label", printable(record.label)},
                             {"state", format::state_name(record.state)},
                             {"entries", plan.entries},
                             {"lost_sectors", plan.lost_sectors},
                             {"bad_slots", plan.bad_slots},
                             {"created_file", !plan.target.exists}});
    if (!context.options.dry_run)
        core::restore(context.host(), plan);
    context.say(std::string{context.options.dry_run ? "Would write" : "Wrote"} +
                " the metadata of set '" + printable(record.label) + "' (" + record.set_uuid.str() +
                ", " + count_of(plan.entries, "remapped block") + ") to " + request.target + ".");
    return 0;
}

// Neighbours as one range.
std::vector<BlockRange> ranges_of(const std::vector<BlockNo>& blocks) {
    std::vector<BlockRange> ranges;
    for (const BlockNo block : blocks) {
        if (!ranges.empty() && ranges.back().end() == block)
            ranges.back().count += BlockNo{1};
        else
            ranges.push_back({block, BlockNo{1}});
    }
    return ranges;
}

std::string range_text(std::uint64_t first, std::uint64_t count) {
    return std::to_string(first) +
           (count > 1 ? "-" + std::to_string(first + count - 1) : std::string{});
}

void print_blocks(Context& context, const std::vector<BlockNo>& blocks, const char* why) {
    for (const BlockRange& range : ranges_of(blocks))
        context.print(
            "lost: block " + range_text(range.first.value(), range.count.value()) + " (sectors " +
            range_text(first_sector(range.first).value(), range.count.value() * sectors_per_block) +
            "): " + why + "\n");
}

Json blocks_json(const std::vector<BlockNo>& blocks) {
    Json array = Json::array();
    for (const BlockRange& range : ranges_of(blocks))
        array.push_back({{"first", range.first.value()}, {"count", range.count.value()}});
    return array;
}

void print_plan(Context& context, const core::RepairPlan& plan) {
    const format::Salvage& salvage = plan.salvage;
    if (salvage.superblock_from_dump)
        context.print("superblock: taken from the dump, possibly stale\n");
    for (const std::uint64_t index : salvage.table_blocks_from_dump)
        context.print(strf("table block %llu: taken from the dump, possibly stale\n",
                           static_cast<unsigned long long>(index)));
    print_blocks(context, salvage.lost_blocks, "its entry is in doubt; reading it will fail");
    for (const format::SlotRange& range : salvage.unknown_slots)
        context.print("unknown: slot " + range_text(range.first, range.count) +
                      ": what it held is not known; it will not be used again\n");
    context.say(plan.request.source + ": " + count_of(plan.entries, "remapped block") +
                " can be had" + (salvage.lossless() ? ", nothing is lost" : ""));
}

Json repair_json(const core::RepairPlan& plan, const core::RepairResult& result, bool written) {
    const format::Salvage& salvage = plan.salvage;
    Json unknown = Json::array();
    for (const format::SlotRange& range : salvage.unknown_slots)
        unknown.push_back({{"first", range.first}, {"count", range.count}});
    return {{"source", plan.request.source},
            {"output", plan.request.output},
            {"written", written},
            {"entries", plan.entries},
            {"superseded_entries", salvage.superseded},
            {"superblock_from_dump", salvage.superblock_from_dump},
            {"table_blocks_from_dump", salvage.table_blocks_from_dump},
            {"lost_blocks", blocks_json(salvage.lost_blocks)},
            {"unknown_slots", unknown},
            {"copied_slots", result.copied},
            {"unreadable_blocks", blocks_json(result.unreadable_slots)}};
}

int repair(Context& context, core::RepairRequest request) {
    request.force = context.options.force;
    const core::RepairPlan plan = core::plan_repair(context.host(), request);
    print_plan(context, plan);
    context.set("repair", repair_json(plan, {}, false));
    core::check_repair_is_wanted(plan);
    confirm_target(context, plan.target, "all of");
    if (context.options.dry_run) {
        context.say("Nothing was changed (--dry-run).");
        return 0;
    }
    const core::RepairResult result = core::repair(context.host(), plan);
    context.set("repair", repair_json(plan, result, true));
    print_blocks(context, result.unreadable_slots, "its slot can't be read");
    context.say("Wrote " + request.output + ", " +
                (request.metadata_only ? "without the content of the slots."
                                       : count_of(result.copied, "slot") + " copied."));
    const bool all = plan.salvage.lossless() && result.unreadable_slots.empty();
    return all && !plan.salvage.stale() ? 0 : exit_warning;
}

} // namespace

void add_metadata_dump(CLI::App& family, Selected& selected) {
    auto dump_options = std::make_shared<DumpOptions>();
    CLI::App* sub =
        family.add_subcommand("dump", "Write all of the metadata as JSON")->fallthrough();
    sub->add_option("DEV|FILE", dump_options->path, "Spare, or an image of one")->required();
    sub->add_option("-O,--output", dump_options->output,
                    "File to write, instead of the standard "
                    "output")
        ->type_name("FILE");
    sub->callback([&selected, dump_options] {
        selected.run = [dump_options](Context& context) { return dump(context, *dump_options); };
    });

    auto request = std::make_shared<core::RestoreRequest>();
    sub = family.add_subcommand("restore", "Write metadata from a dump or a backup")->fallthrough();
    sub->add_option("DUMP", request->dump, "File that dump or backup has written")
        ->type_name("FILE")
        ->required();
    sub->add_option("DEV|FILE", request->target,
                    "Device or file of the same size; a file is made if it does not exist")
        ->required();
    sub->callback([&selected, request] {
        selected.run = [request](Context& context) { return restore(context, *request); };
    });

    auto repair_request = std::make_shared<core::RepairRequest>();
    sub = family
              .add_subcommand("repair", "Make a whole spare out of a damaged one; exit 10 if "
                                        "something is lost")
              ->fallthrough();
    sub->add_option("SRC", repair_request->source, "Damaged spare; is never written")
        ->type_name("DEV|FILE")
        ->required();
    sub->add_option("-O,--output", repair_request->output,
                    "Device or file of the same size; a file is made if it does not exist")
        ->type_name("DEV|FILE")
        ->required();
    sub->add_option("--from", repair_request->dump,
                    "Take from this dump what is gone in both copies")
        ->type_name("FILE");
    sub->add_flag("--metadata-only", repair_request->metadata_only,
                  "Do not copy the content of the slots");
    sub->callback([&selected, repair_request] {
        selected.run = [repair_request](Context& context) {
            return repair(context, *repair_request);
        };
    });
}

} // namespace remap::ctl
