// SPDX-License-Identifier: GPL-2.0-only
#include "dm/fake.h"

#include <algorithm>
#include <cerrno>

#include "base/error.h"
#include "dm/remap_target.h"

namespace remap::dm {

namespace {

constexpr unsigned dm_major = 254;

} // namespace

void FakeDeviceMapper::record(const std::string& line) {
    log.push_back(line);
    if (before)
        before(line);
}

FakeDeviceMapper::Device& FakeDeviceMapper::device(const std::string& operation,
                                                   const std::string& name,
                                                   const std::string& detail) {
    record(operation + " " + name + (detail.empty() ? "" : " " + detail));
    const auto it = devices.find(name);
    if (it == devices.end())
        throw os_error(ENXIO, "cannot " + operation + " " + name);
    return it->second;
}

DeviceNumber FakeDeviceMapper::free_number() const {
    DeviceNumber number{dm_major, 0};
    const auto taken = [&](const auto& entry) { return entry.second.info.number == number; };
    while (std::any_of(devices.begin(), devices.end(), taken))
        ++number.minor;
    return number;
}

std::optional<DeviceInfo> FakeDeviceMapper::info(const std::string& name) {
    const auto it = devices.find(name);
    return it == devices.end() ? std::nullopt : std::optional{it->second.info};
}

std::optional<DeviceInfo> FakeDeviceMapper::info_by_uuid(const std::string& uuid) {
    for (const auto& [name, device] : devices)
        if (device.info.uuid == uuid)
            return device.info;
    return std::nullopt;
}

std::vector<DeviceInfo> FakeDeviceMapper::list() {
    std::vector<DeviceInfo> result;
    for (const auto& [name, device] : devices)
        result.push_back(device.info);
    return result;
}

void FakeDeviceMapper::create_empty(const std::string& name, const std::string& uuid) {
    record("create " + name);
    if (devices.contains(name) || info_by_uuid(uuid))
        throw os_error(EBUSY, "cannot create device " + name);
    Device made;
    made.info.name = name;
    made.info.uuid = uuid;
    made.info.number = free_number();
    devices[name] = std::move(made);
}

void FakeDeviceMapper::reload(const std::string& name, const std::vector<Target>& table,
                              bool read_only) {
    Device& d = device("reload", name);
    Device next = d;
    next.inactive = table;
    next.info.read_only = read_only;
    if (on_load)
        on_load(next);
    d = std::move(next);
}

void FakeDeviceMapper::clear(const std::string& name) {
    device("clear", name).inactive.clear();
}

void FakeDeviceMapper::suspend(const std::string& name) {
    device("suspend", name).info.suspended = true;
}

void FakeDeviceMapper::resume(const std::string& name) {
    Device& d = device("resume", name);
    Device next = d;
    if (!next.inactive.empty())
        next.live = std::move(next.inactive);
    next.inactive.clear();
    next.info.suspended = false;
    next.info.has_table = !next.live.empty();
    if (on_resume)
        on_resume(next);
    d = std::move(next);
}

void FakeDeviceMapper::rename(const std::string& name, const std::string& new_name) {
    Device renamed = device("rename", name);
    log.back() += " " + new_name;
    if (devices.contains(new_name))
        throw os_error(EBUSY, "cannot rename " + name);
    renamed.info.name = new_name;
    devices.erase(name);
    devices[new_name] = std::move(renamed);
}

void FakeDeviceMapper::remove(const std::string& name) {
    if (device("remove", name).info.open_count > 0)
        throw os_error(EBUSY, "cannot stop " + name);
    devices.erase(name);
}

std::vector<Target> FakeDeviceMapper::table(const std::string& name) {
    return device("table", name).live;
}

std::vector<Target> FakeDeviceMapper::status(const std::string& name) {
    std::vector<Target> result = device("status", name).live;
    for (Target& target : result)
        target.params = on_status ? on_status(name) : "";
    return result;
}

std::string FakeDeviceMapper::message(const std::string& name, const std::string& text) {
    (void)device("message", name, text);
    return on_message ? on_message(name, text) : "";
}

std::vector<DeviceNumber> FakeDeviceMapper::dependencies(const std::string& name) {
    std::vector<DeviceNumber> numbers;
    for (const Target& target : device("deps", name).live)
        if (target.type == remap_target) {
            const RemapTable parsed = RemapTable::parse(target.params);
            numbers.push_back(parsed.main);
            numbers.push_back(parsed.spare);
        }
    return numbers;
}

std::optional<Version> FakeDeviceMapper::target_version(const std::string& type) {
    return type == remap_target ? remap_version : std::nullopt;
}

} // namespace remap::dm
