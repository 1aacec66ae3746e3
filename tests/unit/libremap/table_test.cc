// SPDX-License-Identifier: GPL-2.0-only
#include "core/table.h"

#include "base/text.h"
#include "core/create.h"
#include "dm/fake.h"
#include "expect_error.h"
#include "fake_host.h"
#include "spare_image.h"

namespace remap::core {
namespace {

using test::expect_error;

class Table : public testing::Test {
protected:
    Table() {
        main = host.add_disk("sda", Sector{200'005}, "0x5000c500a");
        spare = host.add_disk("sdb", Sector{65'536});
        create_set(host, dm, plan_create(host, dm, {"r0", main, spare, false, false}));
        dm.remove("r0");
    }

    // Entries for these blocks in slots 0, 1, ...; lost masks by block.
    void map(const std::vector<std::uint64_t>& blocks,
             const std::map<std::uint64_t, std::uint8_t>& lost = {}) {
        sys::BlockFile file{spare, sys::Access::write_exclusive};
        test::change_table(file, 0, {0, 1}, 2, [&](dmr_table_block& table) {
            for (unsigned i = 0; i < blocks.size(); ++i)
                test::set_entry(table, i, blocks[i], i + 1,
                                lost.contains(blocks[i]) ? lost.at(blocks[i]) : 0);
        });
        first_slot = dmr_slot_sector(&format::read_superblocks(file).best(), 0);
    }
    std::vector<std::string> lines(const AssembleRequest& request) {
        const PlainSet set = plain_set(host, dm, request);
        std::vector<std::string> result;
        Sector at;
        for_each_target(set, [&](const dm::Target& target) {
            EXPECT_EQ(target.start, at);
            at = target.start + target.length;
            std::string text = std::to_string(target.length.value()) + " " + target.type;
            if (!target.params.empty()) {
                const auto parts = words(target.params);
                text += parts[0] == main ? " main " : " spare ";
                const auto place = parse_number<std::uint64_t>(parts[1]).value();
                text += std::to_string(parts[0] == main ? place : place - first_slot);
            }
            result.push_back(text);
        });
        EXPECT_EQ(at, Sector{200'005});
        return result;
    }
    std::vector<std::string> lines() { return lines(wanted_set("r0")); }

    test::FakeHost host;
    dm::FakeDeviceMapper dm;
    std::string main;
    std::string spare;
    std::uint64_t first_slot = 0;
};

using Lines = std::vector<std::string>;

TEST_F(Table, OfASetWithoutEntriesIsOneLine) {
    EXPECT_EQ(lines(), Lines{"200005 linear main 0"});
}

TEST_F(Table, MappedBlocksLieOnTheSpare) {
    map({0, 9});
    EXPECT_EQ(lines(), (Lines{"8 linear spare 0", "64 linear main 8", "8 linear spare 8",
                              "199925 linear main 80"}));
}

TEST_F(Table, NeighboursAreOneLineOnlyIfTheirSlotsAre) {
    map({5, 6, 3, 4});
    EXPECT_EQ(lines(), (Lines{"24 linear main 0", "16 linear spare 16", "16 linear spare 0",
                              "199949 linear main 56"}));
}

TEST_F(Table, LostSectorsFail) {
    map({2, 3}, {{2, 0x81}, {3, 0xff}});
    EXPECT_EQ(lines(), (Lines{"16 linear main 0", "1 error", "6 linear spare 1", "9 error",
                              "199973 linear main 32"}));
}

TEST_F(Table, TheShortLastBlockEndsWithTheDevice) {
    map({25'000}, {{25'000, 0x02}});
    EXPECT_EQ(lines(),
              (Lines{"200000 linear main 0", "1 linear spare 0", "1 error", "3 linear spare 2"}));
}

TEST_F(Table, TheNewerOfTwoEntriesHolds) {
    map({7, 7});
    EXPECT_EQ(lines(), (Lines{"56 linear main 0", "8 linear spare 8", "199941 linear main 64"}));
}

TEST_F(Table, WorksOnImagesWithoutAKernel) {
    map({0});
    dm.before = [](const std::string& line) { ADD_FAILURE() << line; };
    AssembleRequest request;
    request.main = main;
    request.spare = spare;
    EXPECT_EQ(lines(request).size(), 2U);
    request.name = "other";
    expect_error(Code::not_found, "belongs to set 'r0'",
                 [&] { (void)plain_set(host, dm, request); });
}

TEST_F(Table, OfAnAssembledSetIsLabelledAsPassing) {
    assemble_set(host, dm, plan_assemble(host, dm, wanted_set("r0")));
    const PlainSet set = plain_set(host, dm, wanted_set("r0"));
    EXPECT_THAT(set.warnings, testing::Contains(testing::HasSubstr("is assembled")));
}

TEST_F(Table, Refusals) {
    expect_error(Code::not_found, "no spare of the set 'x'",
                 [&] { (void)plain_set(host, dm, wanted_set("x")); });
    AssembleRequest request;
    request.main = "/dev/disk/by-label/two words";
    request.spare = spare;
    expect_error(Code::usage, "can't stand in a table",
                 [&] { (void)plain_set(host, dm, request); });
    {
        sys::BlockFile file{spare, sys::Access::write_exclusive};
        for (const unsigned copy : {0U, 1U}) {
            const dmr_superblock sb = format::read_superblocks(file).best();
            test::corrupt(file, Sector{dmr_table_sector(&sb, 0, copy)});
        }
    }
    expect_error(Code::damaged, "damaged in both copies",
                 [&] { (void)plain_set(host, dm, wanted_set("r0")); });
}

TEST_F(Table, OfARetiredSetIsRefused) {
    format::SpareRecord record = *look_at_spare(host, host.inspect(spare)).record;
    record.state = format::State::retired;
    record.seq += 1;
    {
        sys::BlockFile file{spare, sys::Access::write_exclusive};
        for (unsigned copy = 0; copy < 2; ++copy)
            format::write_superblock(file, format::encode(record), copy);
    }
    expect_error(Code::refused, "can't be used",
                 [&] { (void)plain_set(host, dm, wanted_set("r0")); });
}

} // namespace
} // namespace remap::core
