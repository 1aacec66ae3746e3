// SPDX-License-Identifier: GPL-2.0-only
// metadata check, metadata backup; the family metadata.
#include "cmd_metadata.h"

#include "base/text.h"
#include "core/backup.h"
#include "format/check.h"
#include "format/dump.h"
#include "sys/block_file.h"

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
    if (!report.is_member && report.unreadable)
        throw Error{Code::failed,
                    path + ": the superblocks can't be read: " + report.superblock_problem[0] +
                        "; " + report.superblock_problem[1]};
    if (!report.is_member)
        throw Error{Code::not_found, path + ": has no dm-remap metadata"};
    context.set("check", check_json(path, report));
    if (report.superblock)
        context.set("superblock", format::superblock_json(*report.superblock));
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

struct BackupOptions {
    std::string name;
    std::string output;
};

int backup(Context& context, const BackupOptions& options) {
    const auto snapshot = std::make_shared<const format::Snapshot>(
        core::take_backup(context.host(), context.dm(), options.name));
    const format::SpareRecord record = format::decode(snapshot->sb);
    std::string path = options.output;
    if (path.empty() && context.options.dry_run)
        path = std::string{core::backup_directory} + "/" + record.set_uuid.str() + ".json";
    else if (path.empty())
        path = core::default_backup_path(record.set_uuid);
    // the place for it has no other use: there the last backup is replaced
    save_dump(context, snapshot, path, options.output.empty() || context.options.force);
    return 0;
}

} // namespace

void set_dump(Context& context, std::shared_ptr<const format::Snapshot> snapshot) {
    context.set("superblock", format::superblock_json(snapshot->sb));
    context.set("complete", snapshot->damaged == 0);
    context.set("table_sequences", format::sequences_json(*snapshot));
    context.set("table_pads", format::pads_json(*snapshot));
    context.set_streamed("bad_slots",
                         [snapshot](std::FILE* out) { format::write_bad_slots(out, *snapshot); });
    context.set_streamed("entries", [snapshot = std::move(snapshot)](std::FILE* out) {
        format::write_entries(out, *snapshot);
    });
}

void save_dump(Context& context, const std::shared_ptr<const format::Snapshot>& snapshot,
               const std::string& path, bool replace) {
    const format::SpareRecord record = format::decode(snapshot->sb);
    const std::uint64_t in_use = snapshot->entries.size();
    const int status = snapshot->damaged == 0 ? 0 : static_cast<int>(Code::damaged);
    if (!context.options.dry_run) {
        set_dump(context, snapshot);
        context.save(path, replace, status);
    }
    context.set("saved", {{"path", path},
                          {"uuid", record.set_uuid.str()},
                          {"label", printable(record.label)},
                          {"slots_in_use", in_use},
                          {"complete", snapshot->damaged == 0}});
    context.say(std::string{context.options.dry_run ? "Would write " : "Wrote "} +
                "the metadata of set '" + printable(record.label) + "' (" + record.set_uuid.str() +
                ", " + count_of(in_use, "slot") + " in use) to " + path + ".");
}

void add_metadata(CLI::App& app, Selected& selected) {
    CLI::App* family =
        app.add_subcommand("metadata", "Examine, save and repair the metadata")->group(group_more);
    family->require_subcommand(1);
    auto path = std::make_shared<std::string>();
    CLI::App* sub =
        family
            ->add_subcommand("check", "Look for damage in all copies; exit 10 if it can be "
                                      "repaired")
            ->fallthrough();
    sub->add_option("DEV|FILE", *path, "Spare, or an image of one")->required();
    sub->callback([&selected, path] {
        selected.run = [path](Context& context) { return check(context, *path); };
    });
    add_metadata_dump(*family, selected);

    auto options = std::make_shared<BackupOptions>();
    CLI::App* backup_sub =
        family->add_subcommand("backup", "Save the metadata of a set, which may be in use")
            ->fallthrough();
    backup_sub->add_option("NAME|DEV|FILE", options->name, "Set, spare, or an image of one")
        ->required();
    backup_sub
        ->add_option("-O,--output", options->output,
                     "File to write, instead of /var/lib/dm-remap/UUID.json")
        ->type_name("FILE");
    backup_sub->callback([&selected, options] {
        selected.run = [options](Context& context) { return backup(context, *options); };
    });
}

} // namespace remap::ctl
