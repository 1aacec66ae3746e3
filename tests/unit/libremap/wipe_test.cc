// SPDX-License-Identifier: GPL-2.0-only
#include "core/wipe.h"

#include "dm/fake.h"
#include "expect_error.h"
#include "fake_host.h"
#include "format/build.h"
#include "spare_image.h"

namespace remap::core {
namespace {

using test::expect_error;

class Wipe : public testing::Test {
protected:
    Wipe() {
        path = host.add_disk("sdb", Sector{65'536});
        request.path = path;
    }
    void format_with(std::uint64_t entries) {
        sys::BlockFile file{path, sys::Access::write_exclusive};
        test::write_spare(file, entries);
    }
    bool is_member() { return look_at_spare(host, host.inspect(path)).superblocks.is_member(); }

    test::FakeHost host;
    std::string path;
    WipeRequest request;
};

TEST_F(Wipe, NotAMember) {
    expect_error(Code::not_found, "no dm-remap metadata", [&] { (void)plan_wipe(host, request); });
}

TEST_F(Wipe, EmptySpare) {
    format_with(0);
    wipe_device(host, plan_wipe(host, request));
    EXPECT_FALSE(is_member());
}

TEST_F(Wipe, EntriesHaveToBeNamed) {
    format_with(3);
    expect_error(Code::refused, "--discard-remapped=3", [&] { (void)plan_wipe(host, request); });
    request.force = true; // does not imply it
    expect_error(Code::refused, "--discard-remapped=3", [&] { (void)plan_wipe(host, request); });
    request.discard_remapped = 2;
    expect_error(Code::refused, "--discard-remapped=3", [&] { (void)plan_wipe(host, request); });
    EXPECT_TRUE(is_member());
    request.discard_remapped = 3;
    request.force = false;
    wipe_device(host, plan_wipe(host, request));
    EXPECT_FALSE(is_member());
}

TEST_F(Wipe, DamageNeedsForce) {
    format_with(3);
    {
        sys::BlockFile file{path, sys::Access::write_exclusive};
        test::corrupt(file, Sector{DMR_TABLE_START0});
        const dmr_superblock sb = format::read_superblocks(file).best();
        test::corrupt(file, Sector{dmr_table_sector(&sb, 0, 1)});
    }
    expect_error(Code::refused, "damaged", [&] { (void)plan_wipe(host, request); });
    request.force = true;
    wipe_device(host, plan_wipe(host, request));
    EXPECT_FALSE(is_member());
}

TEST_F(Wipe, InUse) {
    format_with(0);
    host.devices[path].users = {"held by dm-0 (r0)"};
    request.force = true;
    expect_error(Code::busy, "held by dm-0 (r0)", [&] { (void)plan_wipe(host, request); });
}

} // namespace
} // namespace remap::core
