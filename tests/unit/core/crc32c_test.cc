// SPDX-License-Identifier: GPL-2.0-only
#include "dm-remap-port.h"

#include "format/crc32c.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace {

// From the polynomial, one bit at a time: nothing that could be wrong.
u32 reference(u32 seed, const unsigned char* data, size_t len) {
    u32 crc = seed;
    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) ? 0x82f63b78u : 0);
    }
    return crc;
}

// Published check values, and the form the kernel's crc32c() has: the caller
// gives the start value and inverts the result, or not.
TEST(Crc32c, KnownValues) {
    EXPECT_EQ(~dmr_crc32c(~0u, "123456789", 9), 0xe3069283u);
    EXPECT_EQ(~dmr_crc32c(~0u, std::vector<char>(32, '\0').data(), 32), 0x8a9136aau);
    EXPECT_EQ(~dmr_crc32c(~0u, std::vector<char>(32, '\xff').data(), 32), 0x62a8ab43u);
    EXPECT_EQ(dmr_crc32c(0x1234, "", 0), 0x1234u);
}

TEST(Crc32c, Continues) {
    const char text[] = "123456789";
    for (size_t cut = 0; cut <= 9; cut++)
        EXPECT_EQ(dmr_crc32c(dmr_crc32c(~0u, text, cut), text + cut, 9 - cut),
                  dmr_crc32c(~0u, text, 9));
}

TEST(Crc32c, EveryWayGivesTheSame) {
    std::mt19937_64 random(6);
    std::vector<unsigned char> data(4096 + 64);
    for (auto& byte : data)
        byte = static_cast<unsigned char>(random());
    for (int i = 0; i < 2000; i++) {
        const size_t at = random() % 17;
        const size_t len = i < 300 ? static_cast<size_t>(i) : random() % (data.size() - at);
        const u32 seed = static_cast<u32>(random());
        const u32 expected = reference(seed, data.data() + at, len);
        EXPECT_EQ(dmr_crc32c(seed, data.data() + at, len), expected);
        EXPECT_EQ(remap::format::crc32c_portable(seed, data.data() + at, len), expected);
        if (remap::format::crc32c_has_hardware()) {
            EXPECT_EQ(remap::format::crc32c_hardware(seed, data.data() + at, len), expected);
        }
    }
}

} // namespace
