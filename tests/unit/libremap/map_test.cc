// SPDX-License-Identifier: GPL-2.0-only
// The kernel's loader behind LoadedMap, and that check_spare() agrees with it
// whatever happened to a spare.
#include "format/map.h"

#include <algorithm>
#include <random>

#include "expect_error.h"
#include "format/check.h"
#include "spare_image.h"

namespace remap::format {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr Sector spare_size{65'536};

std::vector<MapItem> items(const LoadedMap& map) {
    std::vector<MapItem> all;
    map.for_each([&](const MapItem& item) {
        all.push_back(item);
        return true;
    });
    return all;
}

class Map : public testing::Test {
protected:
    Map() {
        test::write_spare(device, 5);
        sb = read_superblocks(device).best();
    }
    void change(const std::vector<unsigned>& copies, std::uint64_t seq,
                const std::function<void(dmr_table_block&)>& how) {
        test::change_table(device, 0, copies, seq, how);
    }
    void write_superblocks() {
        sb.seq = cpu_to_le64(le64_to_cpu(sb.seq) + 1);
        for (unsigned copy = 0; copy < 2; ++copy)
            write_superblock(device, sb, copy);
    }
    void give_up_copy(unsigned copy, std::uint64_t since) {
        sb.distrust[0].nr = cpu_to_le32(1);
        sb.distrust[0].copy = cpu_to_le32(copy);
        sb.distrust_since = cpu_to_le64(since);
        write_superblocks();
    }

