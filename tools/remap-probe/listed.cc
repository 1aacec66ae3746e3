// SPDX-License-Identifier: GPL-2.0-only
#include "listed.h"

#include <cstdlib>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "answer.h"
#include "base/error.h"
#include "base/fd.h"
#include "format/identity.h"
#include "format/remaptab.h"
#include "sys/sysfs.h"

namespace remap::probe {

namespace {

format::Candidate candidate(const sys::SysBlock& sysfs, const sys::SysBlock::Device& device) {
    format::Candidate result{device.size, device.partition, sysfs.identity(device)};
    format::Identity& identity = result.identity;
    if (!device.partition)
        return result;
    const char* const uuid = std::getenv("ID_PART_ENTRY_UUID");
    identity.partuuid = uuid == nullptr ? "" : uuid;
    if (identity.partuuid.empty() && !(identity.wwn.empty() && identity.serial.empty()))
        identity.partuuid = format::Identity::start_prefix + std::to_string(device.start.value());
    return result;
}

std::string text_of(const std::string& path) {
    try {
        return read_file(path, 16 << 20);
    } catch (const Error&) {
        return {}; // no list
    }
}

bool is_device(const std::string& path, dev_t number) {
    struct stat st;
    return path.starts_with('/') && ::stat(path.c_str(), &st) == 0 && S_ISBLK(st.st_mode) &&
           st.st_rdev == number;
}

} // namespace

std::string listed(const std::string& device, const std::string& root) {
    struct stat st;
    const format::Remaptab tab = format::parse_remaptab(text_of(root + "/etc/remaptab"));
    if (tab.entries.empty() || ::stat(device.c_str(), &st) != 0 || !S_ISBLK(st.st_mode))
        return {};
    const sys::SysBlock sysfs{root};
    const auto found = sysfs.find({major(st.st_rdev), minor(st.st_rdev)});
    if (!found)
        return {};
    const format::Candidate seen = candidate(sysfs, *found);
    for (const format::RemaptabEntry& entry : tab.entries) {
        const Sector size = entry.main_size == Sector{0} ? seen.size : entry.main_size;
        if (!entry.names_main() || format::identity_mismatch(entry.main, size, seen))
            continue;
        std::string text = "DM_REMAP_ROLE=main\nDM_REMAP_STATE=listed\n";
        if (entry.set_uuid)
            text += "DM_REMAP_UUID=" + entry.set_uuid->str() + "\n";
        return text + "DM_REMAP_LABEL=" + safe_text(entry.name) + "\n";
    }
    return {};
}

bool is_mounted(const std::string& device) {
    struct stat st;
    if (::stat(device.c_str(), &st) != 0 || !S_ISBLK(st.st_mode))
        return false;
    const dm::DeviceNumber number{major(st.st_rdev), minor(st.st_rdev)};
    for (const sys::Mount& mount : sys::parse_mountinfo(text_of("/proc/self/mountinfo")))
        if (mount.number == number || is_device(mount.source, st.st_rdev))
            return true;
    for (const std::string& swap : sys::parse_swaps(text_of("/proc/swaps")))
        if (is_device(swap, st.st_rdev))
            return true;
    return false;
}

} // namespace remap::probe
