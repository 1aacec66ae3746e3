// SPDX-License-Identifier: GPL-2.0-only
// Host on a running Linux system.
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <thread>

#include "base/error.h"
#include "base/text.h"
#include "sys/blkid.h"
#include "sys/boot_files.h"
#include "sys/host.h"
#include "sys/lock.h"
#include "sys/sysfs.h"
#include "sys/udev.h"

namespace remap::sys {

namespace {

constexpr const char* lock_directory = "/run/lock/dm-remap";
constexpr int reread_tries = 30;
constexpr std::chrono::milliseconds reread_pause{100};

std::optional<DeviceNumber> number_of(const std::string& path) {
    struct stat st;
    if (::stat(path.c_str(), &st) != 0 || !S_ISBLK(st.st_mode))
        return std::nullopt;
    return DeviceNumber{major(st.st_rdev), minor(st.st_rdev)};
}

// Exclusive: since 5.17 the kernel refuses it to others while somebody has the disk.
int reread_once(const std::string& path) {
    const Fd fd{::open(path.c_str(), O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC)};
    if (!fd || ::ioctl(fd.get(), BLKRRPART) != 0)
        return errno;
    return 0;
}

// sysfs writes the '/' of "cciss/c0d0" as '!'.
std::string node_path(std::string name) {
    std::replace(name.begin(), name.end(), '!', '/');
    return "/dev/" + name;
}

BlockDevice to_block_device(const SysBlock::Device& d, std::string path) {
    BlockDevice b;
    b.path = std::move(path);
    b.name = d.name;
    b.number = d.number;
    b.size = d.size;
    b.lbs = d.lbs;
    b.pbs = std::max(d.pbs, d.lbs);
    b.disk_sequence = d.disk_sequence;
    b.read_only = d.read_only;
    b.removable = d.removable;
    b.partition = d.partition;
    b.start = d.start;
    b.whole_disk = d.whole_disk;
    b.whole_name = d.whole_name;
    b.model = d.model;
    return b;
}

class LinuxHost final : public Host {
public:
    BlockDevice inspect(const std::string& path) override {
        struct stat st;
        if (::stat(path.c_str(), &st) != 0)
            throw os_error(errno, path);
        const auto number = number_of(path);
        if (!number)
            throw Error{Code::not_found, path + " is not a block device"};
        const auto device = sysfs_.find(*number);
        if (!device)
            throw Error{Code::not_found, path + ": no such device in /sys", "is /sys mounted?"};
        if (device->size == Sector{0})
            throw Error{Code::not_found, path + " has no size"};
        return to_block_device(*device, path);
    }

    std::string path_of(DeviceNumber number) override {
        const auto device = sysfs_.find(number);
        if (!device)
            return number.str();
        const std::string name = sysfs_.dm_name(*device);
        std::string nice = "/dev/mapper/" + name;
        if (!name.empty() && number_of(nice) == number)
            return nice;
        return node_path(device->name);
    }

    std::vector<BlockDevice> block_devices() override {
        std::vector<BlockDevice> result;
        for (const SysBlock::Device& device : sysfs_.devices()) {
            const std::string path = path_of(device.number);
            // who opens a disk that did not answer udev may wait with it, for minutes
            if (number_of(path) == device.number &&
                udev_property(device.number, "DM_REMAP_STATE") != "no_answer")
                result.push_back(to_block_device(device, path));
        }
        return result;
    }

    // sysfs first, as it says the same thing with and without udevd: a set made on a
    // running system has to be found again in the initramfs.
    format::Identity identity(const BlockDevice& device) override {
        format::Identity id;
        if (const auto found = sysfs_.find(device.number))
            id = sysfs_.identity(*found);
        if (id.wwn.empty())
            id.wwn = udev_property(device.number, "ID_WWN_WITH_EXTENSION");
        if (id.wwn.empty())
            id.wwn = udev_property(device.number, "ID_WWN");
        if (id.serial.empty())
            id.serial = udev_property(device.number, "ID_SERIAL_SHORT");
        if (device.partition) {
            id.partuuid = udev_property(device.number, "ID_PART_ENTRY_UUID");
            if (id.partuuid.empty())
                id.partuuid = partition_uuid(device.path);
            if (id.partuuid.empty() && !(id.wwn.empty() && id.serial.empty()))
                id.partuuid = format::Identity::start_prefix + std::to_string(device.start.value());
        }
        for (std::string* const text : {&id.wwn, &id.serial, &id.partuuid})
            if (text->size() >= DMR_ID_SIZE)
                text->resize(DMR_ID_SIZE - 1);
        return id;
    }

