// SPDX-License-Identifier: GPL-2.0-only
#include "auto_assemble.h"

#include <algorithm>
#include <chrono>

#include "base/text.h"
#include "core/auto_assemble.h"
#include "sys/udev.h"

namespace remap::ctl {

namespace {

using core::AutoSet;
using core::Verdict;
using Clock = std::chrono::steady_clock;

const char* verdict_name(Verdict verdict) {
    switch (verdict) {
    case Verdict::ready:
        return "ready";
    case Verdict::assembled:
        return "assembled";
    case Verdict::already:
        return "already";
    case Verdict::incomplete:
        return "incomplete";
    case Verdict::not_allowed:
        return "not_allowed";
    case Verdict::refused:
        break;
    }
    return "refused";
}

// The devices of the machine, to notice one that came while others were looked at.
std::vector<std::string> device_list(sys::Host& host) {
    std::vector<std::string> list;
    for (const sys::BlockDevice& device : host.block_devices())
        list.push_back(device.path + " " + device.number.str() + " " +
                       std::to_string(device.size.value()));
    return list;
}

bool incomplete(const std::vector<AutoSet>& sets) {
    return std::any_of(sets.begin(), sets.end(),
                       [](const AutoSet& set) { return set.verdict == Verdict::incomplete; });
}

// systemd does not start a unit again that is still running, so the event of the
// second member may have been for nobody but us.
std::vector<AutoSet> assemble_what_is_there(Context& context, const core::Configuration& settings,
                                            const format::Remaptab& tab,
                                            const core::AutoRequest& request) {
    constexpr int most = 10;
    std::vector<std::string> before = device_list(context.host());
    for (int round = 1;; ++round) {
        std::vector<AutoSet> sets =
            core::assemble_auto(context.host(), context.dm(), settings, tab, request);
        std::vector<std::string> now = device_list(context.host());
        if (!incomplete(sets) || now == before || round == most)
            return sets;
        before = std::move(now);
    }
}

// How long the administrator wants to wait beyond what the timer has waited.
std::chrono::seconds more_time(const std::vector<AutoSet>& sets) {
    std::chrono::seconds longest = format::RemaptabEntry::default_timeout;
    for (const AutoSet& set : sets)
        if (set.verdict == Verdict::incomplete && set.listed)
            longest = std::max(longest, set.listed->timeout);
    return longest - format::RemaptabEntry::default_timeout;
}

Json to_json(const AutoSet& set) {
    return {{"name", set.name},
            {"uuid", set.uuid.str()},
            {"device", "/dev/mapper/" + set.name},
            {"verdict", verdict_name(set.verdict)},
            {"reason", set.reason}};
}

std::string label(const AutoSet& set) {
    return set.name + " (UUID=" + set.uuid.str() + ")";
}

int report_incomplete(Context& context, const AutoOptions& options, const AutoSet& set) {
    if (options.event && !options.last_resort)
        return 0;
    const Error error{Code::not_found, label(set) + ": is incomplete: " + set.reason,
                      "it stays unassembled, and its devices must not be used by themselves"};
    if (set.listed && set.listed->nofail) {
        context.warn(error.what());
        return 0;
    }
    context.report(error);
    return static_cast<int>(error.code());
}

int report(Context& context, const AutoOptions& options, const AutoSet& set) {
    if (set.verdict != Verdict::already)
        for (const std::string& note : set.notes)
            context.warn(label(set) + ": " + note);
    switch (set.verdict) {
    case Verdict::ready:
        context.say("Would assemble " + set.name + " from main " + set.main + " and spare " +
                    set.spare + ".");
        return 0;
    case Verdict::assembled:
        context.say("Assembled " + set.name + (set.read_only ? " (read-only)" : "") +
                    ": /dev/mapper/" + set.name);
        return 0;
    case Verdict::already:
        if (!options.event && !options.last_resort)
            context.say(set.name + " is assembled already: /dev/mapper/" + set.name);
        return 0;
    case Verdict::not_allowed:
        if (!options.last_resort) // it was said when the member came
            context.say(label(set) + " is left alone: " + set.reason);
        return 0;
    case Verdict::incomplete:
        return report_incomplete(context, options, set);
    case Verdict::refused:
        break;
    }
    context.report(Error{set.code, label(set) + ": is not assembled: " + set.reason, set.hint});
    return static_cast<int>(set.code);
}

} // namespace

int assemble_automatically(Context& context, const AutoOptions& options) {
    const core::Configuration settings = core::read_configuration(context.host());
    const format::Remaptab tab = core::read_remaptab(context.host());
    for (const std::string& problem : tab.problems)
        context.warn(problem);
    const core::AutoRequest request{options.only, context.options.dry_run,
                                    options.event || options.last_resort};
    std::vector<AutoSet> sets = assemble_what_is_there(context, settings, tab, request);
    if (options.last_resort) {
        const Clock::time_point deadline = Clock::now() + more_time(sets);
        while (incomplete(sets) && sys::wait_for_block_device(deadline))
            sets = assemble_what_is_there(context, settings, tab, request);
    }
    int status = 0;
    Json all = Json::array();
    for (const AutoSet& set : sets) {
        all.push_back(to_json(set));
        const int code = report(context, options, set);
        status = status == 0 ? code : status;
    }
    context.set("assembled", all);
    // nobody asked but a timer: it was dissolved, or both members were taken away
    if (options.only && sets.empty() && !options.event && !options.last_resort)
        throw Error{Code::not_found, "no member of the set " + options.only->str() + " is there",
                    "see: remapctl list -a"};
    return status;
}

} // namespace remap::ctl
