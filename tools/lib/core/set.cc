// SPDX-License-Identifier: GPL-2.0-only
#include "core/set.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "core/members.h"
#include "format/identity.h"
#include "format/set_name.h"

namespace remap::core {

void check_name(const std::string& name) {
    if (const auto problem = format::name_problem(name))
        throw Error{Code::usage, *problem};
}

FoundSpare look_at_spare(sys::Host& host, const sys::BlockDevice& device) {
    FoundSpare found{device, {}, {}};
    const auto file = host.open(device, sys::Access::read);
    found.superblocks = format::read_superblocks(*file);
    if (found.superblocks.found())
        found.record = format::decode(found.superblocks.best());
    return found;
}

void require_unchanged(sys::Host& host, const FoundSpare& spare) {
    const FoundSpare now = look_at_spare(host, spare.device);
    if (!now.record || now.record->spare_uuid != spare.record->spare_uuid ||
        now.record->seq != spare.record->seq)
        throw Error{Code::busy, spare.device.path + ": changed while it was looked at",
                    "try again"};
}

std::vector<FoundSpare> find_spares(sys::Host& host, std::vector<std::string>* passed_over) {
    std::vector<FoundSpare> spares;
    std::optional<Error> forbidden;
    for (const sys::BlockDevice& device : host.block_devices()) {
        try {
            FoundSpare found = look_at_spare(host, device);
            if (found.superblocks.is_member())
                spares.push_back(std::move(found));
        } catch (const Error& e) {
            // no medium or gone meanwhile: it can't be our spare
            if (e.code() == Code::refused)
                forbidden = e;
            else if (passed_over != nullptr)
                passed_over->emplace_back(e.what());
        }
    }
    // to an ordinary user a machine full of sets looks empty
    if (spares.empty() && forbidden)
        throw *forbidden;
    drop_lower_paths(host, spares, [](const FoundSpare& a, const FoundSpare& b) {
        return a.record && b.record && a.record->spare_uuid == b.record->spare_uuid;
    });
    return spares;
}

std::optional<std::string> main_mismatch(const format::SpareRecord& record,
                                         const sys::BlockDevice& device,
                                         const format::Identity& identity) {
    return format::identity_mismatch(record.main, record.main_size,
                                     {device.size, device.partition, identity});
}

std::string describe_main(const format::Identity& identity) {
    if (!identity.partuuid.empty() &&
        !identity.partuuid.starts_with(format::Identity::start_prefix))
        return "PARTUUID=" + printable(identity.partuuid);
    if (!identity.wwn.empty())
        return "WWN " + printable(identity.wwn);
    if (!identity.serial.empty())
        return "serial number " + printable(identity.serial);
    return "a device without stable identity";
}

std::vector<dm::Target> make_table(const format::SpareRecord& record, dm::DeviceNumber main,
                                   dm::DeviceNumber spare) {
    dm::RemapTable table{main, spare, {}};
    for (const std::string_view option : words(record.options))
        table.options.emplace_back(option);
    return {{Sector{0}, record.main_size, dm::remap_target, table.str()}};
}

void require_target(dm::DeviceMapper& dm) {
    if (!dm.target_version(dm::remap_target))
        throw Error{Code::kernel, "the kernel has no 'remap' target",
                    "load its module with: modprobe dm-remap (if it isn't built for this "
                    "kernel, see: dkms status)"};
}

void require_unused(sys::Host& host, const sys::BlockDevice& device, const char* role) {
    const std::vector<std::string> users = host.users(device);
    if (!users.empty())
        throw Error{
            Code::busy,
            strf("%s: the %s is in use: %s", device.path.c_str(), role, join(users, ", ").c_str()),
            "free it first"};
}

Locks lock_members(sys::Host& host, std::vector<dm::DeviceNumber> numbers) {
    // everybody in the same order: nobody waits for somebody who waits for him
    std::sort(numbers.begin(), numbers.end());
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    Locks locks;
    for (const dm::DeviceNumber number : numbers)
        locks.push_back(host.lock_member(number));
    return locks;
}

dm::DeviceInfo require_set(dm::DeviceMapper& dm, const std::string& name) {
    if (const auto slash = name.rfind('/'); slash != std::string::npos)
        throw Error{Code::usage, "'" + printable(name) + "' is a path, not the name of a set",
                    "give its name, such as '" + printable(name.substr(slash + 1)) + "'"};
    const auto info = dm.info(name);
    if (!info)
        throw Error{Code::not_found, printable(name) + ": no such set is assembled",
                    "see: remapctl list -a"};
    if (!dm::set_of_device(info->uuid))
        throw Error{Code::not_found, name + " is a device-mapper device of another kind"};
    return *info;
}

std::vector<dm::DeviceInfo> assembled_sets(dm::DeviceMapper& dm) {
    std::vector<dm::DeviceInfo> sets = dm.list();
    std::erase_if(sets, [](const auto& info) { return !dm::set_of_device(info.uuid); });
    std::sort(sets.begin(), sets.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return sets;
}

} // namespace remap::core
