// SPDX-License-Identifier: GPL-2.0-only
#include "core/change.h"

#include "core/assemble.h"
#include "core/create.h"
#include "dm/fake.h"
#include "expect_error.h"
#include "fake_host.h"
#include "format/build.h"

namespace remap::core {
namespace {

using test::expect_error;

class Change : public testing::Test {
protected:
    Change() {
        main = host.add_disk("sda", Sector{200'000}, "0x5000c500a");
        spare = host.add_disk("sdb", Sector{65'536});
        create_set(host, dm, plan_create(host, dm, {"r0", main, spare, false, false}));
        dm.log.clear();
        host.locks.clear();
    }

    void rename(const std::string& set, const std::string& to) {
        const ChangeTarget target = find_target(host, dm, set);
        check_rename(dm, target, to);
        rename_set(host, dm, target, to);
    }
    void set(const std::string& name, const std::vector<std::string>& assignments) {
        const ChangeTarget target = find_target(host, dm, name);
        Options options = options_of(target);
        for (const std::string& text : assignments)
            options.assign(text);
        set_options(host, dm, target, options);
    }
    format::SpareRecord record() { return *look_at_spare(host, host.inspect(spare)).record; }
    // Both superblock copies are valid and the same.
    void expect_superblocks_good() {
        const FoundSpare found = look_at_spare(host, host.inspect(spare));
        EXPECT_TRUE(found.superblocks.copy[0].valid());
        EXPECT_TRUE(found.superblocks.copy[1].valid());
        EXPECT_EQ(found.superblocks.copy[0].raw.seq, found.superblocks.copy[1].raw.seq);
    }
    void expect_untouched(const std::string& step) {
        ASSERT_TRUE(dm.devices.contains("r0")) << step;
        EXPECT_EQ(dm.devices.size(), 1U) << step;
        const auto& device = dm.devices.at("r0");
        EXPECT_FALSE(device.info.suspended) << step;
        EXPECT_TRUE(device.inactive.empty()) << step;
        EXPECT_EQ(device.live[0].params, "8:0 8:1") << step;
        EXPECT_EQ(record().label, "r0") << step;
        EXPECT_EQ(record().options, "") << step;
        expect_superblocks_good();
    }

    // Runs the action again and again, each time with another operation of
    // device-mapper failing, until none fails. Returns how many there were.
    template <class Action>
    int fail_each_step(const Action& action) {
        for (int failing = 0;; ++failing) {
            int at = 0;
            std::string step;
            dm.before = [&](const std::string& line) {
                if (at++ != failing)
                    return;
                step = line;
                throw os_error(EIO, "injected into " + line);
            };
            try {
                action();
                dm.before = nullptr;
                return failing;
            } catch (const Error& e) {
                dm.before = nullptr;
                EXPECT_THAT(e.what(), testing::HasSubstr("injected")) << step;
                expect_untouched(step);
            }
        }
    }

    test::FakeHost host;
    dm::FakeDeviceMapper dm;
    std::string main;
    std::string spare;
};

TEST_F(Change, RenamesAnAssembledSet) {
    const std::uint64_t seq = record().seq;
    rename("r0", "data");
    EXPECT_EQ(dm.log, (std::vector<std::string>{"table r0", "rename r0 data", "suspend data",
                                                "resume data"}));
    EXPECT_EQ(host.locks, (std::vector<std::string>{"8:0", "8:1"}));
    EXPECT_FALSE(dm.devices.at("data").info.suspended);
    EXPECT_EQ(record().label, "data");
    EXPECT_EQ(record().seq, seq + 1);
    expect_superblocks_good();
}

TEST_F(Change, RenamesASetThatIsNotAssembled) {
    const std::string uuid = record().set_uuid.str();
    dm.remove("r0");
    rename("r0", "data");
    EXPECT_EQ(record().label, "data");
    rename("UUID=" + uuid, "more");
    EXPECT_EQ(record().label, "more");
    EXPECT_TRUE(dm.devices.empty());
    AssembleRequest request;
    request.name = "more";
    assemble_set(host, dm, plan_assemble(host, dm, request));
    EXPECT_TRUE(dm.devices.contains("more"));
}

TEST_F(Change, RenameRefusesNames) {
    for (const char* name : {"", "a/b", ".", "control", "UUID=x"})
        expect_error(Code::usage, "can't be the name", [&] { rename("r0", name); });
    dm.devices["taken"].info.name = "taken";
    expect_error(Code::busy, "a device of that name exists", [&] { rename("r0", "taken"); });
    expect_error(Code::not_found, "no spare of the set 'nothing'",
                 [&] { rename("nothing", "data"); });
    expect_error(Code::not_found, "of another kind", [&] { rename("taken", "data"); });
    EXPECT_EQ(record().label, "r0");
}

TEST_F(Change, TheLabelOfAnAssembledSetIsNotItsName) {
    dm.rename("r0", "elsewhere");
    expect_error(Code::not_found, "the set is assembled as elsewhere", [&] { rename("r0", "x"); });
    rename("elsewhere", "elsewhere"); // the label follows
    EXPECT_EQ(record().label, "elsewhere");
}

TEST_F(Change, EveryFailingStepOfRenameIsUndone) {
    // table, rename, suspend, resume
    EXPECT_EQ(fail_each_step([&] { rename("r0", "data"); }), 4);
    EXPECT_EQ(record().label, "data");
}

TEST_F(Change, SetsOptionsOfAnAssembledSet) {
    set("r0", {"rate=500", "paused=yes"});
    EXPECT_EQ(dm.devices.at("r0").live[0].params, "8:0 8:1 2 rate=500 paused");
    EXPECT_EQ(record().options, "rate=500 paused");
    expect_superblocks_good();
    set("r0", {"rate=default"});
    EXPECT_EQ(dm.devices.at("r0").live[0].params, "8:0 8:1 1 paused");
    EXPECT_EQ(record().options, "paused");
}

TEST_F(Change, OptionsAreThereAfterTheNextAssembly) {
    dm.remove("r0");
    set("r0", {"isolate_ms=5000"});
    EXPECT_TRUE(dm.devices.empty());
    AssembleRequest request;
    assemble_set(host, dm, plan_assemble(host, dm, request));
    EXPECT_EQ(dm.devices.at("r0").live[0].params, "8:0 8:1 1 isolate_ms=5000");
}

TEST_F(Change, EveryFailingStepOfSetIsUndone) {
    // table, reload, suspend, resume
    EXPECT_EQ(fail_each_step([&] { set("r0", {"rate=7"}); }), 4);
    EXPECT_EQ(record().options, "rate=7");
}

TEST_F(Change, ReadOnlySetsStayAsTheyAre) {
    dm.devices.at("r0").info.read_only = true;
    expect_error(Code::refused, "is read-only", [&] { rename("r0", "data"); });
    expect_error(Code::refused, "is read-only", [&] { set("r0", {"rate=7"}); });
    dm.devices.at("r0").info.read_only = false;
    expect_untouched("read-only");
}

TEST_F(Change, SetsThatAreNotActiveStayAsTheyAre) {
    dm.remove("r0");
    format::SpareRecord changed = record();
    changed.state = format::State::retired;
    changed.seq += 1;
    {
        sys::BlockFile file{spare, sys::Access::write_exclusive};
        for (unsigned copy = 0; copy < 2; ++copy)
            format::write_superblock(file, format::encode(changed), copy);
    }
    expect_error(Code::refused, "retired", [&] { rename("r0", "data"); });
    EXPECT_EQ(record().label, "r0");
}

TEST_F(Change, FieldsOfLaterVersionsSurvive) {
    dm.remove("r0");
    sys::BlockFile file{spare, sys::Access::write_exclusive};
    dmr_superblock sb = format::read_superblocks(file).best();
    sb.compat = cpu_to_le64(1ULL << 40);
    sb.pad1[100] = 7;
    for (unsigned copy = 0; copy < 2; ++copy)
        format::write_superblock(file, sb, copy);
    rename("r0", "data");
    const dmr_superblock now = format::read_superblocks(file).best();
    EXPECT_EQ(now.compat, sb.compat);
    EXPECT_EQ(now.pad1[100], 7);
}

TEST_F(Change, OneDamagedSuperblockIsNoObstacle) {
    dm.remove("r0");
    for (const unsigned copy : {0U, 1U}) {
        sys::BlockFile file{spare, sys::Access::write_exclusive};
        const format::AlignedBuffer zero{block_size};
        const Sector place{dmr_sb_sector(file.size().value(), copy)};
        ASSERT_EQ(file.write(to_bytes(place), zero.span()), 0);
        rename("r0", "r0");
        expect_superblocks_good();
    }
}

} // namespace
} // namespace remap::core
