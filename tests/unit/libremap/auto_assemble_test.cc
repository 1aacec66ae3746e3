// SPDX-License-Identifier: GPL-2.0-only
#include "core/auto_assemble.h"

#include <cstring>
#include <filesystem>
#include <gmock/gmock.h>

#include "core/create.h"
#include "core/members.h"
#include "dm/fake.h"
#include "expect_error.h"
#include "fake_host.h"
#include "format/build.h"
#include "format/member.h"

namespace remap::core {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A set on sda and sdb that was made with a shield, as far as finding it goes.
class AutoAssemble : public testing::Test {
protected:
    AutoAssemble() {
        main = host.add_disk("sda", main_size, "0x5000c500a");
        spare = host.add_disk("sdb", spare_size);
        create_set(host, dm, plan_create(host, dm, {"data", main, spare, false, false}));
        dm.remove("data");
        dm.log.clear();
        record = *look_at_spare(host, host.inspect(spare)).record;
        record.incompat = DMR_INCOMPAT_SHIELD;
        rewrite(spare, record);
        header.set_uuid = record.set_uuid;
        header.spare_uuid = record.spare_uuid;
        header.epoch = record.epoch;
        header.main_size = record.main_size;
        header.label = record.label;
        put_header(main, header);
    }

    // With a higher sequence number than anything before.
    void rewrite(const std::string& path, format::SpareRecord changed) {
        changed.seq = ++seq_;
        sys::BlockFile file{path, sys::Access::write_exclusive};
        for (unsigned copy = 0; copy < 2; ++copy)
            format::write_superblock(file, format::encode(changed), copy);
    }
    static void put_header(const std::string& path, const format::MemberHeader& what) {
        put_block(path, format::encode_member(what));
    }
    template <class Raw>
    static void put_block(const std::string& path, const Raw& raw) {
        sys::BlockFile file{path, sys::Access::write_exclusive};
        format::AlignedBuffer buffer{block_size};
        std::memcpy(buffer.data(), &raw, sizeof(raw));
        ASSERT_EQ(file.write(Bytes{0}, buffer.span()), 0);
    }
    // A copy of a disk, header, metadata and all.
    std::string clone(const std::string& name, const std::string& path, const char* wwn = "") {
        std::string copy = host.add_disk(name, host.inspect(path).size, wwn);
        std::filesystem::copy_file(path, copy, std::filesystem::copy_options::overwrite_existing);
        return copy;
    }
    // A formatted spare; the caller has changed the record.
    std::string other_spare(const std::string& name, const format::SpareRecord& changed) {
        std::string path = host.add_disk(name, spare_size);
        sys::BlockFile file{path, sys::Access::write_exclusive};
        (void)format::format_spare(file, changed);
        return path;
    }
    // As made with --no-shield.
    void remove_shield() {
        record.incompat = 0;
        rewrite(spare, record);
        put_block(main, dmr_member{});
    }

    std::vector<AutoSet> run_all(bool dry_run = false) {
        return assemble_auto(host, dm, configuration, tab, {std::nullopt, dry_run});
    }
    AutoSet run() {
        const std::vector<AutoSet> sets =
            assemble_auto(host, dm, configuration, tab, {record.set_uuid, false, event});
        EXPECT_EQ(sets.size(), 1U);
        return sets.empty() ? AutoSet{} : sets[0];
    }
    void expect(Verdict verdict, const std::string& part) {
        const AutoSet set = run();
        EXPECT_EQ(set.verdict, verdict) << set.reason;
        EXPECT_THAT(set.reason + "; " + set.hint, HasSubstr(part));
        EXPECT_TRUE(dm.devices.empty());
    }
    void list(const std::string& line) {
        tab = format::parse_remaptab(line);
        ASSERT_THAT(tab.problems, IsEmpty());
    }
    [[nodiscard]] std::string uuid() const { return "UUID=" + record.set_uuid.str(); }
    [[nodiscard]] std::string table() { return dm.devices.begin()->second.live[0].params; }

