// SPDX-License-Identifier: GPL-2.0-only
#include "base/text.h"

#include <gtest/gtest.h>

#include "base/text_table.h"
#include "base/uuid.h"
#include "expect_error.h"

namespace remap {
namespace {

TEST(Text, Words) {
    EXPECT_TRUE(words("  \t ").empty());
    EXPECT_EQ(words(" a  bc\n"), (std::vector<std::string_view>{"a", "bc"}));
    EXPECT_EQ(split("a,,b", ','), (std::vector<std::string_view>{"a", "", "b"}));
    EXPECT_EQ(split("", ','), (std::vector<std::string_view>{""}));
    EXPECT_EQ(trim(" x y "), "x y");
}

TEST(Text, NumbersAreStrict) {
    EXPECT_EQ(parse_number<unsigned>("12"), 12U);
    for (const char* bad : {"", " 1", "1 ", "+1", "-1", "1x", "0x1", "4294967296"})
        EXPECT_FALSE(parse_number<unsigned>(bad)) << bad;
}

TEST(Text, PrintableReplacesControlCharactersAndBadUtf8) {
    EXPECT_EQ(printable("a\033[1mb\n"), "a?[1mb?");
    EXPECT_EQ(printable("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
    EXPECT_EQ(printable("x\xc3"), "x?");
    EXPECT_EQ(printable("\xff\xfe"), "??");
}

TEST(Text, Table) {
    TextTable table{{{"NAME"}, {"N", TextTable::Align::right}, {"LAST"}}};
    table.add_row({"a", "1", "x"});
    table.add_row({"bbbbb", "100", ""});
    EXPECT_EQ(table.render(true), "NAME     N  LAST\n"
                                  "a        1  x\n"
                                  "bbbbb  100  -\n");
    EXPECT_EQ(table.render(false), "a        1  x\n"
                                   "bbbbb  100  -\n");
}

TEST(Uuid, RoundTripsAndIsStrict) {
    const Uuid uuid = Uuid::random();
    EXPECT_EQ(Uuid::parse(uuid.str()), uuid);
    EXPECT_NE(Uuid::random(), uuid);
    EXPECT_TRUE(Uuid::parse("684E9A8E-3849-4409-8010-001b6563dc99"));
    for (const char* bad :
         {"", "684e9a8e38494409-8010-001b6563dc99-00", "x84e9a8e-3849-4409-8010-001b6563dc99",
          "684e9a8e-3849-4409-8010-001b6563dc9", "684e9a8e-3849-4409-8010-001b6563dc990",
          "684e9a8e-3849-4409-8010-001b6563d -9"})
        EXPECT_FALSE(Uuid::parse(bad)) << bad;
}

} // namespace
} // namespace remap
