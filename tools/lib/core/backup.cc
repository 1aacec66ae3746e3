// SPDX-License-Identifier: GPL-2.0-only
#include "core/backup.h"

#include <cerrno>
#include <filesystem>
#include <optional>
#include <sys/stat.h>

#include "base/error.h"
#include "base/text.h"
#include "core/set.h"

namespace remap::core {

namespace {

constexpr int tries = 20;

format::Snapshot read_all(format::BlockReader& device, const std::string& path) {
    const format::Superblocks sbs = format::read_superblocks(device);
    if (!sbs.found())
        throw Error{sbs.is_member() ? Code::damaged : Code::not_found, path + ": " + sbs.problem};
    return format::take_snapshot(device, sbs.best());
}

void check_whole(const format::Snapshot& snapshot, const std::string& path) {
    if (snapshot.damaged > 0)
        throw Error{Code::damaged, path + ": the metadata is damaged, so this would be no backup",
                    "see: remapctl metadata check " + path};
}

// Every write of a superblock or table block has a new sequence number.
bool same_moment(const format::Snapshot& a, const format::Snapshot& b) {
    return a.sb.seq == b.sb.seq && a.entries.size() == b.entries.size() && a.runs == b.runs;
}

dm::RemapStatus status_of(dm::DeviceMapper& dm, const std::string& name) {
    const std::vector<dm::Target> targets = dm.status(name);
    if (targets.size() != 1 || targets[0].type != dm::remap_target)
        throw Error{Code::not_found, name + ": has no table of a set"};
    return dm::RemapStatus::parse(targets[0].params);
}

std::string spare_of(sys::Host& host, dm::DeviceMapper& dm, const std::string& name) {
    const std::vector<dm::Target> table = dm.table(name);
    if (table.size() != 1 || table[0].type != dm::remap_target)
        throw Error{Code::not_found, name + ": has no table of a set"};
    return host.path_of(dm::RemapTable::parse(table[0].params).spare);
}

// A commit can fall between two reads, and one that began before the first may not
// show in the status: only what is read twice alike, with the status unchanged from
// before to after, is of one moment.
format::Snapshot backup_set(sys::Host& host, dm::DeviceMapper& dm, const std::string& name) {
    const std::string path = spare_of(host, dm, name);
    const auto device = host.open(host.inspect(path), sys::Access::read);
    for (int i = 0; i < tries; ++i) {
        const dm::RemapStatus before = status_of(dm, name);
        const format::Snapshot first = read_all(*device, path);
        format::Snapshot second = read_all(*device, path);
        const dm::RemapStatus after = status_of(dm, name);
        if (before.generation != after.generation || before.activation != after.activation ||
            !same_moment(first, second))
            continue;
        check_whole(second, path);
        return second;
    }
    throw Error{Code::busy, name + ": its metadata changes faster than it can be read",
                "try again when fewer errors occur, or run: remapctl pause " + name};
}

// The set of that name, or the one whose spare is that path; nothing if there is none.
std::optional<std::string> find_set(sys::Host& host, dm::DeviceMapper& dm,
                                    const std::string& name) {
    const bool is_path = name.find('/') != name.npos;
    try {
        if (const auto info = is_path ? std::nullopt : dm.info(name);
            info && dm::set_of_device(info->uuid))
            return name;
        if (!std::filesystem::exists(name))
            return std::nullopt;
        const dm::DeviceNumber number = host.inspect(name).number;
        for (const dm::DeviceInfo& info : assembled_sets(dm))
            if (host.inspect(spare_of(host, dm, info.name)).number == number)
                return info.name;
    } catch (const Error&) {
        // a plain file, or no device-mapper and so no set: what can be read is enough
        if (!std::filesystem::exists(name))
            throw;
    }
    return std::nullopt;
}

} // namespace

format::Snapshot take_backup(sys::Host& host, dm::DeviceMapper& dm, const std::string& name) {
    if (const auto set = find_set(host, dm, name))
        return backup_set(host, dm, *set);
    sys::BlockFile file{name, sys::Access::read};
    format::Snapshot snapshot = read_all(file, name);
    check_whole(snapshot, name);
    return snapshot;
}

std::string default_backup_path(const Uuid& set, const std::string& directory) {
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
        throw os_error(errno, "cannot make " + directory);
    return directory + "/" + set.str() + ".json";
}

} // namespace remap::core
