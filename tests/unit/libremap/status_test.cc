// SPDX-License-Identifier: GPL-2.0-only
#include "core/status.h"

#include "dm/fake.h"
#include "expect_error.h"
#include "fake_host.h"

namespace remap::core {
namespace {

using test::expect_error;
using testing::ElementsAre;
using testing::HasSubstr;

SetStatus judged(const std::function<void(dm::RemapStatus&)>& change) {
    SetStatus set;
    set.status.slots_total = 1000;
    set.status.superblocks_valid = 2;
    set.status.tables_valid = 2;
    change(set.status);
    assess(set);
    return set;
}

TEST(Assess, Healthy) {
    const SetStatus set = judged([](auto& s) { s.entries = 5; });
    EXPECT_EQ(set.health, Health::ok);
    EXPECT_TRUE(set.findings.empty());
}

TEST(Assess, Findings) {
    EXPECT_EQ(judged([](auto& s) { s.mode = dm::Mode::paused; }).health, Health::warning);
    EXPECT_EQ(judged([](auto& s) { s.slots_bad = 1; }).health, Health::warning);
    EXPECT_EQ(judged([](auto& s) { s.superblocks_valid = 1; }).health, Health::warning);
    EXPECT_EQ(judged([](auto& s) { s.superblocks_valid = 0; }).health, Health::critical);
    EXPECT_EQ(judged([](auto& s) { s.tables_valid = 1; }).health, Health::warning);
    EXPECT_EQ(judged([](auto& s) { s.frozen = 1; }).health, Health::warning);
    EXPECT_EQ(judged([](auto& s) { s.lost_sectors = 1; }).health, Health::critical);
    EXPECT_EQ(judged([](auto& s) { s.slots_used = 799; }).health, Health::ok);
    EXPECT_EQ(judged([](auto& s) { s.slots_used = 800; }).health, Health::warning);
    for (const dm::Mode mode : {dm::Mode::full, dm::Mode::main_fault, dm::Mode::spare_fault,
                                dm::Mode::meta_fault, dm::Mode::fail})
        EXPECT_EQ(judged([&](auto& s) { s.mode = mode; }).health, Health::critical);
}

TEST(Assess, WorstFirst) {
    const SetStatus set = judged([](auto& s) {
        s.mode = dm::Mode::paused;
        s.lost_sectors = 3;
    });
    EXPECT_EQ(set.health, Health::critical);
    EXPECT_THAT(set.findings, ElementsAre("3 sectors lost", HasSubstr("paused")));
}

TEST(ReadStatus, OfADevice) {
    test::FakeHost host;
    dm::FakeDeviceMapper dm;
    const std::string main = host.add_disk("sda", Sector{1000});
    dm.create("r0", "REMAP-684e9a8e-3849-4409-8010-001b6563dc99",
              {{Sector{0}, Sector{1000}, "remap", "8:0 8:9"}}, false);
    dm.on_status = [](const auto&) {
        return "1 active rw 2/10 0 2 1 1 1 0 0 1,1,0,0,0,0,0 2 2 0 3 0 0 1 "
               "684e9a8e-3849-4409-8010-001b6563dc99";
    };
    const SetStatus set = read_status(host, dm, "r0");
    EXPECT_EQ(set.size, Sector{1000});
    EXPECT_EQ(set.main_path, main);
    EXPECT_EQ(set.spare_path, "8:9"); // unplugged
    EXPECT_EQ(set.health, Health::critical);
    expect_error(Code::not_found, "no such set", [&] { (void)read_status(host, dm, "r1"); });
    dm.devices["r0"].live[0].type = "linear";
    expect_error(Code::kernel, "not that of a remap set",
                 [&] { (void)read_status(host, dm, "r0"); });
}

} // namespace
} // namespace remap::core
