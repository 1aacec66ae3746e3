// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fnmatch.h>
#include <fstream>
#include <sys/file.h>

#include "base/error.h"

namespace remap::test {

namespace {

dm::DeviceNumber number_in(const Json& json) {
    return {json.at(0).get<unsigned>(), json.at(1).get<unsigned>()};
}

std::vector<SectorRange> ranges_in(const Json& json, const char* key) {
    std::vector<SectorRange> ranges;
    for (const Json& range : json.value(key, Json::array()))
        ranges.push_back({Sector{range.at(0)}, Sector{range.at(1)}});
    return ranges;
}

std::vector<dm::Target> table_in(const Json& json, const char* key) {
    std::vector<dm::Target> table;
    for (const Json& line : json.value(key, Json::array()))
        table.push_back({Sector{line.at(0)}, Sector{line.at(1)}, line.at(2), line.at(3)});
    return table;
}

Json table_json(const std::vector<dm::Target>& table) {
    Json json = Json::array();
    for (const dm::Target& line : table)
        json.push_back({line.start.value(), line.length.value(), line.type, line.params});
    return json;
}

TargetState state_in(const Json& json) {
    TargetState state;
    state.active = json.value("active", false);
    state.faults = json.value("faults", std::set<std::string>{});
    state.attempts = json.value("attempts", 0U);
    state.counters = json.value("counters", std::map<std::string, std::uint64_t>{});
    return state;
}

// What LibDm says when the ioctl of that operation fails.
Error operation_error(int error, const std::string& line) {
    const std::string verb = line.substr(0, line.find(' '));
    const std::string rest = line.substr(std::min(line.size(), verb.size() + 1));
    const std::string name = rest.substr(0, rest.find(' '));
    if (verb == "reload")
        return dm::load_error(error, name);
    if (verb == "message")
        return dm::message_error(error, name, rest.substr(std::min(rest.size(), name.size() + 1)));
    if (verb == "create")
        return os_error(error, "cannot create device " + name);
    if (verb == "remove")
        return os_error(error, "cannot stop " + name);
    if (verb == "table" || verb == "status")
        return os_error(error, "cannot read the " + verb + " of " + name);
    return os_error(error, "cannot " + line);
}

} // namespace

World::World(std::string path)
    : path_{std::move(path)}, directory_{std::filesystem::path{path_}.parent_path()} {
    connect();
}

void World::connect() {
    host_.on_operation = [this](const std::string& line) { return operation(line); };
    dm_.before = [this](const std::string& line) {
        if (const int error = operation(line); error != 0)
            throw operation_error(error, line);
    };
    dm_.on_load = [this](const dm::FakeDeviceMapper::Device& device) {
        try {
            check_claims(device);
            model(device, true).construct();
        } catch (const Refusal& refusal) {
            throw dm::load_error(refusal.error_number, device.info.name);
        }
    };
    dm_.on_resume = [this](const dm::FakeDeviceMapper::Device& device) {
        try {
            model(device, false).resume();
        } catch (const Refusal& refusal) {
            throw os_error(refusal.error_number, "cannot resume " + device.info.name);
        }
    };
    dm_.on_status = [this](const std::string& name) { return status(name); };
    dm_.on_message = [this](const std::string& name, const std::string& text) {
        return message(name, text);
    };
}

Fd World::load() {
    Fd lock = open_file(path_ + ".lock", O_RDWR | O_CREAT);
    if (::flock(lock.get(), LOCK_EX) != 0)
        throw os_error(errno, "cannot lock " + path_);
    data_ = Json::parse(read_file(path_, 1 << 30));
    host_.devices.clear();
    for (const Json& disk : data_.at("disks"))
        load_disk(disk);
    dm_.devices.clear();
    states_.clear();
    for (const auto& [name, device] : data_.at("devices").items())
        load_device(name, device);
    const Json version = data_.value("target_version", Json{1, 0, 0});
    dm_.remap_version = dm::Version{version.at(0), version.at(1), version.at(2)};
    if (is("no_target"))
        dm_.remap_version.reset();
    return lock;
}

void World::load_disk(const Json& json) {
    FileHost::Device d;
    d.block.path = json.at("path");
    d.block.name = json.at("name");
    d.block.number = number_in(json.at("number"));
    d.block.size = Sector{std::filesystem::file_size(d.block.path) / sector_size};
    d.block.lbs = json.value("lbs", 512U);
    d.block.pbs = json.value("pbs", 4096U);
    d.block.read_only = json.value("read_only", false);
    d.block.removable = json.value("removable", false);
    d.block.partition = json.contains("whole_disk");
    d.block.start = Sector{json.value("start", std::uint64_t{0})};
    d.block.whole_disk = d.block.partition ? number_in(json.at("whole_disk")) : d.block.number;
    d.block.whole_name = json.value("whole_name", d.block.name);
    d.block.model = json.value("model", "");
    d.identity = {json.value("wwn", ""), json.value("serial", ""), json.value("partuuid", "")};
    d.users = json.value("users", std::vector<std::string>{});
    for (const Json& s : json.value("signatures", Json::array()))
        d.signatures.push_back({s.at("type"), s.at("usage"), s.at("label")});
    d.signatures_fail = json.value("signatures_fail", false);
    d.probe = json.value("probe", false);
    d.partition_type = json.value("partition_type", "");
    if (json.contains("boot_files") && json.at("boot_files").is_null())
        d.boot_files.reset();
    else
        d.boot_files = json.value("boot_files", "");
    d.cannot_open = json.value("cannot_open", false);
    d.claimed = json.value("claimed", false);
    d.unreadable = ranges_in(json, "unreadable");
    d.unwritable = ranges_in(json, "unwritable");
    host_.devices[d.block.path] = std::move(d);
}

void World::load_device(const std::string& name, const Json& json) {
    dm::FakeDeviceMapper::Device d;
    d.info.name = name;
    d.info.uuid = json.at("uuid");
    d.info.number = number_in(json.at("number"));
    d.info.suspended = json.value("suspended", false);
    d.info.read_only = json.value("read_only", false);
    d.info.event_number = json.value("event_number", 0U);
    d.live = table_in(json, "live");
    d.inactive = table_in(json, "inactive");
    d.info.has_table = !d.live.empty();
    d.info.open_count = json.value("open_count", static_cast<int>(users_of(name).size()));
    dm_.devices[name] = std::move(d);
    states_[name] = state_in(json.value("target", Json::object()));
}

void World::store_device(const dm::FakeDeviceMapper::Device& device) {
    const TargetState& state = states_[device.info.name];
    // other members are the test's and stay as they are
    Json& json = data_["devices"][device.info.name];
    json["uuid"] = device.info.uuid;
    json["number"] = {device.info.number.major, device.info.number.minor};
    json["suspended"] = device.info.suspended;
    json["read_only"] = device.info.read_only;
    json["event_number"] = device.info.event_number;
    json["live"] = table_json(device.live);
    json["inactive"] = table_json(device.inactive);
    json["target"] = {{"active", state.active},
                      {"faults", state.faults},
                      {"attempts", state.attempts},
                      {"counters", state.counters}};
}

void World::store() {
    Json before = data_.at("devices");
    data_["devices"] = Json::object();
    for (const auto& [name, device] : dm_.devices) {
        if (before.contains(name))
            data_["devices"][name] = before[name];
        store_device(device);
    }
    for (Json& disk : data_["disks"]) {
        Json signatures = Json::array();
        for (const sys::Signature& s : host_.devices.at(disk.at("path")).signatures)
            signatures.push_back({{"type", s.type}, {"usage", s.usage}, {"label", s.label}});
        disk["signatures"] = signatures;
    }
    // a test may end the program at any moment
    const std::string next = path_ + ".new";
    std::ofstream{next} << data_.dump(1) << '\n';
    std::filesystem::rename(next, path_);
}

int World::operation(const std::string& line) {
    data_["log"].push_back(line);
    if (is("no_permission") &&
        (line.starts_with("open ") || line.starts_with("lock-") || line.starts_with("probe ")))
        return EACCES;
    for (Json& failure : data_["failures"]) {
        if (::fnmatch(failure.at("match").get<std::string>().c_str(), line.c_str(), 0) != 0)
            continue;
        const int seen = failure.value("seen", 0) + 1;
        failure["seen"] = seen;
        const int nth = failure.value("nth", 1);
        if (seen == nth || (seen > nth && failure.value("from_then_on", false)))
            return failure.at("errno");
    }
    return 0;
}

std::vector<std::string> World::users_of(const std::string& name) const {
    const Json& devices = data_.at("devices");
    return devices.contains(name) ? devices.at(name).value("users", std::vector<std::string>{})
                                  : std::vector<std::string>{};
}

std::vector<std::string> World::holders_of(dm::DeviceNumber number) const {
    std::vector<std::string> holders;
    for (const auto& [name, device] : dm_.devices) {
        bool holds = false;
        for (const auto* const table : {&device.live, &device.inactive})
            for (const dm::Target& line : *table) {
                const auto parsed = dm::RemapTable::parse(line.params);
                holds = holds || parsed.main == number || parsed.spare == number;
            }
        if (holds)
            holders.push_back("held by dm-" + std::to_string(device.info.number.minor) + " (" +
                              name + ")");
    }
    return holders;
}

// Device-mapper's own claim does not keep a second set off a device; the target does.
void World::check_claims(const dm::FakeDeviceMapper::Device& device) const {
    for (const dm::Target& line : device.inactive) {
        if (line.type != dm::remap_target || !dm_.remap_version)
            throw Refusal{EINVAL};
        const auto mine = dm::RemapTable::parse(line.params);
        for (const auto& [name, other] : dm_.devices)
            for (const dm::Target& theirs : other.live) {
                const auto table = dm::RemapTable::parse(theirs.params);
                if (name != device.info.name &&
                    (table.main == mine.main || table.spare == mine.spare ||
                     table.main == mine.spare || table.spare == mine.main))
                    throw Refusal{EBUSY};
            }
    }
}

RemapModel World::model(const dm::FakeDeviceMapper::Device& device, bool inactive) {
    const std::vector<dm::Target>& table = inactive ? device.inactive : device.live;
    if (table.size() != 1)
        throw Refusal{EINVAL};
    return {host_, table.front(), device.info.read_only, states_[device.info.name]};
}

std::string World::status(const std::string& name) {
    const Json& json = data_.at("devices").at(name);
    if (json.contains("status"))
        return json.at("status");
    try {
        return model(dm_.devices.at(name), false).status();
    } catch (const Refusal& refusal) {
        throw os_error(refusal.error_number, "cannot read the status of " + name);
    }
}

std::string World::message(const std::string& name, const std::string& text) {
    Json& json = data_.at("devices").at(name);
    const std::string verb = text.substr(0, text.find(' '));
    if (json.contains("answers") && json["answers"].contains(verb)) {
        Json& answer = json["answers"][verb];
        if (answer.is_string())
            return answer;
        std::string next = answer.at(0); // one after the other
        answer.erase(0);
        return next;
    }
    try {
        dm::FakeDeviceMapper::Device& device = dm_.devices.at(name);
        if (device.info.suspended)
            throw Refusal{EBUSY};
        std::string answer = model(device, false).message(text);
        if (!text.starts_with("list") && !text.starts_with("stats"))
            ++device.info.event_number;
        return answer;
    } catch (const Refusal& refusal) {
        throw dm::message_error(refusal.error_number, name, text);
    }
}

} // namespace remap::test
