// SPDX-License-Identifier: GPL-2.0-only
#include "sys/boot_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <functional>
#include <linux/fs.h>
#include <linux/mount.h>
#include <memory>
#include <mntent.h>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"

namespace remap::sys {

namespace {

constexpr std::size_t fstab_limit = 1 << 20;
constexpr std::size_t line_limit = 1 << 12;

Fd open_below(int directory, const char* name, int flags) {
    return Fd{::openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags)};
}

// The name of the first entry, neither "." nor "..", that is wanted; empty: none.
std::string find_entry(int directory, const std::function<bool(const std::string&)>& wanted) {
    Fd copy = open_below(directory, ".", O_DIRECTORY);
    const std::unique_ptr<DIR, int (*)(DIR*)> stream{::fdopendir(copy.get()), ::closedir};
    if (!stream)
        return {};
    (void)copy.release();
    std::vector<std::string> found; // in an order of its own
    while (const dirent* const entry = ::readdir(stream.get())) {
        const std::string name{static_cast<const char*>(entry->d_name)};
        if (name != "." && name != ".." && wanted(name))
            found.push_back(name);
    }
    return found.empty() ? std::string{} : *std::min_element(found.begin(), found.end());
}

bool has_type(int directory, const std::string& name, mode_t type) {
    struct stat st;
    return ::fstatat(directory, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           (st.st_mode & S_IFMT) == type;
}

// A kernel, or what is loaded with it.
std::string find_kernel(int directory) {
    static constexpr std::array<std::string_view, 5> prefixes = {"vmlinu", "bzImage", "zImage",
                                                                 "initrd", "initramfs"};
    return find_entry(directory, [&](const std::string& name) {
        return std::any_of(prefixes.begin(), prefixes.end(),
                           [&](std::string_view prefix) { return name.starts_with(prefix); }) &&
               has_type(directory, name, S_IFREG);
    });
}

// A directory of a boot loader with something in it.
std::string find_loader(int directory) {
    static constexpr std::array<std::string_view, 5> names = {"extlinux", "grub", "grub2", "loader",
                                                              "syslinux"};
    return find_entry(directory, [&](const std::string& name) {
        if (std::find(names.begin(), names.end(), name) == names.end())
            return false;
        const Fd inside = open_below(directory, name.c_str(), O_DIRECTORY);
        return inside && !find_entry(inside.get(), [](const std::string&) { return true; }).empty();
    });
}

std::string content_of(int directory, const char* name) {
    const Fd file = open_below(directory, name, 0);
    struct stat st;
    if (!file || ::fstat(file.get(), &st) != 0 || !S_ISREG(st.st_mode))
        return {};
    std::string text(std::min(static_cast<std::size_t>(st.st_size), fstab_limit), '\0');
    const ssize_t length = ::pread(file.get(), text.data(), text.size(), 0);
    text.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
    return text;
}

// Whether the fstab of a root file system mounts another one on /boot.
bool boot_is_elsewhere(int directory) {
    const Fd etc = open_below(directory, "etc", O_DIRECTORY);
    if (!etc)
        return false;
    std::string text = content_of(etc.get(), "fstab");
    const std::unique_ptr<FILE, int (*)(FILE*)> file{::fmemopen(text.data(), text.size(), "r"),
                                                     ::fclose};
    if (!file)
        return false;
    std::string root;
    std::string boot;
    mntent entry{};
    std::array<char, line_limit> line{};
    while (::getmntent_r(file.get(), &entry, line.data(), static_cast<int>(line.size()))) {
        const std::string_view target = entry.mnt_dir;
        if (target == "/")
            root = entry.mnt_fsname;
        if (target == "/boot" || target == "/boot/")
            boot = entry.mnt_fsname;
    }
    // as a subvolume it is on the same device
    return !boot.empty() && boot != root;
}

// A root file system, with its own /boot.
std::string in_root(int directory) {
    const Fd boot = open_below(directory, "boot", O_DIRECTORY);
    if (!boot || boot_is_elsewhere(directory))
        return {};
    std::string found = find_kernel(boot.get());
    if (found.empty())
        found = find_loader(boot.get());
    return found.empty() ? found : "/boot/" + found;
}

// The file system of /boot, or of EFI programs, itself. A kernel alone may be a copy.
std::string in_boot(int directory) {
    const std::string kernel = find_kernel(directory);
    if (!kernel.empty() && !find_loader(directory).empty())
        return "/" + kernel;
    for (const auto& [outer, inner] : {std::pair{"EFI", "BOOT"}, std::pair{"loader", "entries"}}) {
        const Fd inside = open_below(directory, outer, O_DIRECTORY);
        if (inside && has_type(inside.get(), inner, S_IFDIR))
            return std::string{"/"} + outer + "/" + inner;
    }
    return {};
}

// --- mounting -----------------------------------------------------------------------

// How to mount without writing. Each set of options shows other files.
struct Driver {
    std::string_view name;
    std::vector<std::vector<std::string>> options; // "key" or "key=value"
    bool subvolumes = false;
};

std::optional<Driver> driver_for(const std::string& type) {
    if (type == "ext2" || type == "ext3" || type == "ext4")
        return Driver{"ext4", {{"noload", "errors=continue"}}};
    if (type == "xfs")
        return Driver{"xfs", {{"norecovery", "nouuid"}}};
    if (type == "btrfs")
        return Driver{
            "btrfs", {{"rescue=nologreplay"}, {"rescue=nologreplay", "subvolid=5"}}, true};
    if (type == "f2fs")
        return Driver{"f2fs", {{"norecovery"}}};
    if (type == "vfat")
        return Driver{"vfat", {{}}};
    return std::nullopt;
}

// File systems refuse to write to the device as long as this lives. A second safeguard:
// the block layer itself only warns.
class WriteProtection {
public:
    explicit WriteProtection(const std::string& device) : device_{open_file(device, O_RDONLY)} {
        const int on = 1;
        if (::ioctl(device_.get(), BLKROGET, &was_) != 0 ||
            ::ioctl(device_.get(), BLKROSET, &on) != 0)
            throw os_error(errno, "cannot protect " + device + " from being written");
    }
    WriteProtection(const WriteProtection&) = delete;
    WriteProtection& operator=(const WriteProtection&) = delete;
    ~WriteProtection() { (void)::ioctl(device_.get(), BLKROSET, &was_); }

private:
    Fd device_;
    int was_ = 0;
};

// Not in glibc before 2.36.
int set_option(int context, unsigned command, const char* key, const char* value) {
    return static_cast<int>(::syscall(SYS_fsconfig, context, command, key, value, 0));
}

int set_options(int context, const std::string& device, const std::vector<std::string>& options) {
    int result = set_option(context, FSCONFIG_SET_STRING, "source", device.c_str());
    if (result == 0)
        result = set_option(context, FSCONFIG_SET_FLAG, "ro", nullptr);
    for (const std::string& option : options) {
        const std::size_t equals = option.find('=');
        if (result != 0)
            break;
        if (equals == std::string::npos)
            result = set_option(context, FSCONFIG_SET_FLAG, option.c_str(), nullptr);
        else
            result = set_option(context, FSCONFIG_SET_STRING, option.substr(0, equals).c_str(),
                                option.substr(equals + 1).c_str());
    }
    return result;
}

// A mount that is in no directory, and ends when it is closed, or this process dies.
Fd mount_detached(const std::string& device, const Driver& driver,
                  const std::vector<std::string>& options) {
    const auto failed = [&] {
        return Error{Code::failed, "cannot look into " + device + " (" + std::string{driver.name} +
                                       "): " + errno_text(errno)};
    };
    const std::string name{driver.name};
    const Fd context{static_cast<int>(::syscall(SYS_fsopen, name.c_str(), FSOPEN_CLOEXEC))};
    if (!context || set_options(context.get(), device, options) != 0 ||
        set_option(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr) != 0)
        throw failed();
    constexpr unsigned attributes =
        MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    Fd mount{static_cast<int>(
        ::syscall(SYS_fsmount, context.get(), static_cast<unsigned>(FSMOUNT_CLOEXEC), attributes))};
    if (!mount)
        throw failed();
    return mount;
}

std::string find_in_subvolumes(int directory) {
    std::string found;
    (void)find_entry(directory, [&](const std::string& name) {
        const Fd inside = open_below(directory, name.c_str(), O_DIRECTORY);
        if (found.empty() && inside)
            found = in_root(inside.get());
        return false;
    });
    return found;
}

} // namespace

std::string find_boot_files(int directory) {
    const std::string found = in_root(directory);
    return found.empty() ? in_boot(directory) : found;
}

std::string find_boot_files(const std::string& device, const std::string& type) {
    const auto driver = driver_for(type);
    if (!driver)
        throw Error{Code::failed, "cannot look into " + device + " (" + type + ")"};
    const WriteProtection protection{device};
    for (const auto& options : driver->options) {
        const Fd mount = mount_detached(device, *driver, options);
        std::string found = find_boot_files(mount.get());
        if (found.empty() && driver->subvolumes)
            found = find_in_subvolumes(mount.get());
        if (!found.empty())
            return found;
    }
    return {};
}

} // namespace remap::sys