    std::vector<std::string> users(const BlockDevice& device) override {
        const auto found = sysfs_.find(device.number);
        if (!found)
            return {};
        std::vector<SysBlock::Device> parts = sysfs_.partitions(*found);
        parts.insert(parts.begin(), *found);
        const std::vector<Mount> mounts = parse_mountinfo(read_or_empty("/proc/self/mountinfo"));
        const std::vector<std::string> swaps = parse_swaps(read_or_empty("/proc/swaps"));
        std::vector<std::string> result;
        for (const SysBlock::Device& part : parts) {
            const std::string prefix =
                part.number == device.number ? "" : node_path(part.name) + " is ";
            for (const Mount& mount : mounts)
                if (mount.number == part.number || number_of(mount.source) == part.number)
                    result.push_back(prefix + "mounted on " + printable(mount.target));
            for (const std::string& swap : swaps)
                if (number_of(swap) == part.number)
                    result.push_back(prefix + "used as swap");
            for (const std::string& holder : sysfs_.holders(part))
                result.push_back(prefix + "held by " + holder);
        }
        return result;
    }

    std::vector<Signature> signatures(const BlockDevice& device) override {
        return probe_signatures(device.path);
    }

    std::string partition_type(const BlockDevice& device) override {
        return device.partition ? sys::partition_type(device.path) : "";
    }

    std::string boot_files(const BlockDevice& device, const std::string& type) override {
        return find_boot_files(device.path, type);
    }

    void wipe_signatures(const BlockDevice& device) override { sys::wipe_signatures(device.path); }

    std::unique_ptr<format::BlockWriter> open(const BlockDevice& device, Access access) override {
        auto file = std::make_unique<BlockFile>(device.path, access);
        // the path may have been reused since inspect()
        struct stat st;
        if (::fstat(file->fd(), &st) != 0 || major(st.st_rdev) != device.number.major ||
            minor(st.st_rdev) != device.number.minor || file->size() != device.size)
            throw Error{Code::failed, device.path + " changed while it was looked at"};
        return file;
    }

    int reread_partitions(const BlockDevice& device) override {
        try {
            // udevd has partitions open while it probes them, and holds its lock
            const Lock disk = lock_disk(device);
            int error = reread_once(device.path);
            for (int left = reread_tries; error == EBUSY && left > 0; --left) {
                std::this_thread::sleep_for(reread_pause);
                error = reread_once(device.path);
            }
            return error == EINVAL || error == ENOTTY ? 0 : error;
        } catch (const Error&) {
            return EBUSY;
        }
    }

    // udevd takes a shared lock on the whole disk before it probes, and skips the
    // event if it can't. Device-mapper and md devices are not locked this way.
    Lock lock_disk(const BlockDevice& device) override {
        if (device.whole_name.starts_with("dm-") || device.whole_name.starts_with("md"))
            return {};
        Lock lock{::open(node_path(device.whole_name).c_str(), O_RDONLY | O_CLOEXEC)};
        if (lock && ::flock(lock.get(), LOCK_EX) != 0)
            throw os_error(errno, "cannot lock " + node_path(device.whole_name));
        return lock;
    }

    Lock lock_member(DeviceNumber number) override {
        return lock_file(lock_directory,
                         std::to_string(number.major) + "-" + std::to_string(number.minor),
                         path_of(number), lock_timeout);
    }

private:
    static std::string read_or_empty(const std::string& path) {
        try {
            return read_file(path, 16 << 20);
        } catch (const Error&) {
            return {};
        }
    }

    SysBlock sysfs_;
};

} // namespace

std::unique_ptr<Host> make_host() {
    return std::make_unique<LinuxHost>();
}

} // namespace remap::sys
