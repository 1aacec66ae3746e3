// SPDX-License-Identifier: GPL-2.0-only
#include "base/text_table.h"

#include "expect_error.h"

namespace remap {
namespace {

TextTable people() {
    TextTable table{{{"NAME"}, {"AGE", TextTable::Align::right}, {"CITY"}}};
    return table;
}

TEST(TextTable, AlignsColumns) {
    TextTable table = people();
    table.add_row({"Ada", "36", "London"});
    table.add_row({"Bernhard", "9"});
    EXPECT_EQ(table.render(true), "NAME      AGE  CITY\n"
                                  "Ada        36  London\n"
                                  "Bernhard    9  -\n");
    EXPECT_EQ(table.render(false), "Ada       36  London\n"
                                   "Bernhard   9  -\n");
}

TEST(TextTable, ShowsTheColumnsAskedFor) {
    TextTable table = people();
    table.select("city, name");
    table.add_row({"Ada", "36", "London"});
    EXPECT_EQ(table.render(true), "CITY    NAME\nLondon  Ada\n");
    test::expect_error(Code::usage, "no column 'shoe'; columns are name, age, city",
                       [&] { table.select("name,shoe"); });
    test::expect_error(Code::usage, "no column ''", [&] { table.select("name,"); });
}

TEST(TextTable, ColoursAndUtf8HaveTheirVisibleWidth) {
    TextTable table = people();
    table.add_row({"\033[1;31mÅsa\033[0m", "5", "x"});
    EXPECT_EQ(table.render(true), "NAME  AGE  CITY\n"
                                  "\033[1;31mÅsa\033[0m     5  x\n");
}

TEST(TextTable, LineByLineTheWidthsAreFixed) {
    TextTable table{{{"NAME", TextTable::Align::left, 8}, {"AGE", TextTable::Align::right, 5}}};
    table.add_row({"Ada", "36"});
    EXPECT_EQ(table.take(true), "NAME        AGE\nAda          36\n");
    EXPECT_EQ(table.take(true), "");
    table.add_row({"A very long name", "1"});
    EXPECT_EQ(table.take(true), "A very long name      1\n");
}

} // namespace
} // namespace remap
