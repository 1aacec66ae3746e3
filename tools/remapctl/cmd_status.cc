// SPDX-License-Identifier: GPL-2.0-only
// status, list
#include "core/status.h"

#include <algorithm>

#include "base/text.h"
#include "core/entries.h"
#include "verbs.h"

namespace remap::ctl {

namespace {

using core::Health;
using core::SetStatus;

constexpr std::size_t lost_shown = 20; // ranges

std::string percent_used(const dm::RemapStatus& s) {
    const double share = s.slots_total == 0 ? 0
                                            : 100.0 * static_cast<double>(s.slots_used) /
                                                  static_cast<double>(s.slots_total);
    return strf("%.1f %%", share);
}

struct LostList {
    std::vector<SectorRange> ranges;
    bool complete = true;
};

// The first lost ranges: a set can have millions.
LostList read_lost(Context& context, const SetStatus& set) {
    LostList lost;
    core::for_each_entry(context.dm(), set.device.name, BlockNo{0}, blocks_in(set.size),
                         [&](const dm::MapEntry& entry) {
                             for (const SectorRange& range : core::lost_ranges(entry))
                                 lost.ranges.push_back(range);
                             lost.complete = lost.ranges.size() <= lost_shown;
                             return lost.complete;
                         });
    lost.ranges = normalised(std::move(lost.ranges));
    return lost;
}

std::uint64_t shield_blocks(const dm::RemapStatus& s) {
    return s.by_reason[static_cast<std::size_t>(dm::Reason::shield)];
}

Json status_json(const SetStatus& set) {
    const dm::RemapStatus& s = set.status;
    Json reasons = Json::object();
    for (std::size_t i = 0; i < dm::nr_reasons; ++i)
        reasons[dm::reason_name(static_cast<dm::Reason>(i))] = s.by_reason[i];
    return {{"name", set.device.name},
            {"uuid", s.set_uuid.str()},
            {"device", "/dev/mapper/" + set.device.name},
            {"mode", dm::mode_name(s.mode)},
            {"health", core::health_name(set.health)},
            {"findings", set.findings},
            {"read_only", s.read_only},
            {"suspended", set.device.suspended},
            {"open_count", set.device.open_count},
            {"size_sectors", set.size.value()},
            {"block_size_bytes", block_size},
            {"options", set.table.options},
            {"main",
             {{"path", set.main_path},
              {"major", set.table.main.major},
              {"minor", set.table.main.minor},
              {"read_errors", s.main_read_errors},
              {"write_errors", s.main_write_errors},
              {"healed_errors", s.healed}}},
            {"spare",
             {{"path", set.spare_path},
              {"major", set.table.spare.major},
              {"minor", set.table.spare.minor},
              {"used_slots", s.slots_used},
              {"total_slots", s.slots_total},
              {"bad_slots", s.slots_bad},
              {"errors", s.spare_errors}}},
            {"remaps", {{"blocks", s.entries}, {"by_reason", reasons}}},
            {"lost", {{"sectors", s.lost_sectors}}},
            {"shield", {{"blocks", shield_blocks(s)}}},
            {"metadata",
             {{"generation", s.generation},
              {"activation", s.activation},
              {"superblocks_valid", s.superblocks_valid},
              {"tables_valid", s.tables_valid},
              {"frozen_table_blocks", s.frozen}}},
            {"redirected", {{"reads", s.redirected_reads}, {"writes", s.redirected_writes}}}};
}

std::string reasons_text(const dm::RemapStatus& s) {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < dm::nr_reasons; ++i) {
        std::string name = dm::reason_name(static_cast<dm::Reason>(i));
        std::replace(name.begin(), name.end(), '_', ' ');
        if (s.by_reason[i] != 0)
            parts.push_back(std::to_string(s.by_reason[i]) + " " + name);
    }
    return parts.empty() ? "" : ": " + join(parts, ", ");
}

std::string health_text(const Context& context, Health health) {
    using Style = Context::Style;
    switch (health) {
    case Health::ok:
        return context.paint(Style::good, "OK");
    case Health::warning:
        return context.paint(Style::warning, "WARNING");
    case Health::critical:
        break;
    }
    return context.paint(Style::bad, "CRITICAL");
}

void print_status(Context& context, const SetStatus& set) {
    const dm::RemapStatus& s = set.status;
    context.print(strf("%s: %s, %s%s, %s\n", set.device.name.c_str(), dm::mode_name(s.mode),
                       s.read_only ? "read-only" : "read-write",
                       set.device.suspended ? ", suspended" : "",
                       health_text(context, set.health).c_str()));
    for (const std::string& finding : set.findings)
        context.print("  !         " + finding + "\n");
    context.print(strf("  main      %s (%s)  %s  %s, %s, %llu healed\n", set.main_path.c_str(),
                       set.table.main.str().c_str(), context.size_text(to_bytes(set.size)).c_str(),
                       count_of(s.main_read_errors, "read error").c_str(),
                       count_of(s.main_write_errors, "write error").c_str(), ull(s.healed)));
    context.print(strf("  spare     %s (%s)  %llu of %llu slots used (%s), %llu bad, %s\n",
                       set.spare_path.c_str(), set.table.spare.str().c_str(), ull(s.slots_used),
                       ull(s.slots_total), percent_used(s).c_str(), ull(s.slots_bad),
                       count_of(s.spare_errors, "error").c_str()));
    context.print("  remaps    " + count_of(s.entries, "block") + reasons_text(s) + "\n");
    context.print("  lost      " + count_of(s.lost_sectors, "sector") + "\n");
    const std::uint64_t shield = shield_blocks(s);
    context.print("  shield    " +
                  (shield > 0 ? count_of(shield, "block")
                              : "none: main still looks like what it held, do not use it directly") +
                  "\n");
    context.print(strf("  metadata  generation %llu, %u/2 superblocks, %u/2 tables\n",
                       ull(s.generation), s.superblocks_valid, s.tables_valid));
}

void print_details(Context& context, const SetStatus& set, const LostList& lost) {
    const dm::RemapStatus& s = set.status;
    context.print("  uuid      " + s.set_uuid.str() + "\n");
    context.print(strf("  served    %s and %s by the spare since activation %llu\n",
                       count_of(s.redirected_reads, "read").c_str(),
                       count_of(s.redirected_writes, "write").c_str(), ull(s.activation)));
    context.print("  options   " +
                  (set.table.options.empty() ? "none" : join(set.table.options, " ")) + "\n");
    context.print(strf("  frozen    %s\n", count_of(s.frozen, "table block").c_str()));
    for (const SectorRange& range : lost.ranges)
        context.print(
            strf("  lost      %llu+%llu\n", ull(range.first.value()), ull(range.count.value())));
    if (!lost.complete)
        context.print("  lost      ... and more, see: remapctl map " + set.device.name + "\n");
}

int show_one(Context& context, const std::string& name, bool check, Json& devices) {
    const SetStatus set = core::read_status(context.host(), context.dm(), name);
    Json json = status_json(set);
    print_status(context, set);
    if (context.options.verbose > 0) {
        const LostList lost = set.status.lost_sectors > 0 ? read_lost(context, set) : LostList{};
        print_details(context, set, lost);
        Json ranges = Json::array();
        for (const SectorRange& range : lost.ranges)
            ranges.push_back(
                {{"start_sector", range.first.value()}, {"sectors", range.count.value()}});
        json["lost"]["ranges"] = std::move(ranges);
        json["lost"]["ranges_complete"] = lost.complete;
    }
    devices.push_back(std::move(json));
    if (!check || set.health == Health::ok)
        return 0;
    return set.health == Health::warning ? exit_warning : exit_critical;
}

struct StatusOptions {
    std::vector<std::string> names;
    bool check = false;
};

int status(Context& context, StatusOptions options) {
    if (options.names.empty())
        for (const dm::DeviceInfo& info : core::assembled_sets(context.dm()))
            options.names.push_back(info.name);
    if (options.names.empty())
        context.say("No set is assembled.");
    Json devices = Json::array();
    int failure = 0;
    int worst = 0;
    for (const std::string& name : options.names) {
        try {
            worst = std::max(worst, show_one(context, name, options.check, devices));
        } catch (const Error& e) {
            context.report(e);
            if (failure == 0)
                failure = static_cast<int>(e.code());
        }
    }
    context.set("devices", devices);
    return failure != 0 ? failure : worst;
}

// One line of "list"; counts are unknown for sets that are not assembled.
struct Row {
    std::string name;
    std::string uuid;
    std::string state;
    std::string main;
    std::string spare;
    Sector size;
    const dm::RemapStatus* status = nullptr;
};

std::string paint_state(const Context& context, const std::string& state) {
    using Style = Context::Style;
    if (state == "active")
        return context.paint(Style::good, state);
    const bool calm = state == "inactive" || state == "paused" || state == "retired";
    return context.paint(calm ? Style::warning : Style::bad, state);
}

void add_row(Context& context, TextTable& table, Json& sets, const Row& row) {
    const dm::RemapStatus* const s = row.status;
    table.add_row({row.name, row.uuid.substr(0, 8), paint_state(context, row.state), row.main,
                   row.spare, row.size == Sector{0} ? "" : context.size_text(to_bytes(row.size)),
                   s != nullptr ? percent_used(*s) : "",
                   s != nullptr ? std::to_string(s->entries) : "",
                   s != nullptr ? std::to_string(s->lost_sectors) : ""});
    Json json = {{"name", row.name},
                 {"uuid", row.uuid},
                 {"state", row.state},
                 {"assembled", s != nullptr},
                 {"main", row.main.empty() ? Json() : Json(row.main)},
                 {"spare", row.spare},
                 {"size_sectors", row.size.value()}};
    if (s != nullptr) {
        json["used_slots"] = s->slots_used;
        json["total_slots"] = s->slots_total;
        json["remapped_blocks"] = s->entries;
        json["lost_sectors"] = s->lost_sectors;
    }
    sets.push_back(std::move(json));
}

// Returns the exit code: what can't be looked at is reported and passed over.
int list_assembled(Context& context, bool all, std::vector<Uuid>& active, TextTable& table,
                   Json& sets) {
    std::vector<dm::DeviceInfo> infos;
    int result = 0;
    const auto failed = [&](const Error& e) {
        context.report(e);
        result = static_cast<int>(e.code());
    };
    try {
        infos = core::assembled_sets(context.dm());
    } catch (const Error& e) {
        // sets on disk can be listed without device-mapper
        if (!all)
            throw;
        failed(e);
    }
    for (const dm::DeviceInfo& info : infos) {
        try {
            const SetStatus set = core::read_status(context.host(), context.dm(), info.name);
            active.push_back(set.status.set_uuid);
            add_row(context, table, sets,
                    {info.name, set.status.set_uuid.str(), dm::mode_name(set.status.mode),
                     set.main_path, set.spare_path, set.size, &set.status});
        } catch (const Error& e) {
            failed(e);
        }
    }
    return result;
}

void list_inactive(Context& context, const std::vector<Uuid>& active, TextTable& table,
                   Json& sets) {
    for (const core::FoundSpare& spare : core::find_spares(context.host())) {
        if (!spare.record) {
            add_row(context, table, sets,
                    {"", "", "damaged", "", spare.device.path, Sector{0}, nullptr});
            continue;
        }
        const format::SpareRecord& r = *spare.record;
        if (std::find(active.begin(), active.end(), r.set_uuid) != active.end())
            continue;
        const std::string state =
            r.state == format::State::active ? "inactive" : format::state_name(r.state);
        add_row(context, table, sets,
                {printable(r.label), r.set_uuid.str(), state, core::describe_main(r.main),
                 spare.device.path, r.main_size, nullptr});
    }
}

int list(Context& context, bool all) {
    using Align = TextTable::Align;
    TextTable table = context.table({{"NAME"},
                                     {"UUID"},
                                     {"STATE"},
                                     {"MAIN"},
                                     {"SPARE"},
                                     {"SIZE", Align::right},
                                     {"SPARE-USED", Align::right},
                                     {"REMAPPED", Align::right},
                                     {"LOST", Align::right}});
    Json sets = Json::array();
    std::vector<Uuid> active;
    const int result = list_assembled(context, all, active, table, sets);
    if (all)
        list_inactive(context, active, table, sets);
    if (sets.empty() && result == 0)
        context.say(all ? "There are no sets." : "No set is assembled; see: remapctl list -a");
    else if (!sets.empty())
        context.print(table);
    context.set("sets", sets);
    return result;
}

} // namespace

void add_status_list(CLI::App& app, Selected& selected) {
    auto options = std::make_shared<StatusOptions>();
    CLI::App* sub = app.add_subcommand("status", "Show the condition of sets")->group(group_main);
    sub->add_option("NAME", options->names, "Sets to show; all, if none is named");
    sub->add_flag("--check", options->check, "Exit with 10 for a warning, 11 if critical");
    sub->callback([&selected, options] {
        selected.run = [options](Context& context) { return status(context, *options); };
    });

    auto all = std::make_shared<bool>(false);
    CLI::App* list_sub = app.add_subcommand("list", "List sets")->group(group_main);
    list_sub->add_flag("-a,--all", *all, "Also those that are not assembled");
    list_sub->callback([&selected, all] {
        selected.run = [all](Context& context) { return list(context, *all); };
    });
}

} // namespace remap::ctl
