// SPDX-License-Identifier: GPL-2.0-only
#include "base/ranges.h"

#include <random>
#include <set>

#include "expect_error.h"

namespace remap {
namespace {

using test::expect_error;

SectorRange range(std::uint64_t first, std::uint64_t count) {
    return {Sector{first}, Sector{count}};
}

BlockRange blocks(std::uint64_t first, std::uint64_t count) {
    return {BlockNo{first}, BlockNo{count}};
}

TEST(Ranges, Forms) {
    EXPECT_EQ(parse_range("5"), range(5, 1));
    EXPECT_EQ(parse_range("5-5"), range(5, 1));
    EXPECT_EQ(parse_range("5-9"), range(5, 5));
    EXPECT_EQ(parse_range("5+9"), range(5, 9));
    EXPECT_EQ(parse_range("0x10-0x1f"), range(16, 16));
    EXPECT_EQ(parse_range("1M+4K"), range(2048, 8));
    EXPECT_EQ(parse_range("16T+1"), range(1ULL << 35, 1));
}

TEST(Ranges, Rejects) {
    for (const char* bad : {"", "-", "+", "5-", "-5", "5+", "+5", "5-6-7", "5+6+7", "5 6", "5,6"})
        expect_error(Code::usage, "", [&] { (void)parse_range(bad); });
    expect_error(Code::usage, "before it begins", [] { (void)parse_range("9-5"); });
    expect_error(Code::usage, "empty", [] { (void)parse_range("5+0"); });
    expect_error(Code::usage, "too large",
                 [] { (void)parse_range("36028797018963967+36028797018963967"); });
}

TEST(Ranges, ListWithLineNumbers) {
    EXPECT_EQ(parse_range_list("# bad\n\n 5 # five\n6-7\r\n8+2", "f"),
              (std::vector<SectorRange>{range(5, 1), range(6, 2), range(8, 2)}));
    EXPECT_TRUE(parse_range_list("", "f").empty());
    expect_error(Code::usage, "f:3: 'x' is not a position",
                 [] { (void)parse_range_list("1\n2\nx\n", "f"); });
    expect_error(Code::usage, "f:1:", [] { (void)parse_range_list("1 2\n", "f"); });
}

TEST(Ranges, NormalisedMergesAndSorts) {
    EXPECT_TRUE(normalised({}).empty());
    EXPECT_EQ(normalised({range(10, 5), range(1, 2), range(3, 1), range(12, 1)}),
              (std::vector<SectorRange>{range(1, 3), range(10, 5)}));
    EXPECT_EQ(normalised({range(0, 100), range(5, 1)}), std::vector<SectorRange>{range(0, 100)});
}

TEST(Ranges, TouchedBlocks) {
    EXPECT_EQ(touched_blocks({range(7, 2)}), std::vector<BlockRange>{blocks(0, 2)});
    // apart as sectors, the same block
    EXPECT_EQ(touched_blocks({range(0, 1), range(7, 1)}), std::vector<BlockRange>{blocks(0, 1)});
    EXPECT_EQ(touched_blocks({range(0, 1), range(8, 1), range(24, 1)}),
              (std::vector<BlockRange>{blocks(0, 2), blocks(3, 1)}));
    const std::uint64_t high = 1ULL << 35;
    EXPECT_EQ(touched_blocks({range(high - 1, 2)}),
              std::vector<BlockRange>{blocks((1ULL << 32) - 1, 2)});
    EXPECT_EQ(total({blocks(0, 2), blocks(9, 3)}).value(), 5U);
}

TEST(Ranges, PropertiesAgainstASet) {
    std::mt19937_64 random{42};
    for (int round = 0; round < 300; ++round) {
        // around 16 TiB, where 32-bit block numbers would wrap
        const std::uint64_t base = (1ULL << 35) - 256;
        std::vector<SectorRange> input;
        std::set<std::uint64_t> sectors;
        std::set<std::uint64_t> wanted;
        for (int i = 0; i < 20; ++i) {
            const SectorRange r = range(base + random() % 500, 1 + random() % 20);
            input.push_back(r);
            for (std::uint64_t s = r.first.value(); s < r.end().value(); ++s) {
                sectors.insert(s);
                wanted.insert(s / 8);
            }
        }
        std::set<std::uint64_t> seen;
        std::uint64_t previous_end = 0;
        for (const SectorRange& r : normalised(input)) {
            EXPECT_GT(r.first.value(), previous_end); // sorted, apart, not adjacent
            previous_end = r.end().value();
            for (std::uint64_t s = r.first.value(); s < r.end().value(); ++s)
                seen.insert(s);
        }
        EXPECT_EQ(seen, sectors);
        const auto touched = touched_blocks(input);
        std::set<std::uint64_t> got;
        for (const BlockRange& r : touched)
            for (std::uint64_t b = r.first.value(); b < r.end().value(); ++b)
                EXPECT_TRUE(got.insert(b).second);
        EXPECT_EQ(got, wanted);
        EXPECT_EQ(total(touched).value(), wanted.size());
    }
}

} // namespace
} // namespace remap
