// SPDX-License-Identifier: GPL-2.0-only
#include "dm-remap-port.h"

#include <gtest/gtest.h>

#include <vector>

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
