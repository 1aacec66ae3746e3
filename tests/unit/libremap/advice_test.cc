// SPDX-License-Identifier: GPL-2.0-only
#include "core/advice.h"

#include "expect_error.h"
#include "fake_host.h"
#include "spare_image.h"

namespace remap::core {
namespace {

constexpr Sector gib{1ULL << 21};

Sector gibs(std::uint64_t n) {
    return Sector{n * gib.value()};
}

std::vector<std::string> names(const SpareAdvice& advice) {
    std::vector<std::string> result;
    for (const SpareCandidate& c : advice.candidates)
        result.push_back(c.device.name);
    return result;
}

TEST(Advice, OnePercentAtLeastOneGib) {
    EXPECT_EQ(recommended_spare(gibs(10)).value(), 1ULL << 30);
    EXPECT_EQ(recommended_spare(gibs(100)).value(), 1ULL << 30);
    EXPECT_EQ(recommended_spare(gibs(1000)).value(), 10ULL << 30);
    EXPECT_EQ(recommended_spare(gibs(1000) + Sector{2048}).value(), (10ULL << 30) + (1 << 20));
}

TEST(Advice, TheSmallestThatFitsComesFirst) {
    test::FakeHost host;
    const std::string main = host.add_disk("sda", gibs(500));
    host.add_disk("small", gibs(2));
    host.add_disk("large", gibs(100));
    host.add_disk("right", gibs(6));
    host.devices[host.add_disk("stick", gibs(8))].block.removable = true;
    const SpareAdvice advice = advise_spare(host, main);
    EXPECT_EQ(advice.recommended.value(), 5ULL << 30);
    EXPECT_EQ(names(advice), (std::vector<std::string>{"right", "large", "stick", "small"}));
    EXPECT_EQ(advice.candidates[2].drawback, "removable");
    EXPECT_EQ(advice.candidates[3].drawback, "smaller than recommended");
}

TEST(Advice, NothingThatHasContentOrUsers) {
    test::FakeHost host;
    const std::string main = host.add_disk("sda", gibs(10));
    host.devices[host.add_disk("used", gibs(2))].users = {"mounted on /"};
    host.devices[host.add_disk("full", gibs(2))].signatures = {{"ext4", "filesystem", ""}};
    host.devices[host.add_disk("dead", gibs(2))].signatures_fail = true;
    host.devices[host.add_disk("closed", gibs(2))].cannot_open = true;
    host.devices[host.add_disk("ro", gibs(2))].block.read_only = true;
    host.devices[host.add_disk("fourk", gibs(2))].block.lbs = 4096;
    host.add_disk("tiny", Sector{1000});
    auto& part = host.devices[host.add_disk("sda1", gibs(2))].block;
    part.partition = true;
    part.whole_disk = host.devices[main].block.number;
    const std::string member = host.add_disk("member", Sector{65'536});
    sys::BlockFile file{member, sys::Access::write_exclusive};
    test::write_spare(file, 3);
    EXPECT_TRUE(names(advise_spare(host, main)).empty());
    test::expect_error(Code::not_found, "nowhere", [&] { (void)advise_spare(host, "/nowhere"); });
}

} // namespace
} // namespace remap::core
