// SPDX-License-Identifier: GPL-2.0-only
#include "sys/boot_files.h"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

#include "base/error.h"
#include "base/fd.h"
#include "expect_error.h"

namespace remap::sys {
namespace {

namespace fs = std::filesystem;

class BootFiles : public testing::Test {
protected:
    BootFiles() {
        std::string pattern = fs::temp_directory_path() / "boot-files-XXXXXX";
        if (::mkdtemp(pattern.data()) == nullptr)
            throw os_error(errno, pattern);
        top = pattern;
    }
    ~BootFiles() override {
        std::error_code ignored;
        fs::remove_all(top, ignored);
    }
    BootFiles(const BootFiles&) = delete;
    BootFiles& operator=(const BootFiles&) = delete;

    void put(const std::string& name, const std::string& text = "x") {
        fs::create_directories((top / name).parent_path());
        std::ofstream{top / name} << text;
    }
    std::string found() { return find_boot_files(open_file(top, O_RDONLY | O_DIRECTORY).get()); }

    fs::path top;
};

TEST_F(BootFiles, DataHasNone) {
    EXPECT_EQ(found(), "");
    put("srv/www/index.html");
    put("boot");
    put("grub/of/somebody");
    put("vmlinux.h/really");
    EXPECT_EQ(found(), "");
}

TEST_F(BootFiles, KernelInBoot) {
    put("boot/config-6.1.0");
    EXPECT_EQ(found(), "");
    put("boot/vmlinuz-6.1.0");
    put("boot/initrd.img-6.1.0");
    EXPECT_EQ(found(), "/boot/initrd.img-6.1.0");
    fs::remove(top / "boot/initrd.img-6.1.0");
    EXPECT_EQ(found(), "/boot/vmlinuz-6.1.0");
}

TEST_F(BootFiles, BootLoaderInBoot) {
    fs::create_directories(top / "boot/grub");
    EXPECT_EQ(found(), "") << "nothing in it";
    put("boot/grub/grub.cfg");
    EXPECT_EQ(found(), "/boot/grub");
}

TEST_F(BootFiles, AnotherFileSystemOnBoot) {
    put("boot/vmlinuz-6.1.0"); // left from the time before
    put("etc/fstab", "# /dev/sda1 /boot ext4\nUUID=1 / ext4 defaults 0 1\nUUID=2 /boot/efi vfat\n");
    EXPECT_EQ(found(), "/boot/vmlinuz-6.1.0");
    put("etc/fstab", "UUID=1 / ext4 defaults 0 1\nUUID=2 /boot ext4 defaults 0 2");
    EXPECT_EQ(found(), "");
    put("etc/fstab", "UUID=1 / btrfs subvol=@ 0 0\nUUID=1 /boot btrfs subvol=@boot 0 0\n");
    EXPECT_EQ(found(), "/boot/vmlinuz-6.1.0") << "a subvolume of the same device";
}

TEST_F(BootFiles, FileSystemOfBootItself) {
    put("vmlinuz-6.1.0");
    EXPECT_EQ(found(), "") << "a copy of a kernel is no boot loader's";
    put("grub/grub.cfg");
    EXPECT_EQ(found(), "/vmlinuz-6.1.0");
}

TEST_F(BootFiles, FileSystemOfEfiPrograms) {
    put("EFI/BOOT/BOOTX64.EFI");
    EXPECT_EQ(found(), "/EFI/BOOT");
    fs::remove_all(top / "EFI");
    put("loader/entries/debian.conf");
    EXPECT_EQ(found(), "/loader/entries");
}

TEST_F(BootFiles, LinksLeadElsewhere) {
    fs::create_symlink("boot/vmlinuz-6.1.0", top / "vmlinuz");
    put("grub/grub.cfg");
    put("elsewhere/vmlinuz-6.1.0");
    fs::create_symlink("elsewhere", top / "boot");
    EXPECT_EQ(found(), "");
    fs::remove(top / "boot");
    fs::create_directories(top / "boot");
    fs::create_symlink("/vmlinuz-6.1.0", top / "boot/vmlinuz-6.1.0");
    fs::create_symlink("/", top / "boot/grub");
    EXPECT_EQ(found(), "");
}

TEST_F(BootFiles, DeviceThatCannotBeLookedAt) {
    test::expect_error(Code::failed, "cannot look into /dev/null (LVM2_member)",
                       [] { (void)find_boot_files("/dev/null", "LVM2_member"); });
}

} // namespace
} // namespace remap::sys
