// SPDX-License-Identifier: GPL-2.0-only
#include "core/status.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace remap::core {

namespace {

constexpr std::uint64_t full_percent = 80; // of the slots: time to think of a larger spare

// The only target of a device. Throws if there are others: not our table then.
dm::Target single_target(const std::vector<dm::Target>& targets, const std::string& name) {
    if (targets.size() != 1 || targets[0].type != dm::remap_target)
        throw Error{Code::kernel, name + ": its table is not that of a remap set"};
    return targets[0];
}

struct ModeFinding {
    Health health;
    const char* text;
};

ModeFinding of_mode(dm::Mode mode) {
    switch (mode) {
    case dm::Mode::active:
        break;
    case dm::Mode::paused:
        return {Health::warning, "paused: bad blocks are not remapped"};
    case dm::Mode::full:
        return {Health::critical, "no free slot is left: bad blocks are not remapped"};
    case dm::Mode::main_fault:
        return {Health::critical, "the main device fails as a whole"};
    case dm::Mode::spare_fault:
        return {Health::critical, "the spare can't be written"};
    case dm::Mode::meta_fault:
        return {Health::critical, "the slot table can't be written"};
    case dm::Mode::fail:
        return {Health::critical, "the set is inconsistent: remapped blocks fail"};
    }
    return {Health::ok, ""};
}

} // namespace

const char* health_name(Health health) {
    switch (health) {
    case Health::ok:
        return "ok";
    case Health::warning:
        return "warning";
    case Health::critical:
        break;
    }
    return "critical";
}

void assess(SetStatus& set) {
    const dm::RemapStatus& s = set.status;
    std::vector<std::pair<Health, std::string>> all;
    if (const ModeFinding mode = of_mode(s.mode); mode.health != Health::ok)
        all.emplace_back(mode.health, mode.text);
    if (s.lost_sectors > 0)
        all.emplace_back(Health::critical, count_of(s.lost_sectors, "sector") + " lost");
    if (s.superblocks_valid < 2)
        all.emplace_back(s.superblocks_valid == 0 ? Health::critical : Health::warning,
                         strf("%u of 2 superblocks valid", s.superblocks_valid));
    if (s.tables_valid < 2)
        all.emplace_back(Health::warning, strf("%u of 2 table copies complete", s.tables_valid));
    if (s.frozen > 0)
        all.emplace_back(Health::warning, count_of(s.frozen, "table block") + " frozen");
    if (s.slots_bad > 0)
        all.emplace_back(Health::warning, count_of(s.slots_bad, "slot") + " of the spare bad");
    if (s.mode != dm::Mode::full && s.slots_total > 0 &&
        s.slots_used >= s.slots_total / 100 * full_percent + s.slots_total % 100)
        all.emplace_back(Health::warning,
                         strf("%llu %% of the spare used",
                              static_cast<unsigned long long>(s.slots_used * 100 / s.slots_total)));
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    set.health = all.empty() ? Health::ok : all.front().first;
    set.findings.clear();
    for (auto& [health, text] : all)
        set.findings.push_back(std::move(text));
}

SetStatus read_status(sys::Host& host, dm::DeviceMapper& dm, const std::string& name) {
    SetStatus set;
    set.device = require_set(dm, name);
    const dm::Target table = single_target(dm.table(name), name);
    set.size = table.length;
    set.table = dm::RemapTable::parse(table.params);
    set.status = dm::RemapStatus::parse(single_target(dm.status(name), name).params);
    set.main_path = host.path_of(set.table.main);
    set.spare_path = host.path_of(set.table.spare);
    assess(set);
    return set;
}

} // namespace remap::core
