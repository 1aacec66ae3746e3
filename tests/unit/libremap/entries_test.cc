// SPDX-License-Identifier: GPL-2.0-only
#include "core/entries.h"

#include <set>

#include "base/text.h"
#include "dm/fake.h"
#include "expect_error.h"

namespace remap::core {
namespace {

using test::expect_error;

// A target that keeps its entries in a set and does a bounded part of each message.
class Entries : public testing::Test {
protected:
    Entries() {
        dm.create("r0", "REMAP-" + Uuid::random().str(),
                  {{Sector{0}, Sector{1ULL << 36}, "remap", "8:0 8:1"}}, false);
        dm.log.clear();
        dm.on_message = [this](const std::string&, const std::string& text) {
            ++messages;
            return answer(text);
        };
    }

    std::string answer(const std::string& text) {
        auto parts = words(text);
        const std::string verb{parts.front()};
        parts.erase(parts.begin());
        if (verb == "list")
            return list(*parse_number<std::uint64_t>(parts.at(0)));
        if (!parts.empty() && parts[0] == "lost")
            parts.erase(parts.begin());
        longest = std::max(longest, text.size());
        std::uint64_t done = 0;
        std::uint64_t changed = 0;
        std::uint64_t previous = 0;
        for (const std::string_view part : parts) {
            const auto range = split(part, '+');
            const auto first = *parse_number<std::uint64_t>(range[0]);
            const auto count = range.size() == 2 ? *parse_number<std::uint64_t>(range[1]) : 1;
            EXPECT_GE(first, previous) << "ranges ascend and don't overlap";
            previous = first + count;
            for (std::uint64_t b = first; b < first + count; ++b) {
                if (done++ == work_limit)
                    return strf("next %llu %llu %llu 0", static_cast<unsigned long long>(b),
                                static_cast<unsigned long long>(changed),
                                static_cast<unsigned long long>(done - 1 - changed));
                changed += verb == "add" ? entries.insert(b).second : entries.erase(b);
            }
        }
        return strf("ok %llu %llu 0", static_cast<unsigned long long>(changed),
                    static_cast<unsigned long long>(done - changed));
    }

    std::string list(std::uint64_t from) {
        std::string text;
        std::size_t n = 0;
        for (auto it = entries.lower_bound(from); it != entries.end(); ++it) {
            if (n++ == page_size)
                return text + "next " + std::to_string(*it);
            text += std::to_string(*it) + " 0 81 r -\n";
        }
        return text + "end";
    }

