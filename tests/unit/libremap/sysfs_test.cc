// SPDX-License-Identifier: GPL-2.0-only
#include "sys/sysfs.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace remap::sys {
namespace {

namespace fs = std::filesystem;

class Sysfs : public testing::Test {
protected:
    Sysfs() {
        std::string pattern = fs::temp_directory_path() / "libremap-sysfs-XXXXXX";
        root = ::mkdtemp(pattern.data());
        fs::create_directories(root + "/sys/class/block");
        fs::create_directories(root + "/sys/dev/block");
    }
    ~Sysfs() override { fs::remove_all(root); }

    void put(const std::string& path, const std::string& content) {
        const fs::path full = root + "/sys/devices/" + path;
        fs::create_directories(full.parent_path());
        std::ofstream{full} << content;
    }
    // A device at /sys/devices/PATH with number and size.
    void add(const std::string& path, const std::string& number, const std::string& size) {
        put(path + "/dev", number + "\n");
        put(path + "/size", size + "\n");
        const fs::path full = root + "/sys/devices/" + path;
        fs::create_directory_symlink(full, root + "/sys/class/block/" + full.filename().string());
        fs::create_directory_symlink(full, root + "/sys/dev/block/" + number);
    }

    std::string root;
};

TEST_F(Sysfs, DiskAndPartition) {
    add("pci/ata/sda", "8:0", "7814037168");
    put("pci/ata/sda/queue/logical_block_size", "512\n");
    put("pci/ata/sda/queue/physical_block_size", "4096\n");
    put("pci/ata/sda/removable", "0\n");
    put("pci/ata/sda/device/model", "WDC WD40EFRX-68N\n");
    put("pci/ata/sda/device/wwid", "naa.50014ee2b5d9c0a1\n");
    put("pci/ata/sda/device/vpd_pg80", std::string("\0\x80\0\x0fWD-WCC7K1234567", 19));
    add("pci/ata/sda/sda1", "8:1", "3907027087");
    put("pci/ata/sda/sda1/partition", "1\n");
    put("pci/ata/sda/sda1/start", "2048\n");
    const SysBlock sysfs{root};
    const auto disk = sysfs.find({8, 0});
    ASSERT_TRUE(disk);
    EXPECT_EQ(disk->name, "sda");
    EXPECT_EQ(disk->size.value(), 7814037168U);
    EXPECT_EQ(disk->pbs, 4096U);
    EXPECT_FALSE(disk->partition);
    EXPECT_EQ(disk->model, "WDC WD40EFRX-68N");
    EXPECT_EQ(sysfs.identity(*disk).wwn, "0x50014ee2b5d9c0a1");
    EXPECT_EQ(sysfs.identity(*disk).serial, "WD-WCC7K1234567");
    const auto part = sysfs.find({8, 1});
    ASSERT_TRUE(part);
    EXPECT_TRUE(part->partition);
    EXPECT_EQ(part->start.value(), 2048U);
    EXPECT_EQ(part->pbs, 4096U);
    EXPECT_EQ(part->whole_name, "sda");
    EXPECT_EQ(part->whole_disk, disk->number);
    EXPECT_EQ(sysfs.identity(*part).wwn, "0x50014ee2b5d9c0a1");
    ASSERT_EQ(sysfs.partitions(*disk).size(), 1U);
    EXPECT_FALSE(sysfs.find({8, 2}));
}

TEST_F(Sysfs, IdentityOfOtherKinds) {
    add("nvme/nvme0n1", "259:0", "1000");
    put("nvme/nvme0n1/wwid", "eui.0025385b71b00a4d\n");
    put("nvme/nvme0n1/device/serial", "S4EWNX0M   \n");
    add("virtio/vda", "253:0", "1000");
    put("virtio/vda/serial", "disk-7\n");
    add("virtual/dm-0", "254:0", "1000");
    put("virtual/dm-0/dm/uuid", "LVM-abc\n");
    put("virtual/dm-0/dm/name", "vg-root\n");
    add("virtual/md0", "9:0", "1000");
    put("virtual/md0/md/uuid", "1111-2222\n");
    add("ata/sdx", "8:16", "1000");
    put("ata/sdx/device/wwid", "t10.ATA     QEMU HARDDISK            QM00001 \n");
    const SysBlock sysfs{root};
    const auto id = [&](dm::DeviceNumber n) { return sysfs.identity(*sysfs.find(n)); };
    EXPECT_EQ(id({259, 0}), (format::Identity{"eui.0025385b71b00a4d", "S4EWNX0M", ""}));
    EXPECT_EQ(id({253, 0}), (format::Identity{"", "disk-7", ""}));
    EXPECT_EQ(id({254, 0}), (format::Identity{"dm-uuid-LVM-abc", "", ""}));
    EXPECT_EQ(id({9, 0}), (format::Identity{"md-uuid-1111-2222", "", ""}));
    EXPECT_EQ(id({8, 16}), (format::Identity{"t10.ATA_QEMU_HARDDISK_QM00001", "", ""}));
    EXPECT_EQ(sysfs.dm_name(*sysfs.find({254, 0})), "vg-root");
}

TEST_F(Sysfs, DevicesLeavesOutWhatCantBeAMember) {
    add("ata/sda", "8:0", "1000");
    add("virtual/loop0", "7:0", "0"); // not in use
    add("virtual/ram0", "1:0", "1000");
    add("virtual/zram0", "252:0", "1000");
    add("virtual/dm-0", "254:0", "1000");
    put("virtual/dm-0/dm/suspended", "1\n");
    std::vector<std::string> names;
    for (const auto& device : SysBlock{root}.devices())
        names.push_back(device.name);
    EXPECT_EQ(names, std::vector<std::string>{"sda"});
}

TEST_F(Sysfs, Holders) {
    add("ata/sda", "8:0", "1000");
    add("virtual/dm-3", "254:3", "1000");
    put("virtual/dm-3/dm/name", "vg-root\n");
    fs::create_directories(root + "/sys/devices/ata/sda/holders");
    fs::create_directory_symlink(root + "/sys/devices/virtual/dm-3",
                                 root + "/sys/devices/ata/sda/holders/dm-3");
    const SysBlock sysfs{root};
    EXPECT_THAT(sysfs.holders(*sysfs.find({8, 0})), testing::ElementsAre("dm-3 (vg-root)"));
}

TEST(Mountinfo, Parses) {
    const auto mounts =
        parse_mountinfo("22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
                        "30 22 0:25 /sub /my\\040disk rw - btrfs /dev/sdb rw,space_cache\n"
                        "31 22 0:26 / /tmp rw shared:2 master:3 - tmpfs tmpfs rw\n"
                        "garbage\n");
    ASSERT_EQ(mounts.size(), 3U);
    EXPECT_EQ(mounts[0].number, (dm::DeviceNumber{8, 1}));
    EXPECT_EQ(mounts[0].target, "/");
    EXPECT_EQ(mounts[1].source, "/dev/sdb");
    EXPECT_EQ(mounts[1].target, "/my disk");
    EXPECT_TRUE(parse_mountinfo("").empty());
}

TEST(Swaps, Parses) {
    EXPECT_THAT(parse_swaps("Filename\t\t\t\tType\t\tSize\n/dev/sda2  partition 1 0 -2\n"
                            "/swap\\040file file 1 0 -3\n"),
                testing::ElementsAre("/dev/sda2", "/swap file"));
}

} // namespace
} // namespace remap::sys
