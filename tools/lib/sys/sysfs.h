// SPDX-License-Identifier: GPL-2.0-only
// What sysfs and procfs know about block devices. Everything is relative to a
// root directory, so that tests can bring their own tree.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "dm/device_mapper.h"
#include "format/spare.h"

namespace remap::sys {

class SysBlock {
public:
    // root: "" for the running system.
    explicit SysBlock(std::string root = {}) : root_{std::move(root)} {}

    struct Device {
        std::string name;      // "sdb1"; '!' of sysfs stays
        std::string directory; // resolved
        dm::DeviceNumber number;
        Sector size;
        std::uint32_t lbs = 512;
        std::uint32_t pbs = 512;
        bool read_only = false;
        bool removable = false;
        bool partition = false;
        Sector start;
        std::string whole_name;
        dm::DeviceNumber whole_disk;
        std::string model;
        std::uint64_t disk_sequence = 0; // 0: not known
    };

    [[nodiscard]] std::optional<Device> find(dm::DeviceNumber number) const;
    // Disks and partitions that have a size; no ram disks, zram or floppies, and no
    // suspended device-mapper device, as reading that would hang.
    [[nodiscard]] std::vector<Device> devices() const;
    // WWN and serial number as sysfs has them; partuuid is not known here.
    [[nodiscard]] format::Identity identity(const Device& device) const;
    // Names of the devices on top, "dm-3 (vg-root)".
    [[nodiscard]] std::vector<std::string> holders(const Device& device) const;
    // Partitions of a whole disk.
    [[nodiscard]] std::vector<Device> partitions(const Device& device) const;
    // Name of a device-mapper device, empty for others.
    [[nodiscard]] std::string dm_name(const Device& device) const;
    // UUID of a device-mapper device, empty for others.
    [[nodiscard]] std::string dm_uuid(const Device& device) const;

private:
    [[nodiscard]] std::optional<Device> read(const std::string& directory) const;
    std::string root_;
};

// Where a device is mounted, from the text of /proc/self/mountinfo. source_number
// maps a source path to its device, since file systems like btrfs show a number of
// their own.
struct Mount {
    dm::DeviceNumber number;
    std::string source;
    std::string target;
};
[[nodiscard]] std::vector<Mount> parse_mountinfo(std::string_view content);

// The paths in the text of /proc/swaps.
[[nodiscard]] std::vector<std::string> parse_swaps(std::string_view content);

} // namespace remap::sys