    dm::FakeDeviceMapper dm;
    std::set<std::uint64_t> entries;
    std::uint64_t work_limit = 4096;
    std::size_t page_size = 100;
    std::size_t messages = 0;
    std::size_t longest = 0;
};

BlockRange blocks(std::uint64_t first, std::uint64_t count) {
    return {BlockNo{first}, BlockNo{count}};
}

TEST_F(Entries, AddSmall) {
    const AddResult result = add_blocks(dm, "r0", {blocks(5, 1), blocks(7, 3)}, true);
    EXPECT_EQ(dm.log, std::vector<std::string>{"message r0 add lost 5 7+3"});
    EXPECT_EQ(result.requested, 4U);
    EXPECT_EQ(result.added, 4U);
    EXPECT_EQ(add_blocks(dm, "r0", {blocks(5, 1)}, false).already, 1U);
    EXPECT_EQ(add_blocks(dm, "r0", {}, false).requested, 0U);
}

TEST_F(Entries, ContinuesWhereTheTargetStopped) {
    for (const std::uint64_t limit : {1U, 2U, 7U, 1000U}) {
        entries.clear();
        work_limit = limit;
        const AddResult result =
            add_blocks(dm, "r0", {blocks(1, 10), blocks(20, 1), blocks(1ULL << 32, 30)}, false);
        EXPECT_EQ(result.added, 41U);
        EXPECT_EQ(entries.size(), 41U);
        EXPECT_EQ(*entries.rbegin(), (1ULL << 32) + 29);
    }
}

TEST_F(Entries, HundredThousandScattered) {
    std::vector<BlockRange> ranges;
    for (std::uint64_t i = 0; i < 100'000; ++i)
        ranges.push_back(blocks(i * 40'000, 1));
    EXPECT_EQ(add_blocks(dm, "r0", ranges, true).added, 100'000U);
    EXPECT_EQ(messages, 98U); // 1024 ranges each
    EXPECT_LT(longest, 32'768U);
}

TEST_F(Entries, LargeRangesAreCutInto4096Blocks) {
    EXPECT_EQ(add_blocks(dm, "r0", {blocks(3, 10'000)}, true).added, 10'000U);
    EXPECT_EQ(dm.log, (std::vector<std::string>{"message r0 add lost 3+4096",
                                                "message r0 add lost 4099+4096",
                                                "message r0 add lost 8195+1808"}));
}

TEST_F(Entries, Unmap) {
    add_blocks(dm, "r0", {blocks(0, 10)}, true);
    const UnmapResult result = unmap_blocks(dm, "r0", {blocks(5, 10)});
    EXPECT_EQ(result.unmapped, 5U);
    EXPECT_EQ(result.before, 5U);
    EXPECT_EQ(entries.size(), 5U);
}

TEST_F(Entries, ErrorsOfTheTarget) {
    dm.on_message = [](const auto&, const auto&) { return "nonsense"; };
    expect_error(Code::kernel, "not understood",
                 [&] { add_blocks(dm, "r0", {blocks(1, 1)}, false); });
    dm.on_message = [](const auto&, const auto&) -> std::string { throw os_error(EROFS, "x"); };
    expect_error(Code::failed, "x", [&] { add_blocks(dm, "r0", {blocks(1, 1)}, false); });
}

TEST_F(Entries, ListPages) {
    add_blocks(dm, "r0", {blocks(0, 350), blocks(1ULL << 32, 5)}, true);
    std::vector<std::uint64_t> seen;
    const auto visit = [&](const dm::MapEntry& e) {
        seen.push_back(e.block.value());
        return seen.size() < 1000;
    };
    for_each_entry(dm, "r0", BlockNo{0}, BlockNo{UINT64_MAX}, visit);
    EXPECT_EQ(seen, std::vector<std::uint64_t>(entries.begin(), entries.end()));
    seen.clear();
    for_each_entry(dm, "r0", BlockNo{120}, BlockNo{123}, visit);
    EXPECT_EQ(seen, (std::vector<std::uint64_t>{120, 121, 122}));
    seen.clear();
    for_each_entry(dm, "r0", BlockNo{0}, BlockNo{UINT64_MAX}, [&](const dm::MapEntry& e) {
        seen.push_back(e.block.value());
        return seen.size() < 150;
    });
    EXPECT_EQ(seen.size(), 150U);
}

TEST_F(Entries, ListThatDoesNotAdvance) {
    dm.on_message = [](const auto&, const auto&) { return "next 5"; };
    expect_error(Code::kernel, "does not advance", [&] {
        for_each_entry(dm, "r0", BlockNo{5}, BlockNo{9}, [](const auto&) { return true; });
    });
}

TEST_F(Entries, SectorsBehindTheEnd) {
    EXPECT_EQ(set_size(dm, "r0").value(), 1ULL << 36);
    EXPECT_EQ(blocks_to_map({{Sector{7}, Sector{2}}}, Sector{9}, "r0"),
              std::vector<BlockRange>{blocks(0, 2)});
    expect_error(Code::usage, "sector 9 lies behind the end of r0, which has 9 sectors", [] {
        (void)blocks_to_map({{Sector{7}, Sector{3}}}, Sector{9}, "r0");
    });
}

TEST_F(Entries, LostRanges) {
    dm::MapEntry entry;
    entry.block = BlockNo{2};
    EXPECT_TRUE(lost_ranges(entry).empty());
    entry.lost_mask = 0x83;
    EXPECT_EQ(lost_ranges(entry),
              (std::vector<SectorRange>{{Sector{16}, Sector{2}}, {Sector{23}, Sector{1}}}));
    entry.lost_mask = 0xff;
    EXPECT_EQ(lost_ranges(entry), (std::vector<SectorRange>{{Sector{16}, Sector{8}}}));
}

} // namespace
} // namespace remap::core
