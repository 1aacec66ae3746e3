// SPDX-License-Identifier: GPL-2.0-only
#include "core/assemble.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "core/members.h"
#include "core/shield.h"
#include "core/stopped.h"

namespace remap::core {

namespace {

std::string wanted_text(const AssembleRequest& request) {
    if (request.uuid)
        return "set " + request.uuid->str();
    return request.name.empty() ? "set" : "set '" + printable(request.name) + "'";
}

bool wanted(const AssembleRequest& request, const format::SpareRecord& record) {
    return (!request.uuid || record.set_uuid == *request.uuid) &&
           (request.name.empty() || record.label == request.name);
}

bool is_spare(sys::Host& host, const std::string& path) {
    return !path.empty() && look_at_spare(host, host.inspect(path)).superblocks.is_member();
}

FoundSpare given_spare(sys::Host& host, const AssembleRequest& request) {
    FoundSpare spare = look_at_spare(host, host.inspect(request.spare));
    if (!spare.superblocks.is_member())
        throw Error{Code::not_found,
                    request.spare + ": is not a dm-remap spare (" + spare.superblocks.problem + ")",
                    is_spare(host, request.main) ? "are --main and --spare swapped?"
                                                 : "see: remapctl list -a"};
    if (!spare.record)
        throw Error{Code::damaged, request.spare + ": " + spare.superblocks.problem,
                    "see: remapctl metadata check " + request.spare};
    if (!wanted(request, *spare.record))
        throw Error{Code::not_found, request.spare +
                                         strf(": belongs to set '%s' (%s), not to ",
                                              printable(spare.record->label).c_str(),
                                              spare.record->set_uuid.str().c_str()) +
                                         wanted_text(request)};
    return spare;
}

[[noreturn]] void nothing_found(const AssembleRequest& request,
                                const std::vector<FoundSpare>& spares,
                                const std::vector<std::string>& passed_over) {
    for (const FoundSpare& spare : spares)
        if (!spare.record)
            throw Error{Code::damaged,
                        "no spare of the " + wanted_text(request) + " was found, but " +
                            spare.device.path +
                            " has damaged metadata: " + spare.superblocks.problem,
                        "see: remapctl metadata check " + spare.device.path};
    throw Error{Code::not_found,
                "no spare of the " + wanted_text(request) + " was found" +
                    (passed_over.empty() ? "" : " (" + join(passed_over, ", ") + ")"),
                "see: remapctl list -a"};
}

// Without a name only the single set of the machine will do: taking "all" would
// let a device from elsewhere come along unnoticed.
void require_one_set(const std::vector<FoundSpare>& spares) {
    std::vector<std::string> names;
    for (const FoundSpare& spare : spares) {
        const std::string name =
            printable(spare.record->label) + " (UUID=" + spare.record->set_uuid.str() + ")";
        if (std::find(names.begin(), names.end(), name) == names.end())
            names.push_back(name);
    }
    if (names.size() > 1)
        throw Error{Code::not_found, "several sets match: " + join(names, ", "), "say which one"};
}

// Which spare of a set with a shield counts says the header on main, if there is a
// single one: a spare can claim to be newer, but it can't change main.
void prefer_named_spare(sys::Host& host, std::vector<FoundSpare>& spares) {
    if (spares.size() < 2)
        return;
    const auto mains = mains_of(find_mains(host), spares[0].record->set_uuid);
    if (mains.size() != 1)
        return;
    std::vector<FoundSpare> named;
    for (const FoundSpare& spare : spares)
        if (!member_mismatch(*mains[0].member.header, *spare.record))
            named.push_back(spare);
    if (!named.empty())
        spares = std::move(named);
}

FoundSpare search_spare(sys::Host& host, const AssembleRequest& request) {
    std::vector<std::string> passed_over;
    const std::vector<FoundSpare> all = find_spares(host, &passed_over);
    std::vector<FoundSpare> spares;
    for (const FoundSpare& spare : all)
        if (spare.record && wanted(request, *spare.record))
            spares.push_back(spare);
    if (spares.empty())
        nothing_found(request, all, passed_over);
    require_one_set(spares);
    prefer_named_spare(host, spares);
    // a replaced spare stays behind with a lower epoch
    std::stable_sort(spares.begin(), spares.end(), [](const auto& a, const auto& b) {
        return a.record->epoch > b.record->epoch;
    });
    if (spares.size() > 1 && spares[0].record->epoch == spares[1].record->epoch)
        throw Error{Code::not_found,
                    spares[0].device.path + " and " + spares[1].device.path +
                        " both claim to be the spare of the " + wanted_text(request),
                    "give --spare"};
    return spares[0];
}

void check_state(const FoundSpare& spare, AssemblePlan& plan) {
    bool read_only = false;
    const char* const refusal = dmr_sb_refusal(&spare.superblocks.best(), &read_only);
    const format::SpareRecord& record = *spare.record;
    const bool unknown = (record.incompat & ~DMR_INCOMPAT_KNOWN) != 0;
    plan.unfinished = !unknown && record.state == format::State::creating &&
                      (record.incompat & DMR_INCOMPAT_SHIELD) != 0;
    if (refusal != nullptr && !plan.unfinished) {
        const bool dissolving = !unknown && record.state == format::State::dissolving;
        throw Error{unknown ? Code::damaged : Code::refused,
                    spare.device.path + ": the set can't be assembled: " + refusal,
                    dissolving ? "to finish it run: remapctl dissolve " + plan.record.label : ""};
    }
    if (read_only && !plan.read_only) {
        plan.read_only = true;
        plan.warnings.emplace_back("the metadata has features of a later version: read-only");
    }
    for (std::size_t i = 0; i < 2; ++i)
        if (!spare.superblocks.copy[i].valid())
            plan.warnings.push_back(
                strf("%s: superblock copy %zu: ", spare.device.path.c_str(), i) +
                spare.superblocks.copy[i].problem);
}

bool has_shield(const format::SpareRecord& record) {
    return (record.incompat & DMR_INCOMPAT_SHIELD) != 0;
}

void check_header(const FoundMain& main, const AssemblePlan& plan) {
    if (!main.member.header)
        throw Error{Code::not_found, main.device.path + ": is not the main device of " + plan.name +
                                         ": it has no valid member header (" + main.member.problem +
                                         ")"};
    if (main.member.header->set_uuid != plan.record.set_uuid)
        throw Error{Code::not_found, main.device.path + ": is the main device of set " +
                                         main.member.header->set_uuid.str() + ", not of " +
                                         plan.name};
    if (const auto mismatch = member_mismatch(*main.member.header, plan.record))
        throw Error{Code::refused, plan.name + ": the spare " + plan.spare.path + " " + *mismatch,
                    "look for the right one: " + describe_spare(*main.member.header)};
}

// With a shield the header says which device it is, whatever bus it is on.
std::optional<sys::BlockDevice> search_header(sys::Host& host, const AssemblePlan& plan) {
    const std::vector<FoundMain> mains = mains_of(find_mains(host), plan.record.set_uuid);
    if (mains.empty())
        return std::nullopt;
    if (mains.size() > 1)
        throw Error{Code::refused,
                    plan.name + ": " + mains[0].device.path + " and " + mains[1].device.path +
                        " carry the same member header",
                    "one is a copy of the other: disconnect it, or give --main"};
    check_header(mains[0], plan);
    return mains[0].device;
}

// A disk that can be read and shows no header is not the main device of this set. While
// the header comes or goes it may be without, and a header that can't be read says
// nothing: then the disk itself is asked who it is.
bool header_denies(const format::SpareRecord& record, const format::FoundMember& member) {
    return has_shield(record) && record.state == format::State::active && member.readable &&
           !member.torn();
}

sys::BlockDevice given_main(sys::Host& host, const AssembleRequest& request, AssemblePlan& plan) {
    sys::BlockDevice main = host.inspect(request.main);
    if (main.size < plan.record.main_size)
        throw Error{Code::not_found,
                    request.main + ": is smaller than the main device of " + plan.name};
    if (has_shield(plan.record)) {
        const FoundMain found = look_at_main(host, main);
        if (found.member.header || header_denies(plan.record, found.member)) {
            check_header(found, plan);
            return main;
        }
        plan.warnings.push_back(request.main +
                                ": its member header can't be used: " + found.member.problem);
    }
    const auto mismatch = main_mismatch(plan.record, main, host.identity(main));
    if (mismatch && !request.force)
        throw Error{Code::not_found,
                    request.main + ": is not the main device of " + plan.name + ": " + *mismatch,
                    "if you are sure, use --force"};
    if (mismatch)
        plan.warnings.push_back(request.main + " is not the recorded main device: " + *mismatch);
    return main;
}

sys::BlockDevice search_main(sys::Host& host, const AssemblePlan& plan) {
    if (has_shield(plan.record))
        if (auto main = search_header(host, plan))
            return *main;
    if (plan.record.main.empty() && !has_shield(plan.record))
        throw Error{Code::not_found,
                    plan.name + ": its main device has no stable identity and can't be found",
                    "give --main"};
    std::vector<sys::BlockDevice> found;
    for (const sys::BlockDevice& device : host.block_devices())
        if (!plan.record.main.empty() && device.number != plan.spare.number &&
            device.size == plan.record.main_size &&
            !main_mismatch(plan.record, device, host.identity(device)) &&
            !header_denies(plan.record, look_at_main(host, device).member))
            found.push_back(device);
    if (found.empty() && has_shield(plan.record))
        throw Error{Code::not_found,
                    plan.name + ": no device carries the member header of its main device (" +
                        describe_main(plan.record.main) + ", " +
                        human_size(to_bytes(plan.record.main_size)) + ")",
                    "connect it; if its first sector can't be read give --main"};
    if (found.empty())
        throw Error{Code::not_found,
                    plan.name + ": its main device (" + describe_main(plan.record.main) + ", " +
                        human_size(to_bytes(plan.record.main_size)) + ") was not found",
                    "give --main"};
    if (found.size() > 1)
        throw Error{Code::not_found,
                    plan.name + ": " + found[0].path + " and " + found[1].path +
                        " both look like its main device",
                    "give --main"};
    return found[0];
}

// Without the member header main is as it was before, and may have been used since.
void check_unfinished(sys::Host& host, const AssemblePlan& plan) {
    const auto main = host.open(plan.main, sys::Access::read);
    if (!carries_shield(*main, plan.record))
        throw Error{Code::refused,
                    plan.spare.path + ": the creation of the set was cut off before " +
                        plan.main.path + " was changed",
                    "run remapctl create again"};
    if (plan.read_only)
        throw Error{Code::refused,
                    plan.spare.path + ": the creation of the set has to be finished first",
                    "assemble it without --read-only"};
}

// True if the set is assembled already, as it was asked for.
bool is_assembled(dm::DeviceMapper& dm, const AssembleRequest& request, AssemblePlan& plan) {
    const auto existing = dm.info_by_uuid(dm::device_uuid(plan.record.set_uuid));
    if (!existing) {
        if (dm.info(plan.name))
            throw Error{Code::busy, plan.name + ": another device has that name", "give --name"};
        return false;
    }
    if (!request.new_name.empty() && existing->name != request.new_name)
        throw Error{Code::busy, "the set is assembled already, as " + existing->name};
    plan.name = existing->name;
    return true;
}

std::vector<std::string> refresh_after_stop(sys::Host& host, const std::vector<dm::Target>& table) {
    if (table.size() != 1 || table[0].type != dm::remap_target)
        return {};
    const auto members = dm::RemapTable::parse(table[0].params);
    try {
        const sys::BlockDevice spare = host.inspect(host.path_of(members.spare));
        // of another set nobody asks for main, which may have been pulled out
        if (!has_shield(look_at_spare(host, spare)))
            return {};
        return refresh_shield(host, host.inspect(host.path_of(members.main)), spare).warnings;
    } catch (const Error& e) {
        return {"main was not looked at: " + e.reason() +
                "; if it has a shield, the copies there may be out of date"};
    }
}

// Those that can't be looked at are left out.
std::vector<sys::BlockDevice> devices_of(sys::Host& host,
                                         const std::vector<dm::DeviceNumber>& numbers) {
    std::vector<sys::BlockDevice> devices;
    for (const dm::DeviceNumber& number : numbers) {
        try {
            devices.push_back(host.inspect(host.path_of(number)));
        } catch (const Error&) {
            continue;
        }
    }
    return devices;
}

Error held_open(const std::string& name) {
    return {Code::busy, name + ": is in use", "see: fuser -v /dev/mapper/" + name};
}

} // namespace

sys::BlockDevice find_main(sys::Host& host, const AssembleRequest& request, AssemblePlan& plan) {
    sys::BlockDevice main =
        request.main.empty() ? search_main(host, plan) : given_main(host, request, plan);
    if (main.number == plan.spare.number)
        throw Error{Code::refused, plan.spare.path + ": main and spare are the same device",
                    "give the device that holds the data as --main"};
    return main;
}

AssembleRequest wanted_set(const std::string& text) {
    constexpr std::string_view prefix = "UUID=";
    AssembleRequest request;
    if (!text.starts_with(prefix)) {
        request.name = text;
        return request;
    }
    request.uuid = Uuid::parse(std::string_view{text}.substr(prefix.size()));
    if (!request.uuid)
        throw Error{Code::usage, "'" + printable(text) + "' holds no UUID"};
    return request;
}

FoundSpare find_spare(sys::Host& host, const AssembleRequest& request) {
    return request.spare.empty() ? search_spare(host, request) : given_spare(host, request);
}

AssemblePlan plan_assemble(sys::Host& host, dm::DeviceMapper& dm, const AssembleRequest& request) {
    const FoundSpare spare = find_spare(host, request);
    AssemblePlan plan;
    plan.record = *spare.record;
    plan.spare = spare.device;
    plan.name = request.new_name.empty() ? plan.record.label : request.new_name;
    plan.read_only = request.read_only;
    check_name(plan.name);
    plan.already = is_assembled(dm, request, plan);
    if (plan.already)
        return plan;
    check_state(spare, plan);
    plan.main = find_main(host, request, plan);
    plan.locks = lock_members(host, {plan.main.number, plan.spare.number});
    // somebody else may have been at it before the lock was ours
    plan.already = is_assembled(dm, request, plan);
    if (plan.already)
        return plan;
    require_unchanged(host, spare);
    require_unused(host, plan.main, "main device");
    require_unused(host, plan.spare, "spare");
    if (plan.unfinished)
        check_unfinished(host, plan);
    require_target(dm);
    return plan;
}

std::vector<std::string> assemble_set(sys::Host& host, dm::DeviceMapper& dm,
                                      const AssemblePlan& plan) {
    std::vector<std::string> warnings;
    if (plan.already)
        return warnings;
    if (plan.unfinished) {
        finish_creation(host, plan.main, plan.spare);
        warnings = hide_partitions(host, plan.main);
    }
    try {
        dm.create(plan.name, dm::device_uuid(plan.record.set_uuid),
                  make_table(plan.record, plan.main.number, plan.spare.number), plan.read_only);
        forget_stopped(host, plan.record.set_uuid);
    } catch (const Error& e) {
        throw Error{e.code(), plan.name + ": " + e.reason(),
                    e.hint().empty() ? "the kernel log says why: dmesg" : e.hint()};
    }
    return warnings;
}

std::vector<std::string> stop_set(sys::Host& host, dm::DeviceMapper& dm, const std::string& name,
                                  bool dry_run) {
    const dm::DeviceInfo info = require_set(dm, name);
    if (info.open_count > 0) {
        sys::BlockDevice device;
        device.path = "/dev/mapper/" + name;
        device.number = info.number;
        if (const auto users = host.users(device); !users.empty())
            throw Error{Code::busy, name + ": is in use: " + join(users, ", ")};
        if (dry_run)
            throw held_open(name);
    }
    if (dry_run)
        return {};
    const Locks locks = lock_members(host, dm.dependencies(name));
    const std::vector<dm::Target> table = dm.table(name);
    const auto set = dm::set_of_device(info.uuid);
    if (set)
        remember_stopped(host, *set, devices_of(host, dm.dependencies(name)));
    try {
        // udev opens new devices for a moment: the open count alone says little, and
        // remove() tries for some seconds
        dm.remove(name);
    } catch (const Error& e) {
        if (set)
            forget_stopped(host, *set);
        if (e.code() != Code::busy)
            throw;
        throw held_open(name);
    }
    return info.read_only ? std::vector<std::string>{} : refresh_after_stop(host, table);
}

} // namespace remap::core
