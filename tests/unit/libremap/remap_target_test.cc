// SPDX-License-Identifier: GPL-2.0-only
#include "dm/remap_target.h"

#include "base/text.h"
#include "expect_error.h"

namespace remap::dm {
namespace {

using test::expect_error;

const std::string good_status =
    "1 active rw 212/16775424 4 212 24 41 2 0 7 2,20,5,185,0,0,0 2 2 0 1841 17 18 3 "
    "684e9a8e-3849-4409-8010-001b6563dc99";

// The status line with one field replaced, counted from 1.
std::string with_field(std::size_t field, const std::string& text) {
    std::string line;
    std::size_t i = 0;
    for (const std::string_view word : words(good_status)) {
        const std::string cell = ++i == field ? text : std::string{word};
        if (!cell.empty())
            line += (line.empty() ? "" : " ") + cell;
    }
    return line;
}

TEST(RemapStatus, Parses) {
    const RemapStatus s = RemapStatus::parse(good_status);
    EXPECT_EQ(s.mode, Mode::active);
    EXPECT_FALSE(s.read_only);
    EXPECT_EQ(s.slots_used, 212U);
    EXPECT_EQ(s.slots_total, 16775424U);
    EXPECT_EQ(s.slots_bad, 4U);
    EXPECT_EQ(s.entries, 212U);
    EXPECT_EQ(s.lost_sectors, 24U);
    EXPECT_EQ(s.main_read_errors, 41U);
    EXPECT_EQ(s.main_write_errors, 2U);
    EXPECT_EQ(s.spare_errors, 0U);
    EXPECT_EQ(s.healed, 7U);
    EXPECT_EQ(s.by_reason, (std::array<std::uint64_t, nr_reasons>{2, 20, 5, 185, 0, 0, 0}));
    EXPECT_EQ(s.superblocks_valid, 2U);
    EXPECT_EQ(s.tables_valid, 2U);
    EXPECT_EQ(s.generation, 1841U);
    EXPECT_EQ(s.redirected_reads, 17U);
    EXPECT_EQ(s.redirected_writes, 18U);
    EXPECT_EQ(s.activation, 3U);
    EXPECT_EQ(s.set_uuid.str(), "684e9a8e-3849-4409-8010-001b6563dc99");
}

TEST(RemapStatus, AllModes) {
    for (const Mode mode : {Mode::active, Mode::paused, Mode::full, Mode::main_fault,
                            Mode::spare_fault, Mode::meta_fault, Mode::fail})
        EXPECT_EQ(RemapStatus::parse(with_field(2, mode_name(mode))).mode, mode);
    EXPECT_TRUE(RemapStatus::parse(with_field(3, "ro")).read_only);
}

TEST(RemapStatus, LargeNumbers) {
    const std::string max = "18446744073709551615";
    EXPECT_EQ(RemapStatus::parse(with_field(17, max)).redirected_reads, UINT64_MAX);
    EXPECT_EQ(RemapStatus::parse(with_field(4, "4294967297/8589934592")).slots_used, 4294967297U);
}

TEST(RemapStatus, LaterVersionsMayAddFields) {
    EXPECT_EQ(RemapStatus::parse("2" + good_status.substr(1) + " more 1").entries, 212U);
    expect_error(Code::kernel, "not understood",
                 [] { (void)RemapStatus::parse(good_status + " more"); });
}

TEST(RemapStatus, EachFieldIsChecked) {
    for (std::size_t field = 1; field <= 20; ++field)
        for (const char* bad : {"", "x", "-1", "1.5", "18446744073709551616", "1/", "/1", "1/2/3",
                                "1,2", "1,2,3,4,5,6,7,8", "0x1", "Active"})
            expect_error(Code::kernel, "status is not understood",
                         [&] { (void)RemapStatus::parse(with_field(field, bad)); });
    for (const char* bad : {"", " ", "1", "3/2"})
        expect_error(Code::kernel, "", [&] { (void)RemapStatus::parse(bad); });
    expect_error(Code::kernel, "", [] { (void)RemapStatus::parse(with_field(13, "3")); });
    expect_error(Code::kernel, "", [] { (void)RemapStatus::parse(with_field(1, "0")); });
}

TEST(RemapTable, RoundTrips) {
    const RemapTable plain{{8, 17}, {259, 3}, {}};
    EXPECT_EQ(plain.str(), "8:17 259:3");
    EXPECT_EQ(RemapTable::parse(plain.str()), plain);
    const RemapTable full{{8, 17}, {8, 33}, {"rescue=0", "paused"}};
    EXPECT_EQ(full.str(), "8:17 8:33 2 rescue=0 paused");
    EXPECT_EQ(RemapTable::parse(full.str()), full);
    EXPECT_EQ(RemapTable::parse("8:17 8:33 0").options.size(), 0U);
}

TEST(RemapTable, Rejects) {
    for (const char* bad :
         {"", "8:17", "8:17 8", "8:17 8:33 1", "8:17 8:33 0 x", "8:17 8:33 x y", "a:b 8:33",
          "8:17:1 8:33", "/dev/sda /dev/sdb", "8:-1 8:33", "4294967296:0 8:33"})
        expect_error(Code::kernel, "table is not understood",
                     [&] { (void)RemapTable::parse(bad); });
}

TEST(DeviceUuid, RoundTrips) {
    const Uuid set = Uuid::random();
    EXPECT_EQ(set_of_device(device_uuid(set)), set);
    for (const char* bad : {"", "REMAP-", "REMAP-x", "LVM-abc", "remap-684e9a8e"})
        EXPECT_FALSE(set_of_device(bad)) << bad;
}

TEST(ParseList, Pages) {
    const ListPage page = parse_list("5 0 00 w -\n4294967296 7 ff r slbf\nnext 4294967297\n");
    ASSERT_EQ(page.entries.size(), 2U);
    EXPECT_EQ(page.entries[0], (MapEntry{BlockNo{5}, 0, 0, Reason::write_error}));
    EXPECT_EQ(page.entries[1],
              (MapEntry{BlockNo{1ULL << 32}, 7, 0xff, Reason::read_error, true, true, true, true}));
    EXPECT_EQ(page.next, BlockNo{(1ULL << 32) + 1});
    const ListPage last = parse_list("end");
    EXPECT_TRUE(last.entries.empty());
    EXPECT_FALSE(last.next);
}

TEST(ParseList, AllReasons) {
    const std::string letters = "wraskmh";
    for (std::size_t i = 0; i < letters.size(); ++i) {
        const std::string line = std::string{"1 2 00 "} + letters[i] + " -\nend";
        EXPECT_EQ(parse_list(line).entries.at(0).reason, static_cast<Reason>(i));
    }
}

TEST(ParseList, Rejects) {
    for (const char* bad :
         {"", "5 0 00 w -", "next", "next x", "next 5 6", "5 0 00 w\nend", "5 0 0 w -\nend",
          "5 0 000 w -\nend", "5 0 gg w -\nend", "5 0 00 z -\nend", "5 0 00 ww -\nend",
          "5 x 00 w -\nend", "-5 0 00 w -\nend", "end\nend"})
        expect_error(Code::kernel, "not understood", [&] { (void)parse_list(bad); });
}

TEST(ParseWork, Answers) {
    const WorkAnswer done = parse_work("ok 5 1 0", 3);
    EXPECT_FALSE(done.next);
    EXPECT_EQ(done.numbers, (std::vector<std::uint64_t>{5, 1, 0}));
    const WorkAnswer more = parse_work("next 4294967296\n5 1 0\n", 3);
    EXPECT_EQ(more.next, 4294967296U);
    for (const char* bad : {"", "ok", "ok 1 2", "next 1 2 3", "done 1 2 3", "ok 1 2 x"})
        expect_error(Code::kernel, "not understood", [&] { (void)parse_work(bad, 3); });
}

TEST(ParseStats, Counters) {
    const auto counters = parse_stats("reads=5\nwrites=18446744073709551615\n\n");
    ASSERT_EQ(counters.size(), 2U);
    EXPECT_EQ(counters[0].name, "reads");
    EXPECT_EQ(counters[1].value, UINT64_MAX);
    EXPECT_TRUE(parse_stats("").empty());
    for (const char* bad : {"reads", "reads=", "=5", "reads=x", "reads=1=2"})
        expect_error(Code::kernel, "not understood", [&] { (void)parse_stats(bad); });
}

TEST(MessageRanges, Text) {
    EXPECT_EQ(message_ranges({{BlockNo{5}, BlockNo{1}}, {BlockNo{7}, BlockNo{3}}}), " 5 7+3");
    EXPECT_EQ(message_ranges({}), "");
}

} // namespace
} // namespace remap::dm
