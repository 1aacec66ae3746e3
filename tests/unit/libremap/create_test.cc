// SPDX-License-Identifier: GPL-2.0-only
#include "core/create.h"

#include "core/assemble.h"
#include "dm/fake.h"
#include "expect_error.h"
#include "fake_host.h"
#include "format/build.h"
#include "format/check.h"
#include "spare_image.h"

namespace remap::core {
namespace {

using test::expect_error;

class Create : public testing::Test {
protected:
    Create() {
        request.name = "r0";
        request.main = host.add_disk("sda", Sector{200'001}, "0x5000c500a");
        request.spare = host.add_disk("sdb", Sector{65'536});
        request.shield = false;
    }

    void run() { create_set(host, dm, plan_create(host, dm, request)); }
    void expect_refused(Code code, const std::string& part) {
        expect_error(code, part, [&] { (void)plan_create(host, dm, request); });
        EXPECT_TRUE(dm.log.empty());
        EXPECT_FALSE(is_member());
    }
    bool is_member() {
        return look_at_spare(host, host.inspect(request.spare)).superblocks.is_member();
    }

    test::FakeHost host;
    dm::FakeDeviceMapper dm;
    CreateRequest request;
};

TEST_F(Create, FormatsAndActivates) {
    run();
    ASSERT_TRUE(dm.devices.contains("r0"));
    const auto& device = dm.devices.at("r0");
    EXPECT_EQ(device.live,
              (std::vector<dm::Target>{{Sector{0}, Sector{200'001}, "remap", "8:0 8:1"}}));
    const FoundSpare spare = look_at_spare(host, host.inspect(request.spare));
    ASSERT_TRUE(spare.record);
    EXPECT_EQ(device.info.uuid, "REMAP-" + spare.record->set_uuid.str());
    EXPECT_EQ(spare.record->state, format::State::active);
    EXPECT_EQ(spare.record->label, "r0");
    EXPECT_EQ(spare.record->main.wwn, "0x5000c500a");
    EXPECT_EQ(spare.record->main_size, Sector{200'001});
    EXPECT_EQ(spare.record->epoch, 1U);
    EXPECT_EQ(spare.record->table_init, std::min<std::uint64_t>(256, spare.record->table_blocks));
    EXPECT_EQ(host.locks, (std::vector<std::string>{"8:0", "8:1"}));
    const auto file = host.open(spare.device, sys::Access::read);
    const format::CheckReport report = format::check_spare(*file);
    EXPECT_EQ(report.worst, format::Severity::note);
    EXPECT_TRUE(report.findings.empty());
}

TEST_F(Create, PlanWritesNothing) {
    const CreatePlan plan = plan_create(host, dm, request);
    EXPECT_TRUE(dm.log.empty());
    EXPECT_FALSE(is_member());
    EXPECT_GT(plan.record.slots, 0U);
}

TEST_F(Create, RefusesNames) {
    for (const char* name : {"", "a/b", "-x", ".", "..", "a b", "control", "UUID=x"}) {
        request.name = name;
        expect_refused(Code::usage, "can't be the name");
    }
    request.name = std::string(64, 'x');
    expect_refused(Code::usage, "longer than 63 bytes");
}

TEST_F(Create, RefusesUnsuitableDevices) {
    const CreateRequest good = request;
    request.spare = request.main;
    expect_error(Code::refused, "same device", [&] { run(); });
    request = good;
    host.devices[request.spare].block.lbs = 4096;
    expect_refused(Code::refused, "larger than those of");
    host.devices[request.spare].block.lbs = 512;
    host.devices[request.spare].block.read_only = true;
    expect_refused(Code::refused, "read-only");
    host.devices[request.spare].block.read_only = false;
    request.spare = host.add_disk("tiny", Sector{136});
    expect_refused(Code::refused, "too small");
    request.spare = "/nowhere";
    expect_error(Code::not_found, "/nowhere", [&] { run(); });
}

TEST_F(Create, RefusesOverlap) {
    auto& main = host.devices[request.main].block;
    auto& spare = host.devices[request.spare].block;
    spare.whole_disk = main.number;
    spare.partition = true;
    expect_refused(Code::refused, "overlap");
    main.partition = true;
    main.start = Sector{2048};
    spare.start = Sector{10'000};
    expect_refused(Code::refused, "overlap on the disk");
    spare.start = Sector{300'000};
    const CreatePlan plan = plan_create(host, dm, request);
    EXPECT_THAT(plan.warnings, testing::Contains(testing::HasSubstr("same disk")));
}

TEST_F(Create, RefusesDevicesInUse) {
    host.devices[request.main].users = {"mounted on /srv"};
    expect_refused(Code::busy, "the main device is in use: mounted on /srv");
    host.devices[request.main].users.clear();
    host.devices[request.spare].users = {"held by dm-3 (vg-root)"};
    expect_refused(Code::busy, "the spare is in use: held by dm-3 (vg-root)");
    request.force = true; // no way around
    expect_refused(Code::busy, "in use");
}

TEST_F(Create, RefusesSignaturesWithoutForce) {
    host.devices[request.main].signatures = {{"ext4", "filesystem", "media"}};
    host.devices[request.spare].signatures = {{"LVM2_member", "raid", ""}};
    expect_refused(Code::refused,
                   "contains a 'LVM2_member' signature; use --force to overwrite it");
    request.force = true;
    run();
    EXPECT_TRUE(host.devices[request.spare].signatures.empty());
    EXPECT_EQ(host.devices[request.main].signatures.size(), 1U); // is not an obstacle
}

TEST_F(Create, RefusesAnotherSetsSpareWithoutForce) {
    run();
    stop_set(host, dm, "r0", false);
    request.name = "r1";
    expect_error(Code::refused, "is the spare of set 'r0'", [&] { run(); });
    request.force = true;
    run();
    EXPECT_TRUE(dm.devices.contains("r1"));
}

TEST_F(Create, RefusesNameInUse) {
    dm.devices["r0"].info.name = "r0";
    expect_refused(Code::busy, "a device of that name exists");
}

TEST_F(Create, RefusesWithoutTheTargetBeforeWriting) {
    dm.remap_version.reset();
    expect_refused(Code::kernel, "modprobe dm-remap");
}

TEST_F(Create, KeepsMetadataWhenActivationFails) {
    dm.before = [](const std::string& line) {
        if (line == "create r0")
            throw os_error(EINVAL, "cannot create device r0");
    };
    expect_error(Code::failed, "the spare is formatted", [&] { run(); });
    EXPECT_TRUE(dm.devices.empty());
    dm.before = nullptr;
    AssembleRequest again;
    again.name = "r0";
    assemble_set(host, dm, plan_assemble(host, dm, again));
    EXPECT_TRUE(dm.devices.contains("r0"));
}

TEST_F(Create, MainMayBeUnreadableInPlaces) {
    host.devices[request.main].signatures_fail = true;
    EXPECT_THAT(plan_create(host, dm, request).warnings,
                testing::Contains(testing::HasSubstr("cannot look for signatures")));
    host.devices[request.spare].signatures_fail = true;
    expect_refused(Code::failed, "cannot look for signatures");
}

TEST_F(Create, WarnsWhenMainHasNoIdentity) {
    host.devices[request.main].identity = {};
    EXPECT_THAT(plan_create(host, dm, request).warnings,
                testing::Contains(testing::HasSubstr("no stable identity")));
}

// Formatting step by step: whatever prefix of the writes reached the disk, the
// spare is either not active or complete.
class CuttingDevice final : public format::BlockWriter {
public:
    CuttingDevice(Sector size, int writes) : inner_{size}, left_{writes} {}
    Sector size() const override { return inner_.size(); }
    int read(Bytes offset, std::span<std::byte> buffer) override {
        return inner_.read(offset, buffer);
    }
    int write(Bytes offset, std::span<const std::byte> buffer) override {
        return left_-- <= 0 ? EIO : inner_.write(offset, buffer);
    }
    int sync() override { return 0; }

private:
    test::MemoryDevice inner_;
    int left_;
};

TEST(Format, NoPrefixOfTheWritesIsActiveAndIncomplete) {
    format::SpareRecord record;
    record.spare_size = Sector{65'536};
    record.main_size = Sector{1'000'000};
    record.label = "r0";
    record.spare_uuid = Uuid::random();
    bool complete = false;
    for (int writes = 0; !complete && writes < 20; ++writes) {
        CuttingDevice device{record.spare_size, writes};
        try {
            format::format_spare(device, record);
            complete = true;
        } catch (const Error& e) {
            EXPECT_EQ(e.code(), Code::failed);
        }
        const format::CheckReport report = format::check_spare(device);
        if (report.record && report.record->state == format::State::active) {
            EXPECT_LE(report.worst, format::Severity::repairable) << writes;
        }
        if (complete) {
            EXPECT_EQ(report.worst, format::Severity::note);
        }
    }
    EXPECT_TRUE(complete);
}

} // namespace
} // namespace remap::core
