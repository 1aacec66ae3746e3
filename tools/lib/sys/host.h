// SPDX-License-Identifier: GPL-2.0-only
// What this library asks of the machine it runs on: which block devices there
// are, what they are and who uses them. An interface, so that tests can run
// everything on plain files; linux_host.cc is the real one.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/units.h"
#include "dm/device_mapper.h"
#include "format/spare.h"
#include "sys/block_file.h"
#include "sys/lock.h"

namespace remap::sys {

using dm::DeviceNumber;

struct BlockDevice {
    std::string path; // as the user gave it, or /dev/NAME
    std::string name; // of the kernel: "sdb1"
    DeviceNumber number;
    Sector size;
    std::uint32_t lbs = 512; // logical block size, bytes
    std::uint32_t pbs = 512;
    bool read_only = false;
    bool removable = false;
    bool partition = false;
    Sector start;            // of a partition
    DeviceNumber whole_disk; // itself if it is no partition
    std::string whole_name;
    std::string model;               // may be empty
    std::uint64_t disk_sequence = 0; // of the whole disk: never used again; 0 unknown
};

// Something that libblkid recognises.
struct Signature {
    std::string type;  // "ext4", "dos"
    std::string usage; // "filesystem", "partition-table", ...
    std::string label; // may be empty
    // Where its magic stands; nothing if that is not known.
    std::optional<Bytes> place{};
};

class Host {
public:
    virtual ~Host() = default;

    // Throws Code::not_found if path is no block device.
    [[nodiscard]] virtual BlockDevice inspect(const std::string& path) = 0;
    // A path for a device number, for showing: "/dev/sdb1", or "8:17".
    [[nodiscard]] virtual std::string path_of(DeviceNumber number) = 0;
    // All block devices that could be members, with partitions, but none known as dead.
    [[nodiscard]] virtual std::vector<BlockDevice> block_devices() = 0;
    // Stable names of the device; empty parts are unknown.
    [[nodiscard]] virtual format::Identity identity(const BlockDevice& device) = 0;
    // Who uses the device or a partition of it: "mounted on /srv", "held by
    // dm-3 (vg-root)", "swap". Empty: nobody.
    [[nodiscard]] virtual std::vector<std::string> users(const BlockDevice& device) = 0;
    // Everything libblkid finds. Throws Code::failed if probing hits an I/O error.
    [[nodiscard]] virtual std::vector<Signature> signatures(const BlockDevice& device) = 0;
    // Type of a partition in its partition table, as libblkid writes it ("0xef", a
    // UUID); empty for what is no partition, or if it is not known.
    [[nodiscard]] virtual std::string partition_type(const BlockDevice& device) = 0;
    // What a boot loader reads from the file system of that type on the device, see
    // boot_files.h; empty: nothing. Throws Code::failed if it can't be looked at.
    [[nodiscard]] virtual std::string boot_files(const BlockDevice& device,
                                                 const std::string& type) = 0;
    // Remove all signatures of other software.
    virtual void wipe_signatures(const BlockDevice& device) = 0;
    // Throws if that is not possible. Exclusive: fails with Code::busy if anybody
    // else has claimed the device.
    [[nodiscard]] virtual std::unique_ptr<format::BlockWriter> open(const BlockDevice& device,
                                                                    Access access) = 0;
    // Have the kernel read the partition table of a whole disk again. Nobody may have
    // claimed it. Returns 0, also for what never has partitions, or an errno.
    [[nodiscard]] virtual int reread_partitions(const BlockDevice& device) = 0;
    // Keeps udev from looking at a disk that is being written; empty if there is
    // nothing to lock.
    [[nodiscard]] virtual Lock lock_disk(const BlockDevice& device) = 0;
    // Keeps other tools off a device that is, or becomes, a member of a set. Throws
    // Code::busy if one still has it after lock_timeout.
    [[nodiscard]] virtual Lock lock_member(DeviceNumber number) = 0;

    std::chrono::seconds lock_timeout{10};
    // What stands for "/" where files of the administrator are read and written.
    std::string root;
};

[[nodiscard]] std::unique_ptr<Host> make_host();

} // namespace remap::sys
