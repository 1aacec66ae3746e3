// SPDX-License-Identifier: GPL-2.0-only
// add, unmap, pause, rearm
#include "core/entries.h"

#include "base/text.h"
#include "progress.h"
#include "verbs.h"

namespace remap::ctl {

namespace {

struct RangeOptions {
    std::string name;
    std::vector<std::string> ranges;
    std::string from;
    bool lost = false;
};

constexpr std::size_t list_limit = 1u << 30;

std::vector<SectorRange> read_ranges(const RangeOptions& options) {
    if (options.from.empty() == options.ranges.empty())
        throw Error{Code::usage, options.from.empty() ? "no range was given"
                                                      : "ranges and --from exclude each other"};
    if (!options.from.empty()) {
        const std::string path = options.from == "-" ? "/dev/stdin" : options.from;
        return parse_range_list(read_file(path, list_limit), printable(options.from));
    }
    std::vector<SectorRange> ranges;
    for (const std::string& text : options.ranges)
        ranges.push_back(parse_range(text));
    return ranges;
}

std::vector<BlockRange> wanted_blocks(Context& context, const RangeOptions& options) {
    std::vector<SectorRange> ranges = read_ranges(options);
    return core::blocks_to_map(std::move(ranges), core::set_size(context.dm(), options.name),
                               options.name);
}

bool only_trying(Context& context, const char* verb, std::uint64_t blocks,
                 const std::string& name) {
    if (!context.options.dry_run)
        return false;
    context.say(strf("Would %s ", verb) + count_of(blocks, "block") + " of " + name + ".");
    return true;
}

int add(Context& context, const RangeOptions& options) {
    const std::vector<BlockRange> blocks = wanted_blocks(context, options);
    core::AddResult result;
    result.requested = total(blocks).value();
    if (!only_trying(context, "add", result.requested, options.name)) {
        Progress progress{context, options.name + ": adding", "block",
                          "run it again: what is mapped already is left alone"};
        result = core::add_blocks(context.dm(), options.name, blocks, options.lost,
                                  [&](auto done, auto all) { progress.at(done, all); });
    }
    context.set("result", {{"name", options.name},
                           {"requested_blocks", result.requested},
                           {"added_blocks", result.added},
                           {"already_mapped_blocks", result.already},
                           {"failed_blocks", result.failed}});
    if (result.failed > 0)
        throw Error{Code::failed,
                    options.name +
                        strf(": %llu of ", static_cast<unsigned long long>(result.failed)) +
                        count_of(result.requested, "block") + " could not be mapped",
                    "see: remapctl status " + options.name};
    if (!context.options.dry_run)
        context.say(options.name + ": " + count_of(result.added, "block") + " added, " +
                    std::to_string(result.already) + " mapped already.");
    return 0;
}

int unmap(Context& context, const RangeOptions& options) {
    const std::vector<BlockRange> blocks = wanted_blocks(context, options);
    core::UnmapResult result;
    result.requested = total(blocks).value();
    if (!only_trying(context, "unmap", result.requested, options.name)) {
        Progress progress{context, options.name + ": un-mapping", "block",
                          "run it again: what is not mapped any more is left alone"};
        result = core::unmap_blocks(context.dm(), options.name, blocks,
                                    [&](auto done, auto all) { progress.at(done, all); });
    }
    context.set("result", {{"name", options.name},
                           {"requested_blocks", result.requested},
                           {"unmapped_blocks", result.unmapped},
                           {"not_mapped_blocks", result.before},
                           {"refused_blocks", result.refused}});
    if (result.refused > 0)
        throw Error{Code::refused,
                    options.name +
                        strf(": %llu of ", static_cast<unsigned long long>(result.refused)) +
                        count_of(result.requested, "block") + " can't be unmapped",
                    "they have lost sectors, belong to the shield, or main can't be written "
                    "there"};
    if (!context.options.dry_run)
        context.say(options.name + ": " + count_of(result.unmapped, "block") + " unmapped, " +
                    std::to_string(result.before) + " were not mapped.");
    return 0;
}

int send(Context& context, const std::string& name, const std::string& message) {
    (void)core::require_set(context.dm(), name);
    std::string answer;
    if (!context.options.dry_run)
        answer = context.dm().message(name, message);
    const std::string text = printable(trim(answer));
    context.set("result", {{"name", name}, {"answer", text}});
    if (!text.empty() && text != "ok")
        context.say(name + ": " + text);
    return 0;
}

void add_message_verb(CLI::App& app, Selected& selected, const std::string& verb,
                      const char* description) {
    auto name = std::make_shared<std::string>();
    CLI::App* sub = app.add_subcommand(verb, description)->group(group_more);
    sub->add_option("NAME", *name, "The set")->required();
    sub->callback([&selected, name, verb] {
        selected.run = [name, verb](Context& context) { return send(context, *name, verb); };
    });
}

constexpr const char* range_help = "N, N-M (both included) or N+LEN: sectors, or with a unit";

} // namespace

void add_entries(CLI::App& app, Selected& selected) {
    auto options = std::make_shared<RangeOptions>();
    CLI::App* sub =
        app.add_subcommand("add", "Move blocks to the spare before they fail")->group(group_main);
    sub->add_option("NAME", options->name, "The set")->required();
    sub->add_option("RANGE", options->ranges, range_help);
    sub->add_option("--from", options->from, "Read ranges from a file, one a line; - is stdin")
        ->type_name("FILE");
    sub->add_flag("--lost", options->lost,
                  "Do not read them: mark all of their content as lost at once");
    sub->callback([&selected, options] {
        selected.run = [options](Context& context) { return add(context, *options); };
    });

    auto unmap_options = std::make_shared<RangeOptions>();
    CLI::App* unmap_sub =
        app.add_subcommand("unmap", "Move blocks back to the main device")->group(group_more);
    unmap_sub->add_option("NAME", unmap_options->name, "The set")->required();
    unmap_sub->add_option("RANGE", unmap_options->ranges, range_help)->required();
    unmap_sub->callback([&selected, unmap_options] {
        selected.run = [unmap_options](Context& context) { return unmap(context, *unmap_options); };
    });

    add_message_verb(app, selected, "pause", "Make no new entries until rearm");
    add_message_verb(app, selected, "rearm", "Leave pause or a fault mode, if its cause is over");
}

} // namespace remap::ctl
