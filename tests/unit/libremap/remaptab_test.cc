// SPDX-License-Identifier: GPL-2.0-only
#include "format/remaptab.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace remap::format {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* set = "UUID=0dad5b54-1c5f-4b8f-9f0a-2a8f3d1f7a10";

std::string with(const std::string& main, const std::string& options = "") {
    return "data " + main + " " + set + " " + options + "\n";
}

RemaptabEntry only(const std::string& text) {
    const Remaptab tab = parse_remaptab(text);
    EXPECT_THAT(tab.problems, IsEmpty());
    EXPECT_EQ(tab.entries.size(), 1U);
    return tab.entries.empty() ? RemaptabEntry{} : tab.entries[0];
}

TEST(Remaptab, SetWithHeader) {
    const RemaptabEntry entry = only("# comment\n\n" + with("-", "# another"));
    EXPECT_EQ(entry.line, 3U);
    EXPECT_EQ(entry.name, "data");
    EXPECT_FALSE(entry.names_main());
    EXPECT_EQ(entry.set_uuid->str(), "0dad5b54-1c5f-4b8f-9f0a-2a8f3d1f7a10");
    EXPECT_FALSE(entry.no_auto || entry.read_only || entry.nofail);
    EXPECT_EQ(entry.timeout, std::chrono::seconds{30});
}

TEST(Remaptab, Paths) {
    const RemaptabEntry entry = only("data /dev/disk/by-id/a\\040b /dev/sdb1 -");
    EXPECT_EQ(entry.main_path, "/dev/disk/by-id/a b");
    EXPECT_EQ(entry.spare_path, "/dev/sdb1");
    EXPECT_FALSE(entry.set_uuid);
}

TEST(Remaptab, IdentityAndOptions) {
    const RemaptabEntry entry = only(with("WWN=0x5000c500a,SERIAL=W\\0541,PARTUUID=ab-01,SIZE=99s",
                                          "noauto,readonly,nofail,timeout=90s"));
    EXPECT_EQ(entry.main, (Identity{"0x5000c500a", "W,1", "ab-01"}));
    EXPECT_EQ(entry.main_size, Sector{99});
    EXPECT_TRUE(entry.no_auto && entry.read_only && entry.nofail);
    EXPECT_EQ(entry.timeout, std::chrono::seconds{90});
}

TEST(Remaptab, EveryMistakeNamesItsLine) {
    const std::string id(64, 'x');
    const std::vector<std::pair<std::string, std::string>> cases{
        {"data -", "line 1: has 2 fields, not 3 or 4"},
        {"data - /dev/sdb - -", "has 5 fields, not 3 or 4"},
        {"a/b - /dev/sdb", "'a/b' can't be the name of a set"},
        {"\\12 - /dev/sdb", "'\\12' has a backslash without three octal digits"},
        {"a\\000b - /dev/sdb", "has a backslash without three octal digits"},
        {with("WWN=1\x01"), "'1?' has a control character"},
        {with("sda"), "main is '-', a path, or WWN=, SERIAL=, PARTUUID= and SIZE=, not 'sda'"},
        {with("WWN=1,MODEL=2"), "not 'WWN=1,MODEL=2'"},
        {with("WWN=1,"), "not 'WWN=1,'"},
        {with("WWN=1,WWN=2"), "WWN is given twice"},
        {with("SERIAL="), "SERIAL takes 1 to 63 characters"},
        {with("PARTUUID=" + id), "PARTUUID takes 1 to 63 characters"},
        {with("WWN=1,SIZE=0s"), "'0s' is no size in sectors"},
        {with("WWN=1,SIZE=4096"), "'4096' is no size in sectors"},
        {with("WWN=1,SIZE=1s,SIZE=1s"), "main is '-', a path, or"},
        {with("SIZE=5s"), "SIZE= alone does not name the main device"},
        {"data - sdb", "spare is a path, or UUID= and the UUID of the set, not 'sdb'"},
        {"data - UUID=0dad", "spare is a path, or UUID="},
        {with("-", "auto"), "there is no option 'auto'"},
        {with("-", "nofail,"), "there is no option ''"},
        {with("-", "timeout=29"), "timeout takes 30 to 86400 seconds, not '29'"},
        {with("-", "timeout=1h"), "timeout takes 30 to 86400 seconds, not '1h'"},
    };
    for (const auto& [text, problem] : cases) {
        const Remaptab tab = parse_remaptab(text);
        EXPECT_THAT(tab.entries, IsEmpty()) << text;
        EXPECT_THAT(tab.problems, ElementsAre(HasSubstr(problem))) << text;
    }
}

TEST(Remaptab, WhatIsRightStays) {
    const Remaptab tab = parse_remaptab("a - /dev/sda\nb - sdb\na - /dev/sdc\n" + with("-") +
                                        "e - " + set + "\nf - /dev/sdf\n");
    ASSERT_EQ(tab.entries.size(), 3U);
    EXPECT_EQ(tab.entries[2].name, "f");
    EXPECT_EQ(tab.entries[2].line, 6U);
    EXPECT_THAT(tab.problems,
                ElementsAre(HasSubstr("line 2: "), "line 3: the name 'a' is that of line 1",
                            "line 5: the set is that of line 4"));
}

SpareRecord record() {
    SpareRecord r;
    r.label = "da#ta";
    r.set_uuid = *Uuid::parse("0dad5b54-1c5f-4b8f-9f0a-2a8f3d1f7a10");
    r.main = {"0x1", "S 1, \\2", "start-2048"};
    r.main_size = Sector{1234};
    return r;
}

TEST(Remaptab, LineOfARecordComesBack) {
    const RemaptabEntry entry = only(remaptab_line(record()));
    EXPECT_EQ(entry.name, "da#ta");
    EXPECT_EQ(entry.main, record().main);
    EXPECT_EQ(entry.main_size, Sector{1234});
    EXPECT_EQ(entry.set_uuid, record().set_uuid);
    SpareRecord nameless = record();
    nameless.main = {};
    EXPECT_FALSE(only(remaptab_line(nameless)).names_main());
}

TEST(Remaptab, EditingKeepsTheRest) {
    const std::string before = "# mine\n  other   -   /dev/sdc  # note\nnonsense\n";
    const std::string line = remaptab_line(record());
    EXPECT_EQ(add_line(before, line), before + line + "\n");
    EXPECT_EQ(add_line("x", line), "x\n" + line + "\n");
    EXPECT_EQ(without_set(before + line + "\n# end", record().set_uuid), before + "# end");
    EXPECT_EQ(without_set(line, record().set_uuid), "");
    EXPECT_EQ(without_set(before, record().set_uuid), before);
    EXPECT_EQ(without_set("", record().set_uuid), "");
}

} // namespace
} // namespace remap::format
