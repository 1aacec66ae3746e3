// SPDX-License-Identifier: GPL-2.0-only
// rename, set
#include "core/change.h"

#include "base/text.h"
#include "verbs.h"

namespace remap::ctl {

namespace {

int rename(Context& context, const std::string& set, const std::string& new_name) {
    const core::ChangeTarget target = core::find_target(context.host(), context.dm(), set);
    core::check_rename(context.dm(), target, new_name);
    const std::string old_name = printable(target.name());
    context.set("renamed", {{"name", old_name},
                            {"new_name", new_name},
                            {"uuid", target.spare.record->set_uuid.str()},
                            {"assembled", target.device.has_value()}});
    const std::string device = target.device ? ". Device: /dev/mapper/" + new_name : ".";
    if (context.options.dry_run) {
        context.say("Would rename " + old_name + " to " + new_name + device);
        return 0;
    }
    core::rename_set(context.host(), context.dm(), target, new_name);
    context.say("Renamed " + old_name + " to " + new_name + device);
    return 0;
}

std::string value_text(const core::OptionKind& kind, std::uint64_t value) {
    if (kind.flag)
        return value != 0 ? "yes" : "no";
    return std::to_string(value);
}

Json options_json(const core::Options& options) {
    Json json = Json::object();
    for (const core::OptionKind& kind : core::option_kinds) {
        const std::uint64_t value = options.value(kind);
        json[kind.name] = kind.flag ? Json(value != 0) : Json(value);
    }
    return json;
}

void show_options(Context& context, const core::Options& options) {
    using Align = TextTable::Align;
    TextTable table = context.table(
        {{"OPTION"}, {"VALUE", Align::right}, {"DEFAULT", Align::right}, {"MEANING"}});
    for (const core::OptionKind& kind : core::option_kinds)
        table.add_row({kind.name, value_text(kind, options.value(kind)),
                       value_text(kind, kind.usual), kind.meaning});
    context.print(table);
}

int set(Context& context, const std::string& name, const std::vector<std::string>& assignments) {
    core::Options wanted; // typing errors come before anything is looked for
    for (const std::string& text : assignments)
        wanted.assign(text);
    const core::ChangeTarget target = core::find_target(context.host(), context.dm(), name);
    core::Options options = core::options_of(target);
    const std::string before = join(options.words(), " ");
    for (const std::string& text : assignments)
        options.assign(text);
    const std::string after = join(options.words(), " ");
    context.set("options", {{"name", printable(target.name())}, {"values", options_json(options)}});
    if (assignments.empty()) {
        show_options(context, options);
        return 0;
    }
    // the superblock may still say something else than the live table
    if (after == before && after == target.spare.record->options) {
        context.say(name + ": nothing changes.");
        return 0;
    }
    if (context.options.dry_run) {
        context.say("Would set the options of " + name +
                    " to: " + (after.empty() ? "none" : after));
        return 0;
    }
    core::set_options(context.host(), context.dm(), target, options);
    context.say(name + ": options set" +
                (target.device ? ", now and for later activations." : " for later activations."));
    return 0;
}

std::string option_help() {
    std::string text = "Options:";
    for (const core::OptionKind& kind : core::option_kinds)
        text += strf("\n  %-11s %s (%s)", kind.name, kind.meaning,
                     value_text(kind, kind.usual).c_str());
    return text + "\nThe value 'default' is the one in parentheses.";
}

} // namespace

void add_change(CLI::App& app, Selected& selected) {
    auto names = std::make_shared<std::pair<std::string, std::string>>();
    CLI::App* sub = app.add_subcommand("rename", "Give a set another name")->group(group_more);
    sub->add_option("NAME", names->first, "The set; UUID=... if it is not assembled")->required();
    sub->add_option("NEW", names->second, "Its new name")->required();
    sub->callback([&selected, names] {
        selected.run = [names](Context& context) {
            return rename(context, names->first, names->second);
        };
    });

    struct SetOptions {
        std::string name;
        std::vector<std::string> assignments;
    };
    auto options = std::make_shared<SetOptions>();
    CLI::App* set_sub =
        app.add_subcommand("set", "Show or change the options of a set")->group(group_more);
    set_sub->add_option("NAME", options->name, "The set; UUID=... if it is not assembled")
        ->required();
    set_sub->add_option("OPTION=VALUE", options->assignments, "What to change");
    set_sub->footer(option_help());
    set_sub->callback([&selected, options] {
        selected.run = [options](Context& context) {
            return set(context, options->name, options->assignments);
        };
    });
}

} // namespace remap::ctl
