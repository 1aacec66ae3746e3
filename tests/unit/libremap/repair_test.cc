// SPDX-License-Identifier: GPL-2.0-only
// Repairing, restoring and backing up: what needs unreadable sectors, devices in
// use, or a set that changes meanwhile.
#include "core/repair.h"

#include <random>

#include "core/backup.h"
#include "core/restore.h"
#include "dm/fake.h"
#include "dm/remap_target.h"
#include "expect_error.h"
#include "fake_host.h"
#include "format/check.h"
#include "format/map.h"
#include "spare_image.h"

namespace remap::core {
namespace {

using test::expect_error;
using testing::ElementsAre;

constexpr Sector spare_size{65'536};

format::Severity judge(const format::Snapshot& snapshot) {
    format::SnapshotReader reader{snapshot};
    return format::check_spare(reader).worst;
}

class SalvageTest : public testing::Test {
protected:
    SalvageTest() {
        test::write_spare(device, 5);
        sb = format::read_superblocks(device).best();
    }
    void write_superblocks() {
        sb.seq = cpu_to_le64(le64_to_cpu(sb.seq) + 1);
        for (unsigned copy = 0; copy < 2; ++copy)
            format::write_superblock(device, sb, copy);
    }
    format::MapItem item(const format::Snapshot& snapshot, std::uint64_t block) {
        format::SnapshotReader reader{snapshot};
        return format::LoadedMap{reader}.find(BlockNo{block}).value_or(format::MapItem{});
    }

    test::MemoryDevice device{spare_size};
    dmr_superblock sb;
};

TEST_F(SalvageTest, WholeSparesStayAsTheyAre) {
    const format::Salvage result = format::salvage(device, nullptr);
    EXPECT_TRUE(result.lossless());
    EXPECT_FALSE(result.stale());
    const format::Snapshot before = format::take_snapshot(device, sb);
    EXPECT_EQ(result.snapshot.runs, before.runs);
    EXPECT_EQ(result.snapshot.entries.size(), before.entries.size());
    EXPECT_EQ(le64_to_cpu(result.snapshot.sb.seq), le64_to_cpu(sb.seq) + 1);
}

TEST_F(SalvageTest, UnreadableCopies) {
    device.unreadable = {0, dmr_table_sector(&sb, 0, 1) + 3, dmr_table_sector(&sb, 7, 0)};
    EXPECT_TRUE(format::salvage(device, nullptr).lossless());
    device.unreadable.push_back(dmr_table_sector(&sb, 7, 1) + 7);
    const format::Salvage result = format::salvage(device, nullptr);
    ASSERT_EQ(result.unknown_slots.size(), 1U);
    EXPECT_EQ(result.unknown_slots[0].first, 7U * 252);
    EXPECT_EQ(judge(result.snapshot), format::Severity::note);
}

// The copy that was given up names blocks that were on the spare: they must not be
// read from main.
TEST_F(SalvageTest, BlocksOfACopyThatWasGivenUp) {
    test::change_table(device, 0, {1}, dmr_seq(1, 9),
                       [](auto& block) { test::set_entry(block, 9, 77, 9); });
    sb.distrust[0].nr = cpu_to_le32(1);
    sb.distrust[0].copy = cpu_to_le32(1);
    sb.distrust_since = cpu_to_le64(2);
    write_superblocks();
    EXPECT_TRUE(format::salvage(device, nullptr).lossless());
    test::corrupt(device, Sector{dmr_table_sector(&sb, 0, 0)});
    const format::Salvage result = format::salvage(device, nullptr);
    EXPECT_THAT(result.lost_blocks, ElementsAre(BlockNo{0}, BlockNo{10}, BlockNo{20}, BlockNo{30},
                                                BlockNo{40}, BlockNo{77}));
    EXPECT_EQ(result.unknown_slots[0].count, 252U);
    EXPECT_EQ(judge(result.snapshot), format::Severity::note);
    const format::MapItem lost = item(result.snapshot, 77);
    EXPECT_EQ(lost.lost, 0xff);
    EXPECT_TRUE(lost.slot_lost);
    EXPECT_GE(lost.slot, 252U);
    EXPECT_EQ(le32_to_cpu(result.snapshot.sb.distrust[0].nr), 0U);
}

TEST_F(SalvageTest, DoubtIsOverriddenByANewerEntry) {
    test::change_table(device, 0, {0, 1}, 3, [](auto& block) {
        test::set_entry(block, 9, 77, 5);
        block.entry[9].a |= cpu_to_le64(15ULL << 60); // unknown reason
        test::set_entry(block, 10, 77, 6);
    });
    const format::Salvage result = format::salvage(device, nullptr);
    EXPECT_TRUE(result.lossless());
    EXPECT_EQ(item(result.snapshot, 77).slot, 10U);
}

TEST_F(SalvageTest, OfThreeEntriesTheNewestHolds) {
    test::change_table(device, 0, {0, 1}, 3, [](auto& block) {
        test::set_entry(block, 9, 77, 5);
        test::set_entry(block, 10, 77, 5);
        test::set_entry(block, 11, 77, 6);
    });
    EXPECT_EQ(format::check_spare(device).worst, format::Severity::fatal);
    const format::Salvage result = format::salvage(device, nullptr);
    EXPECT_TRUE(result.lossless());
    EXPECT_EQ(result.superseded, 2U);
    EXPECT_EQ(item(result.snapshot, 77).slot, 11U);
}

TEST_F(SalvageTest, ShortLastBlock) {
    sb.main_sectors = cpu_to_le64(1'000'003);
    write_superblocks();
    test::change_table(device, 0, {0, 1}, 3, [](auto& block) {
        test::set_entry(block, 9, 125'000, 5);
        test::set_entry(block, 10, 125'000, 5);
    });
    const format::Salvage result = format::salvage(device, nullptr);
    EXPECT_EQ(item(result.snapshot, 125'000).lost, 0x07);
    EXPECT_EQ(judge(result.snapshot), format::Severity::note);
}

// Whatever happened, the result is good, and no block that the source still maps
// for certain has another content in it.
TEST_F(SalvageTest, RandomDamage) {
    for (unsigned seed = 0; seed < 200; ++seed) {
        std::mt19937_64 random{seed};
        test::MemoryDevice broken = device;
        for (unsigned n = 0; n < 4; ++n) {
            const Sector at{
                dmr_table_sector(&sb, random() % 2, static_cast<unsigned>(random() % 2))};
            dmr_table_block block;
            test::read_block(broken, at, &block);
            const auto copy = le16_to_cpu(block.copy);
            block.entry[random() % 8].a ^= cpu_to_le64(1ULL << random() % 64);
            if (random() % 4 != 0)
                dmr_table_seal(&block, dmr_table_seed(&sb), le64_to_cpu(block.seq) + random() % 2,
                               copy);
            test::write_block(broken, at, &block);
        }
        const format::Salvage result = format::salvage(broken, nullptr);
        ASSERT_EQ(judge(result.snapshot), format::Severity::note) << "seed " << seed;
        if (format::check_spare(broken).worst == format::Severity::fatal)
            continue;
        ASSERT_TRUE(result.lossless()) << "seed " << seed;
        const format::LoadedMap before{broken};
        before.for_each([&](const format::MapItem& was) {
            EXPECT_EQ(item(result.snapshot, was.block.value()), was) << "seed " << seed;
            return true;
        });
    }
}

TEST_F(SalvageTest, UnreadableSlotsAreLost) {
    const auto pattern = [&](std::uint64_t slot) {
        return std::vector<unsigned char>(block_size, static_cast<unsigned char>(slot + 1));
    };
    for (std::uint64_t slot = 0; slot < 5; ++slot)
        test::write_block(device, Sector{dmr_slot_sector(&sb, slot)}, pattern(slot).data());
    device.unreadable = {dmr_slot_sector(&sb, 3) + 5};
    format::Snapshot snapshot = format::salvage(device, nullptr).snapshot;
    test::MemoryDevice output{spare_size};
    const RepairResult result = copy_slots(device, output, snapshot);
    EXPECT_EQ(result.copied, 4U);
    EXPECT_THAT(result.unreadable_slots, ElementsAre(BlockNo{30}));
    EXPECT_EQ(item(snapshot, 30).lost, 0xff);
    EXPECT_TRUE(item(snapshot, 30).slot_lost);
    for (const std::uint64_t slot : {0U, 1U, 2U, 4U}) {
        std::vector<unsigned char> block(block_size);
        test::read_block(output, Sector{dmr_slot_sector(&sb, slot)}, block.data());
        EXPECT_EQ(block, pattern(slot)) << slot;
        EXPECT_EQ(item(snapshot, slot * 10).lost, 0);
    }
}

// A machine with a spare sdb and an empty device sdc of the same size.
class Machine : public testing::Test {
protected:
    Machine() {
        spare = host.add_disk("sdb", spare_size);
        other = host.add_disk("sdc", spare_size);
        sys::BlockFile file{spare, sys::Access::write_exclusive};
        record = test::write_spare(file, 5);
    }
    format::Severity check(const std::string& path) {
        sys::BlockFile file{path, sys::Access::read};
        return format::check_spare(file).worst;
    }

    test::FakeHost host;
    dm::FakeDeviceMapper dm;
    std::string spare;
    std::string other;
    format::SpareRecord record;
};

TEST_F(Machine, RepairsOntoADevice) {
    const RepairPlan plan = plan_repair(host, {spare, other, "", false, false});
    check_repair_is_wanted(plan);
    EXPECT_EQ(repair(host, plan).copied, 5U);
    EXPECT_EQ(check(other), format::Severity::note);
}

TEST_F(Machine, DevicesInUse) {
    host.devices[spare].users = {"held by dm-0 (r0)"};
    expect_error(Code::busy, "the source is in use: held by dm-0 (r0)", [&] {
        (void)plan_repair(host, {spare, other, "", false, true});
    });
    host.devices[spare].users.clear();
    host.devices[other].users = {"mounted on /srv"};
    expect_error(Code::busy, "mounted on /srv", [&] {
        (void)plan_repair(host, {spare, other, "", false, true});
    });
}

TEST_F(Machine, SignaturesOnTheOutput) {
    host.devices[other].signatures = {{"ext4", "filesystem", ""}};
    expect_error(Code::refused, "contains a 'ext4' signature", [&] {
        (void)plan_repair(host, {spare, other, "", false, false});
    });
    (void)repair(host, plan_repair(host, {spare, other, "", false, true}));
    EXPECT_TRUE(host.devices[other].signatures.empty());
    EXPECT_EQ(check(other), format::Severity::note);
}

TEST_F(Machine, ReadOnlyOutput) {
    host.devices[other].block.read_only = true;
    expect_error(Code::refused, "is read-only", [&] {
        (void)plan_repair(host, {spare, other, "", false, true});
    });
}

TEST_F(Machine, NewerMetadataIsNamed) {
    format::Snapshot ours;
    {
        sys::BlockFile file{spare, sys::Access::write_exclusive};
        ours = format::take_snapshot(file, format::read_superblocks(file).best());
        record.activation = 8;
        record.seq += 1;
        for (unsigned copy = 0; copy < 2; ++copy)
            format::write_superblock(file, format::encode(record), copy);
    }
    expect_error(Code::refused, "is newer than the dump: activation 8, not 0",
                 [&] { (void)inspect_target(host, spare, ours, "the dump", false); });
}

class Backup : public Machine {
protected:
    Backup() {
        const auto number = host.devices[spare].block.number;
        dm.create("r0", dm::device_uuid(record.set_uuid),
                  {{Sector{0}, record.main_size, dm::remap_target, "8:0 " + number.str()}}, false);
        dm.on_status = [this](const std::string&) {
            ++asked;
            if (change)
                change();
            return "1 active rw 5/100 0 5 0 0 0 0 0 0,0,5,0,0,0,0 2 2 0 " +
                   std::to_string(generation) + " 0 0 3 " + record.set_uuid.str();
        };
    }
    void add_entry(unsigned i, std::uint64_t seq) {
        sys::BlockFile file{spare, sys::Access::write_exclusive};
        test::change_table(file, 0, {0, 1}, seq,
                           [&](auto& block) { test::set_entry(block, i, 1000 + i, i + 1); });
    }

    std::uint64_t generation = 5;
    unsigned asked = 0;
    std::function<void()> change;
};

TEST_F(Backup, OfASet) {
    EXPECT_EQ(take_backup(host, dm, "r0").entries.size(), 5U);
    EXPECT_EQ(asked, 2U);
    for (const std::string& line : dm.log)
        EXPECT_FALSE(line.starts_with("suspend")) << line;
}

TEST_F(Backup, ReadAgainWhenItChanged) {
    change = [this] {
        if (asked == 2) { // after the first reading
            add_entry(9, 7);
            ++generation;
        }
    };
    EXPECT_EQ(take_backup(host, dm, "r0").entries.size(), 6U);
    EXPECT_EQ(asked, 4U);
}

// The path of its spare stands for a set that is in use.
TEST_F(Backup, ByThePathOfItsSpare) {
    change = [this] { generation += asked == 2 ? 1U : 0U; };
    EXPECT_EQ(take_backup(host, dm, spare).entries.size(), 5U);
    EXPECT_EQ(asked, 4U);
}

TEST_F(Backup, WithoutDeviceMapper) {
    dm.before = [](const std::string&) { throw Error{Code::kernel, "no device-mapper"}; };
    EXPECT_EQ(take_backup(host, dm, spare).entries.size(), 5U);
}

TEST_F(Backup, GivesUpInTheEnd) {
    change = [this] { ++generation; };
    expect_error(Code::busy, "changes faster than it can be read; try again",
                 [&] { (void)take_backup(host, dm, "r0"); });
}

TEST_F(Backup, OfADeviceOrNothing) {
    EXPECT_EQ(take_backup(host, dm, spare).entries.size(), 5U);
    expect_error(Code::not_found, "no dm-remap signature",
                 [&] { (void)take_backup(host, dm, other); });
    EXPECT_EQ(asked, 2U) << "the spare of a set is read as the set";
    expect_error(Code::not_found, "No such file", [&] { (void)take_backup(host, dm, "r1"); });
}

TEST_F(Backup, DefaultPlace) {
    const std::string directory = spare + ".d";
    const std::string path = default_backup_path(record.set_uuid, directory);
    EXPECT_EQ(path, directory + "/" + record.set_uuid.str() + ".json");
    const auto mode = std::filesystem::status(directory).permissions();
    EXPECT_EQ(mode, std::filesystem::perms::owner_all);
    EXPECT_EQ(default_backup_path(record.set_uuid, directory), path);
}

} // namespace
} // namespace remap::core
