// SPDX-License-Identifier: GPL-2.0-only
#include "format/crc32c.h"

#include <dm-remap-port.h>
#include <gtest/gtest.h>
#include <numeric>
#include <random>
#include <vector>

namespace remap::format {
namespace {

using Function = std::uint32_t (*)(std::uint32_t, const void*, std::size_t);

// The definition, bit by bit.
std::uint32_t reference(std::uint32_t state, const unsigned char* data, std::size_t length) {
    for (; length > 0; --length, ++data) {
        state ^= *data;
        for (int bit = 0; bit < 8; ++bit)
            state = (state >> 1) ^ ((state & 1) != 0 ? 0x82f63b78U : 0U);
    }
    return state;
}

class Crc32c : public testing::TestWithParam<Function> {};

// RFC 3720 B.4 gives the usual, inverted form.
TEST_P(Crc32c, Rfc3720Vectors) {
    const auto crc = [](const std::vector<unsigned char>& data) {
        return ~GetParam()(~0U, data.data(), data.size());
    };
    std::vector<unsigned char> data(32, 0);
    EXPECT_EQ(crc(data), 0x8a9136aaU);
    data.assign(32, 0xff);
    EXPECT_EQ(crc(data), 0x62a8ab43U);
    std::iota(data.begin(), data.end(), static_cast<unsigned char>(0));
    EXPECT_EQ(crc(data), 0x46dd794eU);
    std::reverse(data.begin(), data.end());
    EXPECT_EQ(crc(data), 0x113fdb5cU);
    const std::vector<unsigned char> read10 = {
        0x01, 0xc0, 0, 0, 0, 0, 0,    0, 0,    0, 0, 0,    0, 0, 0, 0,
        0x14, 0,    0, 0, 0, 0, 0x04, 0, 0,    0, 0, 0x14, 0, 0, 0, 0x18,
        0x28, 0,    0, 0, 0, 0, 0,    0, 0x02, 0, 0, 0,    0, 0, 0, 0};
    EXPECT_EQ(crc(read10), 0xd9963a56U);
}

TEST_P(Crc32c, AllLengthsAndAlignments) {
    std::mt19937 random{7};
    std::vector<unsigned char> data(200);
    for (unsigned char& byte : data)
        byte = static_cast<unsigned char>(random());
    for (std::size_t offset = 0; offset < 16; ++offset)
        for (std::size_t length = 0; length + offset <= data.size(); ++length)
            ASSERT_EQ(GetParam()(0x12345678, data.data() + offset, length),
                      reference(0x12345678, data.data() + offset, length))
                << offset << "+" << length;
}

TEST_P(Crc32c, ContinuesFromASeed) {
    const char text[] = "123456789";
    const std::uint32_t whole = GetParam()(~0U, text, 9);
    EXPECT_EQ(~whole, 0xe3069283U);
    for (std::size_t cut = 0; cut <= 9; ++cut)
        EXPECT_EQ(GetParam()(GetParam()(~0U, text, cut), text + cut, 9 - cut), whole);
}

std::vector<Function> implementations() {
    std::vector<Function> all = {crc32c_portable, dmr_crc32c};
    if (crc32c_has_hardware())
        all.push_back(crc32c_hardware);
    return all;
}

INSTANTIATE_TEST_SUITE_P(Implementations, Crc32c, testing::ValuesIn(implementations()));

} // namespace
} // namespace remap::format
