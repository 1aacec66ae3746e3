// SPDX-License-Identifier: GPL-2.0-only
#include "base/error.h"

#include <cerrno>
#include <gtest/gtest.h>

namespace remap {
namespace {

TEST(Error, JoinsReasonAndHint) {
    const Error e{Code::busy, "r0: is in use", "unmount it"};
    EXPECT_STREQ(e.what(), "r0: is in use; unmount it");
    EXPECT_EQ(e.reason(), "r0: is in use");
    EXPECT_EQ(e.hint(), "unmount it");
    EXPECT_STREQ((Error{Code::failed, "x"}).what(), "x");
}

TEST(Error, MapsErrnoToExitCode) {
    EXPECT_EQ(os_error(EACCES, "x").code(), Code::refused);
    EXPECT_EQ(os_error(EPERM, "x").code(), Code::refused);
    EXPECT_EQ(os_error(ENOENT, "x").code(), Code::not_found);
    EXPECT_EQ(os_error(ENXIO, "x").code(), Code::not_found);
    EXPECT_EQ(os_error(EBUSY, "x").code(), Code::busy);
    EXPECT_EQ(os_error(EEXIST, "x").code(), Code::busy);
    EXPECT_EQ(os_error(EIO, "x").code(), Code::failed);
    EXPECT_EQ(os_error(EACCES, "x").hint(), "try as root");
    EXPECT_EQ(os_error(EIO, "cannot read y").reason(), "cannot read y: Input/output error");
}

// The numbers are the exit codes that scripts rely on.
TEST(Error, CodesAreTheExitCodes) {
    EXPECT_EQ(static_cast<int>(Code::failed), 1);
    EXPECT_EQ(static_cast<int>(Code::usage), 2);
    EXPECT_EQ(static_cast<int>(Code::refused), 3);
    EXPECT_EQ(static_cast<int>(Code::not_found), 4);
    EXPECT_EQ(static_cast<int>(Code::busy), 5);
    EXPECT_EQ(static_cast<int>(Code::damaged), 6);
    EXPECT_EQ(static_cast<int>(Code::kernel), 7);
}

} // namespace
} // namespace remap
