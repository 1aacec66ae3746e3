// SPDX-License-Identifier: GPL-2.0-only
#include "core/set.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace remap::core {

namespace {

// What device-mapper takes without mangling, less what would confuse our own
// command line.
bool name_character(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view{"#+-.:=@_"}.find(c) != std::string_view::npos;
}

std::optional<std::string> differs(const char* what, const std::string& recorded,
                                   const std::string& found) {
    if (recorded.empty() || to_lower(recorded) == to_lower(found))
        return std::nullopt;
    return strf("its %s is %s, not %s", what, found.empty() ? "unknown" : found.c_str(),
                printable(recorded).c_str());
}

// Several paths to one spare: the device that stands on top of the others.
void drop_lower_paths(sys::Host& host, std::vector<FoundSpare>& spares) {
    const auto shown_twice = [&](const FoundSpare& spare) {
        return spare.record && std::any_of(spares.begin(), spares.end(), [&](const auto& other) {
                   return other.record && other.device.number != spare.device.number &&
                          other.device.name.starts_with("dm-") &&
                          other.record->spare_uuid == spare.record->spare_uuid;
               });
    };
    std::vector<FoundSpare> kept;
    for (const FoundSpare& spare : spares)
        if (!shown_twice(spare) || host.users(spare.device).empty())
            kept.push_back(spare);
    if (!kept.empty())
        spares = std::move(kept);
}

} // namespace

void check_name(const std::string& name) {
    const bool good = !name.empty() && name[0] != '-' && name != "." && name != ".." &&
                      std::all_of(name.begin(), name.end(), name_character);
    if (!good || name == "control" || name.starts_with("UUID="))
        throw Error{Code::usage, "'" + printable(name) + "' can't be the name of a set",
                    "use letters, digits and #+-.:=@_"};
    if (name.size() >= DMR_LABEL_SIZE)
        throw Error{Code::usage, strf("the name '%s' is longer than %d bytes",
                                      printable(name).c_str(), DMR_LABEL_SIZE - 1)};
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

std::vector<FoundSpare> find_spares(sys::Host& host) {
    std::vector<FoundSpare> spares;
    for (const sys::BlockDevice& device : host.block_devices()) {
        try {
            FoundSpare found = look_at_spare(host, device);
            if (found.superblocks.is_member())
                spares.push_back(std::move(found));
        } catch (const Error&) {
            // no medium, gone meanwhile, or not for us: it can't be our spare
        }
    }
    drop_lower_paths(host, spares);
    return spares;
}

std::optional<std::string> main_mismatch(const format::SpareRecord& record,
                                         const sys::BlockDevice& device,
                                         const format::Identity& identity) {
    if (device.size != record.main_size)
        return strf("it has %llu sectors, not %llu",
                    static_cast<unsigned long long>(device.size.value()),
                    static_cast<unsigned long long>(record.main_size.value()));
    if (record.main.partuuid.empty() && device.partition && !record.main.empty())
        return "it is a partition";
    if (auto text = differs("partition UUID", record.main.partuuid, identity.partuuid))
        return text;
    // The disk of a partition may be behind another adapter, which shows no WWN.
    const bool lenient = !record.main.partuuid.empty() &&
                         !record.main.partuuid.starts_with(format::Identity::start_prefix);
    if (!lenient || !identity.wwn.empty())
        if (auto text = differs("WWN", record.main.wwn, identity.wwn))
            return text;
    // A serial number says something only where there is no better name.
    if (record.main.wwn.empty() && !lenient)
        return differs("serial number", record.main.serial, identity.serial);
    return std::nullopt;
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
        throw Error{Code::busy, strf("%s: the %s is in use: %s", device.path.c_str(), role,
                                     join(users, ", ").c_str())};
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
