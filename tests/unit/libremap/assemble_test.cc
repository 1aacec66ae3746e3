// SPDX-License-Identifier: GPL-2.0-only
#include "core/assemble.h"

#include <fcntl.h>
#include <unistd.h>

#include "core/create.h"
#include "dm/fake.h"
#include "expect_error.h"
#include "fake_host.h"
#include "format/build.h"

namespace remap::core {
namespace {

using test::expect_error;

class Assemble : public testing::Test {
protected:
    Assemble() {
        main = host.add_disk("sda", Sector{200'000}, "0x5000c500a");
        spare = host.add_disk("sdb", Sector{65'536});
        create_set(host, dm, plan_create(host, dm, {"r0", main, spare, false, false}));
        record = *look_at_spare(host, host.inspect(spare)).record;
        dm.remove("r0");
        dm.log.clear();
        request.name = "r0";
    }

    void run() { assemble_set(host, dm, plan_assemble(host, dm, request)); }
    void expect_refused(Code code, const std::string& part) {
        expect_error(code, part, [&] { run(); });
        EXPECT_TRUE(dm.devices.empty());
    }
    void overwrite(const std::string& path, Sector at, std::size_t length) {
        const Fd fd = open_file(path, O_WRONLY);
        const std::string noise(length, 'x');
        ASSERT_EQ(
            ::pwrite(fd.get(), noise.data(), length, static_cast<off_t>(to_bytes(at).value())),
            static_cast<ssize_t>(length));
    }
    void rewrite(const format::SpareRecord& changed) {
        sys::BlockFile file{spare, sys::Access::write_exclusive};
        for (unsigned copy = 0; copy < 2; ++copy)
            format::write_superblock(file, format::encode(changed), copy);
    }

    test::FakeHost host;
    dm::FakeDeviceMapper dm;
    AssembleRequest request;
    std::string main;
    std::string spare;
    format::SpareRecord record;
};

TEST_F(Assemble, FindsBothMembers) {
    host.add_disk("sdc", Sector{200'000}, "0x5000c500b"); // same size, another disk
    run();
    EXPECT_EQ(dm.devices.at("r0").live[0].params, "8:0 8:1");
    EXPECT_FALSE(dm.devices.at("r0").info.read_only);
}

TEST_F(Assemble, ByUuidAndWithoutName) {
    request.name.clear();
    request.uuid = record.set_uuid;
    run();
    dm.remove("r0");
    request.uuid.reset();
    run();
    EXPECT_TRUE(dm.devices.contains("r0"));
}

TEST_F(Assemble, WithoutNameNeedsASingleSet) {
    const std::string other_main = host.add_disk("sdc", Sector{1'000'000}, "0x5000c500c");
    const std::string other_spare = host.add_disk("sdd", Sector{65'536});
    create_set(host, dm, plan_create(host, dm, {"r1", other_main, other_spare, false, false}));
    dm.remove("r1");
    request.name.clear();
    expect_refused(Code::not_found, "several sets match");
}

TEST_F(Assemble, UnderAnotherNameReadOnly) {
    request.new_name = "copy";
    request.read_only = true;
    run();
    EXPECT_TRUE(dm.devices.at("copy").info.read_only);
}

TEST_F(Assemble, IsIdempotent) {
    run();
    dm.log.clear();
    const AssemblePlan plan = plan_assemble(host, dm, request);
    EXPECT_TRUE(plan.already);
    assemble_set(host, dm, plan);
    EXPECT_TRUE(dm.log.empty());
    request.new_name = "r1";
    expect_error(Code::busy, "assembled already, as r0", [&] { run(); });
}

TEST_F(Assemble, NameTakenByAnotherDevice) {
    dm.devices["r0"].info.name = "r0";
    expect_error(Code::busy, "another device has that name", [&] { run(); });
}

TEST_F(Assemble, UnknownSet) {
    request.name = "r9";
    expect_refused(Code::not_found, "no spare of the set 'r9' was found");
    request.spare = spare;
    expect_refused(Code::not_found, "belongs to set 'r0'");
    request.spare = main;
    expect_refused(Code::not_found, "is not a dm-remap spare");
}

TEST_F(Assemble, MainMustBeTheRecordedOne) {
    host.devices[main].identity.wwn = "0xother";
    expect_refused(Code::not_found, "(WWN 0x5000c500a, 97.7 MiB) was not found; give --main");
    request.main = main;
    expect_refused(Code::not_found, "its WWN is 0xother, not 0x5000c500a");
    request.force = true;
    const AssemblePlan plan = plan_assemble(host, dm, request);
    EXPECT_EQ(plan.warnings.size(), 1U);
    run();
    EXPECT_TRUE(dm.devices.contains("r0"));
}

TEST_F(Assemble, MainOfAnotherSize) {
    request.main = host.add_disk("longer", Sector{200'008}, "0x5000c500a");
    expect_refused(Code::not_found, "it has 200008 sectors, not 200000");
    request.main = host.add_disk("shorter", Sector{199'992}, "0x5000c500a");
    request.force = true;
    expect_refused(Code::not_found, "is smaller than the main device");
}

TEST_F(Assemble, AmbiguousMain) {
    host.add_disk("sdc", Sector{200'000}, "0x5000c500a");
    expect_refused(Code::not_found, "both look like its main device");
    request.main = main;
    run();
}

TEST_F(Assemble, WithoutIdentityMainHasToBeNamed) {
    record.main = {};
    record.seq += 1;
    rewrite(record);
    expect_refused(Code::not_found, "no stable identity");
    request.main = main;
    run();
}

TEST_F(Assemble, OneSuperblockIsEnough) {
    overwrite(spare, Sector{0}, 4096);
    AssemblePlan plan = plan_assemble(host, dm, request);
    EXPECT_THAT(plan.warnings, testing::ElementsAre(
                                   testing::HasSubstr("superblock copy 0: no dm-remap signature")));
    run();
    EXPECT_TRUE(dm.devices.contains("r0"));
}

TEST_F(Assemble, BothSuperblocksDamaged) {
    overwrite(spare, Sector{1}, 512); // keeps the magic
    overwrite(spare, Sector{65'529}, 512);
    expect_refused(Code::damaged, "has damaged metadata: checksum mismatch");
    request.spare = spare;
    expect_refused(Code::damaged, "see: remapctl metadata check");
}

TEST_F(Assemble, OnlyActiveSets) {
    for (const auto& [state, text] :
         {std::pair{format::State::creating, "its creation was not finished"},
          std::pair{format::State::dissolving, "it is being dissolved"},
          std::pair{format::State::retired, "it was retired"}}) {
        record.state = state;
        record.seq += 1;
        rewrite(record);
        expect_refused(Code::refused, text);
    }
}

TEST_F(Assemble, UnknownFeatures) {
    record.incompat = 1ULL << 40;
    rewrite(record);
    expect_refused(Code::damaged, "features this version does not know");
    record.incompat = 0;
    record.ro_compat = 1ULL << 40;
    rewrite(record);
    run();
    EXPECT_TRUE(dm.devices.at("r0").info.read_only);
}

TEST_F(Assemble, NewerEpochWins) {
    const std::string newer = host.add_disk("sdc", Sector{65'536});
    record.epoch = 2;
    sys::BlockFile file{newer, sys::Access::write_exclusive};
    (void)format::format_spare(file, record);
    run();
    EXPECT_EQ(dm.devices.at("r0").live[0].params, "8:0 8:2");
}

TEST_F(Assemble, TwoSparesOfOneEpoch) {
    const std::string twin = host.add_disk("sdc", Sector{65'536});
    sys::BlockFile file{twin, sys::Access::write_exclusive};
    (void)format::format_spare(file, record);
    expect_refused(Code::not_found, "both claim to be the spare");
    request.spare = twin;
    run();
    EXPECT_EQ(dm.devices.at("r0").live[0].params, "8:0 8:2");
}

TEST_F(Assemble, UnreadableDevicesArePassedOver) {
    const std::string broken = host.add_disk("aaa", Sector{65'536});
    host.devices[broken].cannot_open = true;
    run();
    EXPECT_TRUE(dm.devices.contains("r0"));
}

TEST_F(Assemble, MembersInUse) {
    host.devices[main].users = {"mounted on /mnt"};
    expect_refused(Code::busy, "mounted on /mnt");
}

TEST_F(Assemble, UsesRecordedOptions) {
    record.options = "rescue=0 rate=5";
    rewrite(record);
    run();
    EXPECT_EQ(dm.devices.at("r0").live[0].params, "8:0 8:1 2 rescue=0 rate=5");
}

TEST_F(Assemble, Stop) {
    run();
    stop_set(host, dm, "r0", true);
    EXPECT_TRUE(dm.devices.contains("r0"));
    dm.devices["r0"].info.open_count = 1;
    expect_error(Code::busy, "r0: is in use", [&] { stop_set(host, dm, "r0", false); });
    host.devices["/dev/mapper/r0"].users = {"mounted on /mnt"};
    expect_error(Code::busy, "is in use: mounted on /mnt", [&] { stop_set(host, dm, "r0", true); });
    dm.devices["r0"].info.open_count = 0;
    stop_set(host, dm, "r0", false);
    EXPECT_TRUE(dm.devices.empty());
    expect_error(Code::not_found, "r0: no such set", [&] { stop_set(host, dm, "r0", false); });
    dm.devices["lv"].info.uuid = "LVM-abc";
    expect_error(Code::not_found, "another kind", [&] { stop_set(host, dm, "lv", false); });
}

TEST(MainMismatch, Partitions) {
    format::SpareRecord record;
    record.main_size = Sector{100};
    record.main = {"0x1", "S1", "aaaa-01"};
    sys::BlockDevice device;
    device.size = Sector{100};
    device.partition = true;
    EXPECT_FALSE(main_mismatch(record, device, {"0x1", "S1", "AAAA-01"}));
    // behind a USB adapter the disk has another serial and no WWN
    EXPECT_FALSE(main_mismatch(record, device, {"", "X", "aaaa-01"}));
    EXPECT_TRUE(main_mismatch(record, device, {"0x2", "S1", "aaaa-01"}));
    EXPECT_TRUE(main_mismatch(record, device, {"0x1", "S1", "aaaa-02"}));
    EXPECT_TRUE(main_mismatch(record, device, {"0x1", "S1", ""}));
    record.main = {"0x1", "S1", ""};
    EXPECT_EQ(main_mismatch(record, device, {"0x1", "S1", "aaaa-01"}), "it is a partition");
    // without a UUID of its own the disk has to be the same
    record.main = {"", "S1", "start-2048"};
    EXPECT_FALSE(main_mismatch(record, device, {"", "S1", "start-2048"}));
    EXPECT_TRUE(main_mismatch(record, device, {"", "S2", "start-2048"}));
    EXPECT_TRUE(main_mismatch(record, device, {"", "S1", "start-4096"}));
}

TEST(MainMismatch, SerialCountsOnlyWithoutWwn) {
    format::SpareRecord record;
    record.main_size = Sector{100};
    sys::BlockDevice device;
    device.size = Sector{100};
    record.main = {"0x1", "S1", ""};
    EXPECT_FALSE(main_mismatch(record, device, {"0x1", "S2", ""}));
    record.main = {"", "S1", ""};
    EXPECT_TRUE(main_mismatch(record, device, {"", "S2", ""}));
    EXPECT_FALSE(main_mismatch(record, device, {"", "S1", ""}));
}

} // namespace
} // namespace remap::core
