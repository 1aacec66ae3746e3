// SPDX-License-Identifier: GPL-2.0-only
#include "base/units.h"

#include "expect_error.h"

namespace remap {
namespace {

using test::expect_error;

TEST(Units, BarePositionsAreSectors) {
    EXPECT_EQ(parse_position("0").value(), 0U);
    EXPECT_EQ(parse_position("123456").value(), 123456U);
    EXPECT_EQ(parse_position("0x10").value(), 16U);
    EXPECT_EQ(parse_position("0X1b").value(), 27U); // no unit b behind hexadecimal digits
}

TEST(Units, Suffixes) {
    EXPECT_EQ(parse_position("7s").value(), 7U);
    EXPECT_EQ(parse_position("1024b").value(), 2U);
    EXPECT_EQ(parse_position("4K").value(), 8U);
    EXPECT_EQ(parse_position("4k").value(), 8U);
    EXPECT_EQ(parse_position("1MiB").value(), 2048U);
    EXPECT_EQ(parse_size("1KB").value(), 1000U);
    EXPECT_EQ(parse_size("2G").value(), 2ULL << 30);
    EXPECT_EQ(parse_size("16T").value(), 16ULL << 40);
    EXPECT_EQ(parse_size("3PB").value(), 3'000'000'000'000'000U);
    EXPECT_EQ(parse_size("512b").value(), 512U);
}

TEST(Units, SizesNeedAUnit) {
    expect_error(Code::usage, "has no unit", [] { (void)parse_size("100"); });
    expect_error(Code::usage, "100G or 100s", [] { (void)parse_size("100"); });
}

TEST(Units, Rejects) {
    for (const char* bad : {"", " ", "x", "-1", "1.5G", "1 G", "1Q", "1KiBs", "0x", "1e3", "K"})
        expect_error(Code::usage, "", [&] { (void)parse_position(bad); });
    expect_error(Code::usage, "whole number", [] { (void)parse_position("100b"); });
    expect_error(Code::usage, "whole number", [] { (void)parse_position("1KB"); });
}

TEST(Units, Limits) {
    EXPECT_EQ(parse_position("36028797018963967"), max_sector);
    expect_error(Code::usage, "too large", [] { (void)parse_position("36028797018963968"); });
    expect_error(Code::usage, "too large", [] { (void)parse_size("16777216T"); });
    expect_error(Code::usage, "not a position",
                 [] { (void)parse_position("18446744073709551616"); });
}

TEST(Units, BlocksAround16TiB) {
    // 16 TiB is block 2^32: the number must not be cut to 32 bits
    const Sector at = parse_position("16T");
    EXPECT_EQ(at.value(), 1ULL << 35);
    EXPECT_EQ(block_of(at).value(), 1ULL << 32);
    EXPECT_EQ(block_of(at - Sector{1}).value(), (1ULL << 32) - 1);
    EXPECT_EQ(first_sector(BlockNo{(1ULL << 32) + 1}).value(), (1ULL << 35) + 8);
    EXPECT_EQ(blocks_in(at).value(), 1ULL << 32);
    EXPECT_EQ(blocks_in(at + Sector{1}).value(), (1ULL << 32) + 1);
    EXPECT_EQ(blocks_in(Sector{0}).value(), 0U);
    EXPECT_EQ(to_bytes(at).value(), 1ULL << 44);
}

TEST(Units, HumanSizes) {
    EXPECT_EQ(human_size(Bytes{0}), "0 B");
    EXPECT_EQ(human_size(Bytes{512}), "512 B");
    EXPECT_EQ(human_size(Bytes{1536}), "1.5 KiB");
    EXPECT_EQ(human_size(Bytes{4'000'796'545'024}), "3.6 TiB");
    EXPECT_EQ(human_size(Bytes{100ULL << 30}), "100 GiB");
    EXPECT_EQ(human_size(Bytes{UINT64_MAX}), "16.0 EiB");
}

} // namespace
} // namespace remap