    test::MemoryDevice device{spare_size};
    dmr_superblock sb;
};

TEST_F(Map, Entries) {
    change({0, 1}, 3, [](dmr_table_block& block) {
        dmr_mapping m{};
        m.block = 124'999;
        m.gen = 9;
        m.lost = 0x81;
        m.state = DMR_E_MAPPED;
        m.reason = DMR_R_SHIELD;
        m.flags = DMR_F_SHIELD | DMR_F_SLOT_LOST;
        dmr_entry_pack(&block.entry[100], &m);
        m = {};
        m.state = DMR_E_BAD;
        dmr_entry_pack(&block.entry[101], &m);
    });
    const LoadedMap map{device};
    EXPECT_EQ(map.count(), 6U);
    EXPECT_EQ(map.lost_sectors(), 2U);
    EXPECT_EQ(map.bad_slots(), 1U);
    EXPECT_EQ(map.record().label, "r0");
    const std::vector<MapItem> all = items(map);
    ASSERT_EQ(all.size(), 6U);
    EXPECT_EQ(all[0], (MapItem{BlockNo{0}, 0, 0, DMR_R_ADMIN, false, false}));
    EXPECT_EQ(all[4], (MapItem{BlockNo{40}, 4, 0, DMR_R_ADMIN, false, false}));
    EXPECT_EQ(all[5], (MapItem{BlockNo{124'999}, 100, 0x81, DMR_R_SHIELD, true, true}));
    EXPECT_EQ(map.find(BlockNo{20})->slot, 2U);
    EXPECT_FALSE(map.find(BlockNo{21}));
    EXPECT_FALSE(map.find(BlockNo{1ULL << 60}));
}

TEST_F(Map, RangesAndStopping) {
    const LoadedMap map{device};
    std::vector<std::uint64_t> seen;
    map.for_each(BlockNo{10}, BlockNo{40}, [&](const MapItem& item) {
        seen.push_back(item.block.value());
        return true;
    });
    EXPECT_THAT(seen, ElementsAre(10, 20, 30));
    seen.clear();
    map.for_each([&](const MapItem& item) {
        seen.push_back(item.block.value());
        return seen.size() < 2;
    });
    EXPECT_THAT(seen, ElementsAre(0, 10));
}

TEST_F(Map, TheHigherGenerationHolds) {
    change({0, 1}, 3, [](dmr_table_block& block) {
        test::set_entry(block, 9, 20, 9);
        test::set_entry(block, 10, 20, 8);
    });
    const LoadedMap map{device};
    EXPECT_EQ(map.count(), 5U);
    EXPECT_EQ(map.find(BlockNo{20})->slot, 9U);
    EXPECT_THAT(map.losers(), ElementsAre(2, 10));
}

TEST_F(Map, TheNewerCopyHolds) {
    change({1}, 3, [](dmr_table_block& block) { test::set_entry(block, 9, 77, 9); });
    const LoadedMap map{device};
    EXPECT_EQ(map.find(BlockNo{77})->slot, 9U);
    EXPECT_EQ(map.one_copy_left(), 1U);
}

TEST_F(Map, Refusals) {
    test::MemoryDevice empty{spare_size};
    test::expect_error(Code::not_found, "not formatted", [&] { LoadedMap{empty}; });
    test::MemoryDevice tiny{Sector{8}};
    test::expect_error(Code::not_found, "too small", [&] { LoadedMap{tiny}; });
    test::MemoryDevice dead{spare_size};
    dead.unreadable = {0, dmr_sb_sector(spare_size.value(), 1)};
    test::expect_error(Code::failed, "unreadable", [&] { LoadedMap{dead}; });
    test::MemoryDevice damaged = device;
    for (unsigned copy = 0; copy < 2; ++copy)
        test::corrupt(damaged, Sector{dmr_table_sector(&sb, 3, copy)});
    test::expect_error(Code::damaged, "a table block is damaged in both copies (table block 3)",
                       [&] { LoadedMap{damaged}; });
    sb.incompat = cpu_to_le64(1ULL << 40);
    write_superblocks();
    test::expect_error(Code::damaged, "features", [&] { LoadedMap{device}; });
}

TEST_F(Map, HugeMainsAreNotTried) {
    sb.main_sectors = cpu_to_le64((DMR_MAX_BLOCKS - 1) * DMR_BLOCK_SECTORS);
    write_superblocks();
    test::expect_error(Code::failed, "not enough memory", [&] { LoadedMap{device}; });
    EXPECT_EQ(check_spare(device).worst, Severity::fatal);
}

TEST_F(Map, StatesAreNotJudged) {
    sb.state = cpu_to_le32(DMR_STATE_RETIRED);
    write_superblocks();
    EXPECT_EQ(LoadedMap{device}.count(), 5U);
}

// What was once given up may carry a higher sequence number and be wrong.
TEST_F(Map, CopiesThatWereGivenUp) {
    change({1}, dmr_seq(1, 9), [](dmr_table_block& block) { test::set_entry(block, 9, 77, 9); });
    EXPECT_EQ(LoadedMap{device}.count(), 6U);
    give_up_copy(1, 2);
    EXPECT_EQ(LoadedMap{device}.count(), 5U);
    const CheckReport report = check_spare(device);
    EXPECT_EQ(report.worst, Severity::repairable);
    EXPECT_EQ(report.entries, 5U);
    ASSERT_EQ(report.findings.size(), 1U);
    EXPECT_EQ(report.findings[0].where, "table block 0 copy 1");
    EXPECT_THAT(report.findings[0].what, HasSubstr("given up"));
    std::uint64_t bad = 0;
    EXPECT_EQ(read_entries(device, sb, &bad).size(), 5U);
    // without the other copy nothing is left
    test::corrupt(device, Sector{dmr_table_sector(&sb, 0, 0)});
    EXPECT_EQ(check_spare(device).worst, Severity::fatal);
    test::expect_error(Code::damaged, "both copies", [&] { LoadedMap{device}; });
    // what was written later counts again
    give_up_copy(1, 1);
    EXPECT_EQ(LoadedMap{device}.count(), 6U);
    EXPECT_EQ(check_spare(device).worst, Severity::repairable);
}

TEST_F(Map, ImpossibleGenerations) {
    const auto with_generation = [&](std::uint64_t gen, std::uint8_t state) {
        change({0, 1}, 3, [&](dmr_table_block& block) {
            dmr_mapping m{};
            m.block = state == DMR_E_MAPPED ? 77 : 0;
            m.gen = gen;
            m.state = state;
            m.reason = DMR_R_ADMIN;
            dmr_entry_pack(&block.entry[9], &m);
        });
    };
    with_generation(DMR_GEN_MAX / 2, DMR_E_MAPPED);
    EXPECT_EQ(check_spare(device).worst, Severity::note);
    for (const std::uint8_t state : {std::uint8_t{DMR_E_MAPPED}, std::uint8_t{DMR_E_BAD}}) {
        with_generation(DMR_GEN_MAX / 2 + 1, state);
        test::expect_error(Code::damaged, "generation", [&] { LoadedMap{device}; });
        const CheckReport report = check_spare(device);
        ASSERT_EQ(report.findings.size(), 1U);
        EXPECT_EQ(report.findings[0].where, "slot 9");
        EXPECT_EQ(report.findings[0].severity, Severity::fatal);
    }
}

// The loader compares in the order of slots: equal generations matter only if they
// meet while they hold.
TEST_F(Map, ThreeEntriesForOneBlock) {
    const auto with = [&](const std::array<std::uint64_t, 3>& gens) {
        test::MemoryDevice copy = device;
        test::change_table(copy, 0, {0, 1}, 3, [&](dmr_table_block& block) {
            for (unsigned i = 0; i < gens.size(); ++i)
                test::set_entry(block, 20 + i, 77, gens[i]);
        });
        const Severity worst = check_spare(copy).worst;
        if (worst == Severity::fatal)
            test::expect_error(Code::damaged, "same generation", [&] { LoadedMap{copy}; });
        else
            EXPECT_NO_THROW(LoadedMap{copy});
        return worst;
    };
    EXPECT_EQ(with({11, 12, 13}), Severity::repairable);
    EXPECT_EQ(with({11, 13, 11}), Severity::repairable);
    EXPECT_EQ(with({11, 11, 13}), Severity::fatal);
    EXPECT_EQ(with({13, 11, 11}), Severity::repairable);
    EXPECT_EQ(with({11, 13, 13}), Severity::fatal);
}

// No rule of check_spare() covers this, so the loader has to be asked.
TEST(MapLosers, MoreDuplicatesThanCrashesLeave) {
    test::MemoryDevice device{Sector{600 * 254 * 8}};
    SpareRecord record = test::write_spare(device, 0);
    record.table_init = 262;
    record.seq += 1;
    const dmr_superblock sb = encode(record);
    const auto with_tables = [&](std::uint64_t tables) {
        for (std::uint64_t index = 0; index < record.table_init; ++index)
            for (unsigned copy = 0; copy < 2; ++copy) {
                dmr_table_block block;
                dmr_table_init(&block, index);
                for (unsigned i = 0; i < DMR_TABLE_ENTRIES && index < tables; ++i)
                    test::set_entry(block, i, i, index + 1);
                dmr_table_seal(&block, dmr_table_seed(&sb), 3, copy);
                test::write_block(device, Sector{dmr_table_sector(&sb, index, copy)}, &block);
            }
        for (unsigned copy = 0; copy < 2; ++copy)
            write_superblock(device, sb, copy);
    };
    with_tables(261); // 260 * 252 < 65536
    EXPECT_EQ(LoadedMap{device}.count(), 252U);
    EXPECT_EQ(check_spare(device).worst, Severity::repairable);
    with_tables(262);
    test::expect_error(Code::damaged, "more blocks have two entries", [&] { LoadedMap{device}; });
    const CheckReport report = check_spare(device);
    EXPECT_EQ(report.worst, Severity::fatal);
    EXPECT_GT(report.findings_left_out, 0U);
}

// Damages a spare in ways of which some leave the checksums right.
class Vandal {
public:
    Vandal(test::MemoryDevice& device, const dmr_superblock& sb, std::uint64_t seed)
        : device_{device}, sb_{sb}, random_{seed} {}

    void strike() {
        switch (below(9)) {
        case 0:
            unreadable_.push_back(place().value() + below(8));
            break;
        case 1: {
            const std::vector<unsigned char> zero(block_size);
            test::write_block(device_, place(), zero.data());
            break;
        }
        case 2:
            flip(place(), below(block_size * 8));
            break;
        case 3:
            flip_superblock();
            break;
        case 4: // a table block in the place of another
            test::read_block(device_, table(below(tables), below(2)), &block_);
            test::write_block(device_, table(below(tables), below(2)), &block_);
            break;
        case 5:
            distrust();
            break;
        case 6: // behind the end of the table
            dmr_table_init(&block_, tables + below(300));
            if (below(2) != 0)
                test::set_entry(block_, 0, 1, 1);
            seal(le64_to_cpu(block_.index), below(2), dmr_seq(1, 1));
            break;
        default:
            change_entries();
        }
    }

    // Not earlier: the other damages read what they change.
    void make_unreadable() { device_.unreadable = unreadable_; }

    static constexpr std::uint64_t tables = 3;

private:
    unsigned below(std::uint64_t n) { return static_cast<unsigned>(random_() % n); }
    Sector table(std::uint64_t index, unsigned copy) {
        return Sector{dmr_table_sector(&sb_, index, copy)};
    }
    Sector superblock(unsigned copy) { return Sector{dmr_sb_sector(device_.size().value(), copy)}; }
    Sector place() { return below(4) == 0 ? superblock(below(2)) : table(below(tables), below(2)); }
    void flip(Sector at, std::uint64_t bit) {
        std::vector<unsigned char> block(block_size);
        test::read_block(device_, at, block.data());
        block[bit / 8] ^= static_cast<unsigned char>(1U << bit % 8);
        test::write_block(device_, at, block.data());
    }
    void seal(std::uint64_t index, unsigned copy, std::uint64_t seq) {
        dmr_table_seal(&block_, dmr_table_seed(&sb_), seq, copy);
        test::write_block(device_, table(index, copy), &block_);
    }

    // A bit in the first half, which has the fields, in one or both copies.
    void flip_superblock() {
        const std::uint64_t bit = below(2048 * 8);
        const unsigned copies = 1 + below(3);
        for (unsigned copy = 0; copy < 2; ++copy) {
            if ((copies >> copy & 1) == 0)
                continue;
            flip(superblock(copy), bit);
            dmr_superblock sb;
            test::read_block(device_, superblock(copy), &sb);
            // a main of exabytes costs time and shows nothing
            sb.main_sectors = cpu_to_le64(le64_to_cpu(sb.main_sectors) & 0xffffffff);
            dmr_sb_seal(&sb, copy);
            test::write_block(device_, superblock(copy), &sb);
        }
    }

    void distrust() {
        dmr_superblock sb;
        test::read_block(device_, superblock(0), &sb);
        dmr_distrust& d = sb.distrust[below(DMR_NR_DISTRUST)];
        d.first = cpu_to_le64(below(tables + 2));
        d.nr = cpu_to_le32(below(3));
        d.copy = cpu_to_le32(below(2));
        sb.distrust_since = cpu_to_le64(below(4));
        sb.seq = cpu_to_le64(le64_to_cpu(sb.seq) + 1);
        for (unsigned copy = 0; copy < 2; ++copy) {
            dmr_sb_seal(&sb, copy);
            test::write_block(device_, superblock(copy), &sb);
        }
    }

    // In one or both copies, with a new or the same sequence number.
    void change_entries() {
        const std::uint64_t index = below(tables);
        const unsigned copies = 1 + below(3);
        const std::uint64_t seq = dmr_seq(below(4), 2 + below(2));
        dmr_entry entries[DMR_TABLE_ENTRIES];
        test::read_block(device_, table(index, below(2)), &block_);
        std::copy(std::begin(block_.entry), std::end(block_.entry), entries);
        for (unsigned n = below(3); n > 0; --n) {
            dmr_mapping m{};
            m.block = below(8) == 0 ? random_() >> 16 : below(300);
            m.gen = below(16) == 0 ? random_() >> 24 : 1 + below(700);
            m.lost = static_cast<std::uint8_t>(below(8) == 0 ? random_() : 0);
            m.state = static_cast<std::uint8_t>(below(16) == 0 ? below(16) : below(3));
            m.reason = static_cast<std::uint8_t>(below(16) == 0 ? below(16) : 1 + below(7));
            m.flags = static_cast<std::uint8_t>(below(16) == 0 ? below(16) : below(4));
            dmr_entry_pack(&entries[below(DMR_TABLE_ENTRIES)], &m);
        }
        for (unsigned copy = 0; copy < 2; ++copy) {
            if ((copies >> copy & 1) == 0)
                continue;
            dmr_table_init(&block_, index);
            std::copy(std::begin(entries), std::end(entries), block_.entry);
            seal(index, copy, seq);
        }
    }

    test::MemoryDevice& device_;
    const dmr_superblock& sb_;
    std::mt19937_64 random_;
    std::vector<std::uint64_t> unreadable_;
    dmr_table_block block_;
};

test::MemoryDevice small_table(dmr_superblock& sb) {
    test::MemoryDevice device{Sector{600 * 254 * 8}};
    SpareRecord record = test::write_spare(device, 0);
    record.table_init = Vandal::tables;
    record.activation = 1;
    record.seq += 1;
    sb = encode(record);
    for (unsigned copy = 0; copy < 2; ++copy)
        write_superblock(device, sb, copy);
    for (std::uint64_t index = 0; index < Vandal::tables; ++index)
        test::change_table(device, index, {0, 1}, 2, [&](dmr_table_block& block) {
            for (unsigned i = 0; i < 200; ++i)
                test::set_entry(block, i, 1000 * index + i, i + 1);
        });
    return device;
}

// What the two say of one damaged spare; true if it is refused.
bool verdict(test::MemoryDevice& device) {
    const CheckReport report = check_spare(device);
    std::string refusal;
    try {
        const LoadedMap map{device};
        EXPECT_EQ(report.entries, map.count());
        EXPECT_EQ(report.lost_sectors, map.lost_sectors());
        EXPECT_EQ(report.bad_slots, map.bad_slots());
    } catch (const Error& e) {
        refusal = e.what();
    }
    EXPECT_EQ(report.worst == Severity::fatal, !refusal.empty()) << refusal;
    for (const Finding& finding : report.findings)
        EXPECT_NE(finding.kind, "loader") << "only the loader knows: " << finding.what;
    return !refusal.empty();
}

TEST(CheckAndLoader, AgreeOnEveryDamage) {
    dmr_superblock sb;
    const test::MemoryDevice pristine = small_table(sb);
    unsigned refused = 0;
    constexpr unsigned rounds = 1500;
    for (unsigned seed = 0; seed < rounds; ++seed) {
        test::MemoryDevice device = pristine;
        Vandal vandal{device, sb, seed};
        for (unsigned n = 1 + seed % 4; n > 0; --n)
            vandal.strike();
        vandal.make_unreadable();
        refused += verdict(device) ? 1U : 0U;
        if (testing::Test::HasFailure()) {
            ADD_FAILURE() << "seed " << seed;
            break;
        }
    }
    EXPECT_GT(refused, rounds / 10);
    EXPECT_LT(refused, rounds * 9 / 10);
}

} // namespace
} // namespace remap::format
