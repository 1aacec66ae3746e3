// SPDX-License-Identifier: GPL-2.0-only
#include "core/options.h"

#include "expect_error.h"

namespace remap::core {
namespace {

using Words = std::vector<std::string>;

TEST(Options, UsualValuesNeedNoWords) {
    EXPECT_TRUE(Options{}.words().empty());
    EXPECT_TRUE(Options({"rescue=3", "rate=1024", "isolate_ms=60000"}).words().empty());
    EXPECT_EQ(Options{}.value(option_kinds[1]), 60'000U);
}

TEST(Options, WordsComeInOneOrder) {
    EXPECT_EQ(Options({"paused", "rate=0", "rescue=9"}).words(),
              (Words{"rescue=9", "rate=0", "paused"}));
}

TEST(Options, WhatIsNotKnownStays) {
    const Words odd = {"future=1", "turbo", "rescue", "paused=1", "rate=x"};
    EXPECT_EQ(Options{odd}.words(), odd);
}

TEST(Options, Assignments) {
    Options options;
    for (const char* text : {"rescue=0", "isolate_ms=100", "rate=4294967295", "paused=on"})
        options.assign(text);
    EXPECT_EQ(options.words(), (Words{"rescue=0", "isolate_ms=100", "rate=4294967295", "paused"}));
    for (const char* text : {"rescue=default", "isolate_ms=default", "rate=1024", "paused=no"})
        options.assign(text);
    EXPECT_TRUE(options.words().empty());
}

TEST(Options, Refusals) {
    Options options;
    const auto refused = [&](const char* text, const char* part) {
        test::expect_error(Code::usage, part, [&] { options.assign(text); });
    };
    refused("rescue", "write OPTION=VALUE");
    refused("speed=1", "there is no option 'speed'; options are rescue, isolate_ms, rate, paused");
    refused("rescue=1001", "rescue is 0 to 1000, or default");
    refused("isolate_ms=99", "isolate_ms is 100 to 3600000");
    refused("rate=4294967296", "rate is 0 to 4294967295");
    refused("rate=-1", "not possible");
    refused("rate=", "not possible");
    refused("rate= 5", "not possible");
    refused("paused=maybe", "paused is yes or no");
    EXPECT_TRUE(options.words().empty());
}

} // namespace
} // namespace remap::core