    bool event = false;
    static constexpr Sector main_size{200'000};
    static constexpr Sector spare_size{65'536};
    test::FakeHost host;
    dm::FakeDeviceMapper dm;
    Configuration configuration;
    format::Remaptab tab;
    std::string main;
    std::string spare;
    format::SpareRecord record;
    format::MemberHeader header;

private:
    std::uint64_t seq_ = 100;
};

TEST_F(AutoAssemble, MembersThatNameEachOther) {
    host.devices[main].identity.wwn = "0xanother"; // behind another adapter
    EXPECT_EQ(run_all(true).at(0).verdict, Verdict::ready);
    EXPECT_TRUE(dm.devices.empty());
    const AutoSet set = run();
    EXPECT_EQ(set.verdict, Verdict::assembled) << set.reason;
    EXPECT_EQ(set.name, "data");
    EXPECT_THAT(set.notes, IsEmpty());
    EXPECT_EQ(table(), "8:0 8:1");
    EXPECT_EQ(run().verdict, Verdict::already);
}

TEST_F(AutoAssemble, Policies) {
    configuration.auto_policy = AutoPolicy::listed;
    expect(Verdict::not_allowed, "not in /etc/remaptab");
    list("other - " + uuid() + " noauto");
    expect(Verdict::not_allowed, "noauto");
    configuration.auto_policy = AutoPolicy::none;
    list("other - " + uuid());
    expect(Verdict::not_allowed, "auto=none");
    configuration.auto_policy = AutoPolicy::listed;
    list("other - " + uuid() + " readonly");
    EXPECT_EQ(run().verdict, Verdict::assembled);
    EXPECT_TRUE(dm.devices.at("other").info.read_only);
}

TEST_F(AutoAssemble, ListedByThePathOfItsSpare) {
    configuration.auto_policy = AutoPolicy::listed;
    list("other - " + spare);
    EXPECT_EQ(run().verdict, Verdict::assembled);
    EXPECT_TRUE(dm.devices.contains("other"));
}

TEST_F(AutoAssemble, SpareIsMissing) {
    host.devices.erase(spare);
    expect(Verdict::incomplete, "its spare (UUID " + record.spare_uuid.str() + ") is missing");
}

TEST_F(AutoAssemble, MainIsMissing) {
    host.devices.erase(main);
    expect(Verdict::incomplete, "its main device (WWN 0x5000c500a) is missing");
}

TEST_F(AutoAssemble, NothingIsThereOfAListedSet) {
    host.devices.clear();
    EXPECT_THAT(run_all(), IsEmpty());
    list("data - " + uuid());
    expect(Verdict::incomplete, "its spare is missing");
}

TEST_F(AutoAssemble, LoneSpareTakesOverNoDisk) {
    remove_shield(); // says by its WWN whose main sda is
    expect(Verdict::not_allowed, "has no member header, and /etc/remaptab does not list it");
}

TEST_F(AutoAssemble, ListedSetWithoutHeader) {
    remove_shield();
    tab = format::parse_remaptab(format::remaptab_line(record));
    EXPECT_EQ(run().verdict, Verdict::assembled);
    EXPECT_EQ(table(), "8:0 8:1");
}

TEST_F(AutoAssemble, ListedSetWithoutHeaderAndMain) {
    remove_shield();
    list("data WWN=0xother " + uuid());
    expect(Verdict::incomplete, "its main device (WWN 0xother) is missing");
    list("data /dev/gone " + uuid());
    expect(Verdict::incomplete, "its main device is missing: /dev/gone");
    list("data - " + uuid());
    clone("sdc", main, "0x5000c500a");
    expect(Verdict::refused, "both look like its main device");
}

// Stopping makes events of the members.
TEST_F(AutoAssemble, StoppedStaysStopped) {
    const auto assembled = [&] { return run().verdict == Verdict::assembled; };
    event = true;
    ASSERT_TRUE(assembled());
    (void)stop_set(host, dm, "data", false);
    expect(Verdict::not_allowed, "it was stopped; to have it again run: remapctl assemble UUID=");
    // a disk that was away and is back
    host.devices.at(main).block.disk_sequence = 77;
    ASSERT_TRUE(assembled());
    (void)stop_set(host, dm, "data", false);
    expect(Verdict::not_allowed, "it was stopped");
    event = false; // by hand
    ASSERT_TRUE(assembled());
    event = true;
    dm.remove("data");
    EXPECT_TRUE(assembled());
}

// A set that could not be stopped was not.
TEST_F(AutoAssemble, FailedStopIsNone) {
    ASSERT_EQ(run().verdict, Verdict::assembled);
    dm.before = [](const std::string& line) {
        if (line == "remove data")
            throw Error{Code::failed, "no"};
    };
    EXPECT_THROW((void)stop_set(host, dm, "data", false), Error);
    dm.before = {};
    dm.remove("data");
    event = true;
    EXPECT_EQ(run().verdict, Verdict::assembled);
}

TEST_F(AutoAssemble, ClonedMain) {
    clone("sdc", main);
    expect(Verdict::refused, "carry the same member header; one is a copy of the other");
    AssembleRequest request;
    request.uuid = record.set_uuid;
    test::expect_error(Code::refused, "carry the same member header",
                       [&] { (void)plan_assemble(host, dm, request); });
    request.main = main; // by hand somebody may choose
    assemble_set(host, dm, plan_assemble(host, dm, request));
    EXPECT_EQ(table(), "8:0 8:1");
}

TEST_F(AutoAssemble, ClonedSpare) {
    const std::string copy = clone("sdc", spare);
    expect(Verdict::refused, "both claim to be its spare");
    // split brain: it was used after it was copied
    record.activation = 7;
    rewrite(copy, record);
    expect(Verdict::refused, "both claim to be its spare");
}

TEST_F(AutoAssemble, SeveralPathsToOneDisk) {
    const std::string top = clone("dm-0", main);
    host.devices[main].users = {"held by dm-0"};
    EXPECT_EQ(run().verdict, Verdict::assembled);
    EXPECT_EQ(table(), host.devices[top].block.number.str() + " 8:1");
}

TEST_F(AutoAssemble, OlderGenerationIsIgnored) {
    format::SpareRecord old = record;
    old.spare_uuid = Uuid::random();
    record.epoch = header.epoch = 2;
    rewrite(spare, record);
    put_header(main, header);
    const std::string path = other_spare("sdc", old);
    const AutoSet set = run();
    EXPECT_EQ(set.verdict, Verdict::assembled) << set.reason;
    EXPECT_EQ(table(), "8:0 8:1");
    EXPECT_THAT(set.notes, ElementsAre(path + " is ignored: it is of generation 1, main expects "
                                              "generation 2"));
}

TEST_F(AutoAssemble, OnlyAnOlderGeneration) {
    header.epoch = 2;
    header.spare_uuid = Uuid::random();
    put_header(main, header);
    expect(Verdict::refused, "is of generation 1, main expects generation 2; look for the right");
    AssembleRequest request;
    request.uuid = record.set_uuid;
    test::expect_error(Code::refused, "is of generation 1",
                       [&] { (void)plan_assemble(host, dm, request); });
}

// It says that it is newer, and main does not know it.
TEST_F(AutoAssemble, HostileSpare) {
    format::SpareRecord hostile = record;
    hostile.spare_uuid = Uuid::random();
    hostile.epoch = 1000;
    const std::string path = other_spare("aaa", hostile);
    const AutoSet set = run();
    EXPECT_EQ(set.verdict, Verdict::assembled) << set.reason;
    EXPECT_EQ(table(), "8:0 8:1");
    EXPECT_THAT(set.notes, ElementsAre(HasSubstr(path + " is ignored: it is not the one that main "
                                                        "names")));
    dm.remove("data");
    host.devices.erase(spare);
    expect(Verdict::refused, "is not the one that main names");
}

TEST_F(AutoAssemble, ByHandTheHeaderDecidesToo) {
    format::SpareRecord hostile = record;
    hostile.spare_uuid = Uuid::random();
    hostile.epoch = 1000;
    (void)other_spare("aaa", hostile);
    AssembleRequest request;
    request.name = "data";
    assemble_set(host, dm, plan_assemble(host, dm, request));
    EXPECT_EQ(table(), "8:0 8:1");
}

TEST_F(AutoAssemble, MainOfAnotherSet) {
    AssembleRequest request;
    request.uuid = record.set_uuid;
    request.main = main;
    header.set_uuid = Uuid::random();
    put_header(main, header);
    test::expect_error(Code::not_found, "is the main device of set " + header.set_uuid.str(),
                       [&] { (void)plan_assemble(host, dm, request); });
    put_block(main, dmr_member{});
    request.force = true; // the kernel would refuse it
    test::expect_error(Code::not_found, "it has no valid member header",
                       [&] { (void)plan_assemble(host, dm, request); });
}

TEST_F(AutoAssemble, DamagedHeaderNamesNobody) {
    dmr_member raw = format::encode_member(header);
    raw.epoch = 99;
    put_block(main, raw);
    expect(Verdict::incomplete, "its main device (WWN 0x5000c500a) is missing");
}

TEST_F(AutoAssemble, NotActive) {
    record.state = format::State::dissolving;
    rewrite(spare, record);
    expect(Verdict::refused, "it is being dissolved");
    record.state = format::State::creating;
    record.incompat = 0;
    rewrite(spare, record);
    expect(Verdict::refused, "its creation was not finished");
}

TEST_F(AutoAssemble, NameClash) {
    dm.devices["data"].info.name = "data";
    const AutoSet set = run();
    EXPECT_EQ(set.verdict, Verdict::assembled) << set.reason;
    EXPECT_EQ(set.name, "data-" + record.set_uuid.str().substr(0, 8));
    EXPECT_TRUE(dm.devices.contains(set.name));
}

// Anybody can write a label.
TEST_F(AutoAssemble, LabelThatIsNoName) {
    record.label = "../shadow";
    rewrite(spare, record);
    EXPECT_EQ(run().name, "remap-" + record.set_uuid.str().substr(0, 8));
}

TEST_F(AutoAssemble, MembersInUse) {
    host.devices[main].users = {"mounted on /mnt"};
    expect(Verdict::refused, "mounted on /mnt");
}

TEST_F(AutoAssemble, LastPartitionIsNotTheDisk) {
    // the disk ends with its last partition, which is the spare
    const std::string disk = host.add_disk("sdz", Sector{spare_size.value() + 2048});
    std::filesystem::remove(disk);
    {
        sys::BlockFile from{spare, sys::Access::read};
        std::filesystem::copy_file(spare, disk);
        std::filesystem::resize_file(disk, to_bytes(spare_size).value() + 2048 * sector_size);
        format::AlignedBuffer block{block_size};
        const Bytes tail = to_bytes(Sector{dmr_sb_sector(spare_size.value(), 1)});
        ASSERT_EQ(from.read(tail, block.span()), 0);
        sys::BlockFile to{disk, sys::Access::write_exclusive};
        ASSERT_EQ(to.write(tail + Bytes{2048 * sector_size}, block.span()), 0);
        std::memset(block.data(), 0, block.size());
        ASSERT_EQ(to.write(Bytes{0}, block.span()), 0);
    }
    EXPECT_EQ(find_spares(host).size(), 1U);
    EXPECT_EQ(run().verdict, Verdict::assembled);
}

} // namespace
} // namespace remap::core
