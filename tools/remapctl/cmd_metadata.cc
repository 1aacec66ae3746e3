// SPDX-License-Identifier: GPL-2.0-only
// metadata check, metadata dump: on devices and on plain files.
#include <algorithm>
#include <bit>

#include "base/text.h"
#include "format/check.h"
#include "sys/block_file.h"
#include "verbs.h"

namespace remap::ctl {

namespace {

const char* severity_name(format::Severity severity) {
    switch (severity) {
    case format::Severity::note:
        return "note";
    case format::Severity::repairable:
        return "repairable";
    case format::Severity::fatal:
        break;
    }
    return "fatal";
}

Json record_json(const format::SpareRecord& r) {
    return {{"set_uuid", r.set_uuid.str()},
            {"spare_uuid", r.spare_uuid.str()},
            {"label", printable(r.label)},
            {"state", format::state_name(r.state)},
            {"seq", r.seq},
            {"epoch", r.epoch},
            {"activation", r.activation},
            {"compat", r.compat},
            {"ro_compat", r.ro_compat},
            {"incompat", r.incompat},
            {"created", r.created},
            {"updated", r.updated},
            {"spare_sectors", r.spare_size.value()},
            {"main_sectors", r.main_size.value()},
            {"main_logical_block_bytes", r.main_lbs},
            {"main_physical_block_bytes", r.main_pbs},
            {"slots", r.slots},
            {"table_blocks", r.table_blocks},
            {"table_blocks_initialised", r.table_init},
            {"main_wwn", printable(r.main.wwn)},
            {"main_serial", printable(r.main.serial)},
            {"main_partuuid", printable(r.main.partuuid)},
            {"options", printable(r.options)}};
}

Json check_json(const std::string& path, const format::CheckReport& report) {
    Json findings = Json::array();
    for (const format::Finding& f : report.findings)
        findings.push_back({{"severity", severity_name(f.severity)},
                            {"kind", f.kind},
                            {"where", f.where},
                            {"what", f.what}});
    Json superblocks = Json::array();
    for (const std::string& problem : report.superblock_problem)
        superblocks.push_back(
            {{"valid", problem.empty()}, {"problem", problem.empty() ? Json() : Json(problem)}});
    return {
        {"path", path},
        {"verdict", report.worst == format::Severity::note ? "good" : severity_name(report.worst)},
        {"superblocks", superblocks},
        {"table_blocks", report.record ? report.record->table_init : 0},
        {"table_blocks_good", report.table_blocks_good},
        {"entries", report.entries},
        {"lost_sectors", report.lost_sectors},
        {"bad_slots", report.bad_slots},
        {"findings", findings},
        {"findings_left_out", report.findings_left_out}};
}

int check(Context& context, const std::string& path) {
    sys::BlockFile file{path, sys::Access::read};
    const format::CheckReport report = format::check_spare(file);
    if (!report.is_member)
        throw Error{Code::not_found, path + ": has no dm-remap metadata"};
    context.set("check", check_json(path, report));
    if (report.record)
        context.set("superblock", record_json(*report.record));
    for (const format::Finding& f : report.findings)
        context.print(std::string{severity_name(f.severity)} + ": " + f.where + ": " + f.what +
                      "\n");
    if (report.findings_left_out > 0)
        context.print(
            strf("... and %llu more\n", static_cast<unsigned long long>(report.findings_left_out)));
    if (report.record)
        context.say(strf("%s: set '%s', superblock sequence number %llu, ", path.c_str(),
                         printable(report.record->label).c_str(),
                         static_cast<unsigned long long>(report.record->seq)) +
                    count_of(report.record->table_init, "table block") + ", " +
                    count_of(report.entries, "remapped block") + ", " +
                    count_of(report.lost_sectors, "lost sector") + ", " +
                    count_of(report.bad_slots, "bad slot"));
    switch (report.worst) {
    case format::Severity::note:
        context.say(path + ": good");
        return 0;
    case format::Severity::repairable:
        context.say(path + ": damaged, but a good copy of everything exists; the next activation "
                           "repairs it");
        return exit_warning;
    case format::Severity::fatal:
        break;
    }
    throw Error{Code::damaged, path + ": the metadata is damaged beyond repair from its own "
                                      "copies"};
}

std::string entry_json(const format::Entry& entry, std::uint64_t created) {
    const dmr_mapping& m = entry.mapping;
    return strf("{\"slot\": %llu, \"block\": %llu, \"lost_mask\": %u, \"lost_sectors\": %d, "
                "\"reason\": \"%s\", \"shield\": %s, \"lost_on_spare\": %s, "
                "\"generation\": %llu, \"time\": %llu}",
                static_cast<unsigned long long>(entry.slot),
                static_cast<unsigned long long>(m.block), unsigned{m.lost}, std::popcount(m.lost),
                format::reason_name(m.reason), (m.flags & DMR_F_SHIELD) != 0 ? "true" : "false",
                (m.flags & DMR_F_SLOT_LOST) != 0 ? "true" : "false",
                static_cast<unsigned long long>(m.gen),
                static_cast<unsigned long long>(created + 3600ULL * m.hours));
}

int dump(Context& context, const std::string& path) {
    context.options.json = true; // there is no other form
    sys::BlockFile file{path, sys::Access::read};
    const format::Superblocks sbs = format::read_superblocks(file);
    if (!sbs.found())
        throw Error{sbs.is_member() ? Code::damaged : Code::not_found, path + ": " + sbs.problem};
    const format::SpareRecord record = format::decode(sbs.best());
    std::uint64_t damaged = 0;
    std::vector<format::Entry> entries = format::read_entries(file, sbs.best(), &damaged);
    if (damaged > 0)
        context.warn(path + ": " + count_of(damaged, "entry or table block") +
                     " damaged and left out");
    context.set("superblock", record_json(record));
    context.set("complete", damaged == 0);
    context.set_streamed("entries",
                         [entries = std::move(entries), created = record.created](std::FILE* out) {
                             ArrayWriter array{out};
                             for (const format::Entry& entry : entries)
                                 array.add(entry_json(entry, created));
                             array.end();
                         });
    return damaged == 0 ? 0 : static_cast<int>(Code::damaged);
}

} // namespace

void add_metadata(CLI::App& app, Selected& selected) {
    CLI::App* family =
        app.add_subcommand("metadata", "Examine the metadata on a spare")->group(group_more);
    family->require_subcommand(1);
    const auto add = [&](const char* name, const char* description,
                         int (*run)(Context&, const std::string&)) {
        auto path = std::make_shared<std::string>();
        // the family is in no list, its verbs are in its own
        CLI::App* sub = family->add_subcommand(name, description)->group(group_main)->fallthrough();
        sub->add_option("DEV|FILE", *path, "Spare, or an image of one")->required();
        sub->callback([&selected, path, run] {
            selected.run = [path, run](Context& context) { return run(context, *path); };
        });
    };
    add("check", "Look for damage in all copies; exit 10 if it can be repaired", check);
    add("dump", "Write superblock and entries as JSON", dump);
}

} // namespace remap::ctl
