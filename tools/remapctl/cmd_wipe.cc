// SPDX-License-Identifier: GPL-2.0-only
#include "core/wipe.h"

#include <filesystem>

#include "base/text.h"
#include "core/configuration.h"
#include "verbs.h"

namespace remap::ctl {

void unlist_set(Context& context, const Uuid& uuid) {
    try {
        for (const core::FoundSpare& spare : core::find_spares(context.host()))
            if (spare.record && spare.record->set_uuid == uuid)
                return;
        if (core::unlist_set(context.host(), uuid))
            context.say("Removed its line from /etc/remaptab.");
    } catch (const Error& e) {
        context.warn(std::string{"/etc/remaptab still lists the set: "} + e.what());
    }
}

namespace {

struct WipeOptions {
    std::vector<std::string> paths;
    std::optional<std::uint64_t> discard_remapped;
};

void wipe_one(Context& context, const WipeOptions& options, const std::string& path, Json& wiped) {
    const core::WipePlan plan =
        core::plan_wipe(context.host(), {path, options.discard_remapped, context.options.force});
    const auto& record = plan.spare.record;
    context.say(path + ": " +
                (record
                     ? "spare of set '" + printable(record->label) + "' (" +
                           record->set_uuid.str() + ", " + format::state_name(record->state) + ")"
                     : "damaged dm-remap metadata") +
                ", " + count_of(plan.entries, "remapped block"));
    const std::string base = std::filesystem::path{path}.filename();
    context.confirm("this makes " + path + " no longer part of a set", {path, base});
    wiped.push_back({{"path", path},
                     {"uuid", record ? Json(record->set_uuid.str()) : Json()},
                     {"remapped_blocks", plan.entries}});
    if (context.options.dry_run) {
        context.say("Would wipe " + path + ".");
        return;
    }
    core::wipe_device(context.host(), plan);
    context.say("Wiped " + path + ".");
    if (record)
        unlist_set(context, record->set_uuid);
}

int wipe(Context& context, const WipeOptions& options) {
    Json wiped = Json::array();
    try {
        for (const std::string& path : options.paths)
            wipe_one(context, options, path, wiped);
    } catch (const Error&) {
        context.set("wiped", wiped);
        throw;
    }
    context.set("wiped", wiped);
    return 0;
}

} // namespace

void add_wipe(CLI::App& app, Selected& selected) {
    auto options = std::make_shared<WipeOptions>();
    CLI::App* sub =
        app.add_subcommand("wipe", "Erase dm-remap's metadata from devices")->group(group_more);
    sub->add_option("DEV", options->paths, "Devices to wipe")->required();
    sub->add_option("--discard-remapped", options->discard_remapped,
                    "Give up that many remapped blocks, whose content is on the spare only")
        ->type_name("COUNT")
        ->check([](const std::string& text) {
            return parse_number<std::uint64_t>(text) ? ""
                                                     : "'" + printable(text) + "' is not a number";
        });
    sub->callback([&selected, options] {
        selected.run = [options](Context& context) { return wipe(context, *options); };
    });
}

} // namespace remap::ctl
