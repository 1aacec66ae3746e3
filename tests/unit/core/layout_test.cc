// SPDX-License-Identifier: GPL-2.0-only
#include "dm-remap-layout.h"

#include <gtest/gtest.h>

TEST(Crc32c, CheckValue) {
    EXPECT_EQ(~dmr_crc32c(~0u, "123456789", 9), 0xe3069283u);
}
