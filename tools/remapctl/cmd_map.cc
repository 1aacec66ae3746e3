// SPDX-License-Identifier: GPL-2.0-only
// map, stats
#include <bit>
#include <cstring>

#include "base/text.h"
#include "core/entries.h"
#include "core/status.h"
#include "verbs.h"

namespace remap::ctl {

namespace {

struct MapOptions {
    std::string name;
    std::string range;
};

std::string flags_text(const dm::MapEntry& entry) {
    std::string text;
    for (const auto& [set, letter] : {std::pair{entry.shield, 's'},
                                      {entry.lost_on_spare, 'l'},
                                      {entry.changing, 'b'},
                                      {entry.fenced, 'f'}})
        if (set)
            text += letter;
    return text.empty() ? "-" : text;
}

const char* boolean(bool value) {
    return value ? "true" : "false";
}

std::string entry_json(const dm::MapEntry& entry) {
    return strf("{\"block\": %llu, \"start_sector\": %llu, \"slot\": %llu, \"lost_mask\": %u, "
                "\"lost_sectors\": %d, \"reason\": \"%s\", \"shield\": %s, "
                "\"lost_on_spare\": %s, \"changing\": %s, \"fenced\": %s}",
                static_cast<unsigned long long>(entry.block.value()),
                static_cast<unsigned long long>(first_sector(entry.block).value()),
                static_cast<unsigned long long>(entry.slot), unsigned{entry.lost_mask},
                std::popcount(entry.lost_mask), dm::reason_name(entry.reason),
                boolean(entry.shield), boolean(entry.lost_on_spare), boolean(entry.changing),
                boolean(entry.fenced));
}

// Wide enough for whatever the set can hold, as the list is printed while it comes.
TextTable map_table(Context& context, Sector size, std::uint64_t slots) {
    using Align = TextTable::Align;
    const auto digits = [](std::uint64_t number) { return std::to_string(number).size(); };
    return context.table({{"SECTOR", Align::right, digits(size.value())},
                          {"SLOT", Align::right, digits(slots)},
                          {"LOST"},
                          {"REASON", Align::left, std::strlen("write_error")},
                          {"FLAGS"}});
}

void add_entry(TextTable& table, const dm::MapEntry& entry) {
    table.add_row({std::to_string(first_sector(entry.block).value()), std::to_string(entry.slot),
                   strf("%02x", unsigned{entry.lost_mask}), dm::reason_name(entry.reason),
                   flags_text(entry)});
}

int map(Context& context, const MapOptions& options) {
    const Sector size = core::set_size(context.dm(), options.name);
    BlockRange blocks{BlockNo{0}, blocks_in(size)};
    if (!options.range.empty())
        blocks = core::blocks_to_map({parse_range(options.range)}, size, options.name).front();
    const auto for_each = [&context, options, blocks](const auto& visit) {
        core::for_each_entry(context.dm(), options.name, blocks.first, blocks.end(), visit);
    };
    if (context.options.json) {
        // collected first: an error has to come before the document begins
        std::vector<dm::MapEntry> entries;
        for_each([&](const dm::MapEntry& entry) {
            entries.push_back(entry);
            return true;
        });
        context.set("name", options.name);
        context.set_streamed("entries", [entries = std::move(entries)](std::FILE* out) {
            ArrayWriter array{out};
            for (const dm::MapEntry& entry : entries)
                array.add(entry_json(entry));
            array.end();
        });
        return 0;
    }
    const std::uint64_t slots =
        core::read_status(context.host(), context.dm(), options.name).status.slots_total;
    TextTable table = map_table(context, size, slots);
    const bool headings = !context.options.no_headings;
    for_each([&](const dm::MapEntry& entry) {
        add_entry(table, entry);
        context.print(table.take(headings));
        return true;
    });
    context.print(table.take(headings));
    return 0;
}

int stats(Context& context, std::vector<std::string> names) {
    if (names.empty())
        for (const dm::DeviceInfo& info : core::assembled_sets(context.dm()))
            names.push_back(info.name);
    Json devices = Json::array();
    for (const std::string& name : names) {
        (void)core::require_set(context.dm(), name);
        Json counters = Json::object();
        context.print(name + ":\n");
        for (const dm::Counter& counter : dm::parse_stats(context.dm().message(name, "stats"))) {
            counters[counter.name] = counter.value;
            context.print(strf("  %-28s %llu\n", counter.name.c_str(),
                               static_cast<unsigned long long>(counter.value)));
        }
        devices.push_back({{"name", name}, {"counters", counters}});
    }
    context.set("stats", devices);
    return 0;
}

} // namespace

void add_map_stats(CLI::App& app, Selected& selected) {
    auto options = std::make_shared<MapOptions>();
    CLI::App* sub =
        app.add_subcommand("map", "List the remapped blocks of a set")->group(group_more);
    sub->add_option("NAME", options->name, "The set")->required();
    sub->add_option("RANGE", options->range, "Only blocks that touch these sectors");
    sub->footer("LOST is a mask in hexadecimal: bit 0 is the first sector of the block. FLAGS: s "
                "shield,\nl content was lost on the spare, b being changed, f fenced.");
    sub->callback([&selected, options] {
        selected.run = [options](Context& context) { return map(context, *options); };
    });

    auto names = std::make_shared<std::vector<std::string>>();
    CLI::App* stats_sub =
        app.add_subcommand("stats", "Show the counters of sets")->group(group_main);
    stats_sub->add_option("NAME", *names, "Sets to show; all, if none is named");
    stats_sub->callback([&selected, names] {
        selected.run = [names](Context& context) { return stats(context, *names); };
    });
}

} // namespace remap::ctl
