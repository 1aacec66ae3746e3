// SPDX-License-Identifier: GPL-2.0-only
// Expecting an Error with its code and a part of its text.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "base/error.h"

namespace remap::test {

template <class Function>
void expect_error(Code code, const std::string& part, Function&& function) {
    try {
        function();
        ADD_FAILURE() << "no error, expected one with '" << part << "'";
    } catch (const Error& e) {
        EXPECT_EQ(static_cast<int>(e.code()), static_cast<int>(code)) << e.what();
        EXPECT_THAT(e.what(), testing::HasSubstr(part));
    }
}

} // namespace remap::test
