// SPDX-License-Identifier: GPL-2.0-only
// Loading a table, from whatever two copies have been through.
#include "spare.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace {

constexpr u64 slots = 3 * DMR_TABLE_ENTRIES - 40; // the last table block is short

dmr_mapping mapped(u64 block, u64 gen, u8 lost = 0, u8 reason = DMR_R_WRITE, u8 flags = 0) {
    dmr_mapping m = sample::mapping(block, gen);
    m.lost = lost;
    m.reason = reason;
    m.flags = flags;
    return m;
}

dmr_mapping bad_slot() {
    dmr_mapping m{};
    m.state = DMR_E_BAD;
    return m;
}

// Entries in every table block, blocks in no order, neighbours and far apart.
View fill(Spare& spare) {
    View view;
    std::mt19937_64 random(3);
    for (u64 slot = 0; slot < slots; slot += 1 + random() % 3) {
        const u64 block = slot % 2 ? slot * 7919 * 1000 % dmr_blocks(2 * sample::tib) : 5000 - slot;
        if (view.contains(block))
            continue;
        const u8 lost = static_cast<u8>(random());
        const u8 reason = static_cast<u8>(1 + random() % 7);
        const u8 flags = random() % 4 ? 0 : DMR_F_SLOT_LOST;
        spare.put(slot, mapped(block, slot + 1, lost, reason, flags));
        view[block] = {slot, lost, reason, flags ? u8{DMR_X_SLOT_LOST} : u8{0}};
    }
    return view;
}

TEST(Load, EmptyTable) {
    Spare spare(slots);
    const Set set(spare.disk);
    ASSERT_EQ(set.error, 0) << set.problem();
    EXPECT_EQ(set.view(), View{});
    EXPECT_EQ(set.meta.free_slots, slots);
    EXPECT_EQ(set.meta.frozen, 0u);
    EXPECT_EQ(set.meta.nr_slots, slots);
    EXPECT_EQ(set.totals.entries, 0u);
    EXPECT_EQ(set.problem(), "");
    EXPECT_EQ(spare.disk.outside, 0u);
}

TEST(Load, EveryEntryIsFound) {
    Spare spare(slots);
    const View view = fill(spare);
    const SimDisk::Image before = spare.disk.image;
    const Set set(spare.disk);
    ASSERT_EQ(set.error, 0) << set.problem();
    EXPECT_EQ(set.view(), view);
    EXPECT_EQ(set.meta.free_slots, slots - view.size());
    EXPECT_EQ(set.totals.entries, view.size());
    u64 lost = 0;
    std::array<u64, DMR_NR_REASONS> reasons{};
    for (const auto& entry : view) {
        lost += static_cast<u64>(__builtin_popcount(entry.second.lost));
        reasons[entry.second.reason]++;
    }
    EXPECT_EQ(set.totals.lost, lost);
    for (size_t r = 0; r < reasons.size(); r++)
        EXPECT_EQ(set.totals.by_reason[r], reasons[r]) << r;
    EXPECT_EQ(spare.disk.image, before) << "loading writes nothing";
    EXPECT_EQ(spare.disk.outside, 0u);
}

TEST(Load, ShieldFlagAndBadSlots) {
    Spare spare(slots);
    spare.put(0, mapped(0, 1, 0, DMR_R_SHIELD, DMR_F_SHIELD));
    spare.put(1, bad_slot());
    spare.put(slots - 1, bad_slot());
    const Set set(spare.disk);
    ASSERT_EQ(set.error, 0) << set.problem();
    EXPECT_EQ(set.view(), (View{{0, {0, 0, DMR_R_SHIELD, DMR_X_SHIELD}}}));
    EXPECT_EQ(set.totals.bad, 2u);
    EXPECT_EQ(set.meta.free_slots, slots - 3);
}

TEST(Load, OnlyInitialisedBlocksCount) {
    Spare spare(300 * DMR_TABLE_ENTRIES);
    EXPECT_EQ(spare.table_init(), u64{DMR_TABLE_EXTENT});
    const Set set(spare.disk);
    ASSERT_EQ(set.error, 0) << set.problem();
    EXPECT_EQ(set.meta.free_slots, u64{DMR_TABLE_EXTENT} * DMR_TABLE_ENTRIES);
    EXPECT_EQ(set.meta.nr_slots, 300u * DMR_TABLE_ENTRIES);
}

// What can happen to one 4 KiB block.
struct Accident {
    const char* name;
    std::function<void(SimDisk&, u64 block)> apply;
};

void PrintTo(const Accident& a, std::ostream* os) {
    *os << a.name;
}

const Accident accidents[] = {
    {"zeroed", [](SimDisk& disk, u64 block) { disk.image.erase(block); }},
    {"noise",
     [](SimDisk& disk, u64 block) {
         std::mt19937_64 random(block);
         for (auto& byte : disk.image[block])
             byte = static_cast<unsigned char>(random());
     }},
    {"torn",
     [](SimDisk& disk, u64 block) {
         auto& data = disk.image[block];
         std::fill(data.begin() + 512, data.begin() + 1024, u8{0x5a});
     }},
    {"bit_flip", [](SimDisk& disk, u64 block) { disk.image[block][100] ^= 4; }},
    {"unreadable",
     [](SimDisk& disk, u64 block) {
         disk.fails = [previous = disk.fails, block](SimDisk::Op op, u64 at) {
             return (op == SimDisk::Op::read && at == block) || (previous && previous(op, at));
         };
     }},
    {"misdirected_write",
     [](SimDisk& disk, u64 block) { disk.image[block] = disk.image[block - 1]; }},
};

class LoadDamaged : public testing::TestWithParam<Accident> {};
INSTANTIATE_TEST_SUITE_P(Accidents, LoadDamaged, testing::ValuesIn(accidents),
                         [](const auto& p) { return p.param.name; });

// Promise 1: one copy may be gone.
TEST_P(LoadDamaged, OneCopyOfATableBlock) {
    for (u64 index = 0; index < 3; index++)
        for (const unsigned copy : {0u, 1u}) {
            SCOPED_TRACE("block " + std::to_string(index) + " copy " + std::to_string(copy));
            Spare spare(slots);
            const View view = fill(spare);
            const u64 all_free = Set(spare.disk).meta.free_slots;
            GetParam().apply(spare.disk, spare.table_block(index, copy));

            const Set set(spare.disk);
            ASSERT_EQ(set.error, 0) << set.problem();
            EXPECT_EQ(set.view(), view);
            EXPECT_EQ(set.meta.frozen, 1u);
            EXPECT_EQ(set.meta.tb_flags[index], DMR_TB_BAD(copy));
            EXPECT_TRUE(dmr_meta_frozen(&set.meta, index * DMR_TABLE_ENTRIES));
            EXPECT_EQ(set.meta.free_slots, all_free - set.meta.tb_free[index]);
        }
}

TEST_P(LoadDamaged, OneWholeCopyOfTheTable) {
    for (const unsigned copy : {0u, 1u}) {
        Spare spare(slots);
        const View view = fill(spare);
        for (u64 index = 0; index < 3; index++)
            GetParam().apply(spare.disk, spare.table_block(index, copy));
        const Set set(spare.disk);
        ASSERT_EQ(set.error, 0) << set.problem();
        EXPECT_EQ(set.view(), view);
        EXPECT_EQ(set.meta.frozen, 3u);
        EXPECT_EQ(set.meta.free_slots, 0u);
    }
}

TEST_P(LoadDamaged, DifferentBlocksOfBothCopies) {
    Spare spare(slots);
    const View view = fill(spare);
    for (u64 index = 0; index < 3; index++)
        GetParam().apply(spare.disk, spare.table_block(index, index % 2));
    const Set set(spare.disk);
    ASSERT_EQ(set.error, 0) << set.problem();
    EXPECT_EQ(set.view(), view);
}

TEST_P(LoadDamaged, BothCopiesOfATableBlock) {
    for (u64 index = 0; index < 3; index++) {
        Spare spare(slots);
        fill(spare);
        for (const unsigned copy : {0u, 1u})
            GetParam().apply(spare.disk, spare.table_block(index, copy));
        const Set set(spare.disk);
        EXPECT_EQ(set.error, -EUCLEAN);
        EXPECT_EQ(set.problem(), "a table block is damaged in both copies");
        EXPECT_EQ(set.meta.problem_index, index);
    }
}

TEST_P(LoadDamaged, OneSuperblock) {
    for (const unsigned copy : {0u, 1u}) {
        Spare spare(slots);
        const View view = fill(spare);
        spare.disk.image[SimDisk::block_of(spare.sb_sector(0)) + 1]; // something to misdirect
        GetParam().apply(spare.disk, SimDisk::block_of(spare.sb_sector(copy)) + 0);
        const Set set(spare.disk);
        ASSERT_EQ(set.error, 0) << set.problem();
        EXPECT_EQ(set.view(), view);
        EXPECT_EQ(set.meta.sb_bad, 1u << copy);
    }
}

TEST(Load, BothSuperblocks) {
    const auto with = [](const char* first, const char* second) {
        Spare spare(slots);
        for (const auto& accident : accidents)
            for (const unsigned copy : {0u, 1u})
                if (std::string(copy ? second : first) == accident.name)
                    accident.apply(spare.disk, SimDisk::block_of(spare.sb_sector(copy)));
        const Set set(spare.disk);
        return std::pair(set.error, set.problem());
    };
    EXPECT_EQ(with("zeroed", "zeroed"),
              std::pair(-ENODATA, std::string("it is not formatted for dm-remap")));
    EXPECT_EQ(with("unreadable", "unreadable"),
              std::pair(-EIO, std::string("both superblocks are unreadable")));
    EXPECT_EQ(with("torn", "bit_flip"), std::pair(-EUCLEAN, std::string("checksum mismatch")));
    // The one that carries the magic has the reason.
    EXPECT_EQ(with("zeroed", "torn"), std::pair(-EUCLEAN, std::string("checksum mismatch")));
    EXPECT_EQ(with("torn", "zeroed"), std::pair(-EUCLEAN, std::string("checksum mismatch")));
    // Nothing is known about a copy that can't be read.
    EXPECT_EQ(with("unreadable", "torn").first, -EUCLEAN);
    EXPECT_NE(with("unreadable", "zeroed").first, 0);
}

TEST(Load, DeviceTooSmall) {
    for (const u64 sectors : {0ull, 1ull, 7ull, 8ull, 100ull, 159ull}) {
        SimDisk disk(sectors);
        const Set set(disk);
        EXPECT_EQ(set.error, -ENODATA) << sectors;
        EXPECT_EQ(disk.outside, 0u);
    }
}

TEST(Load, NewerSuperblockHolds) {
    for (const unsigned newer : {0u, 1u}) {
        Spare spare(slots);
        dmr_superblock sb = spare.sb;
        sb.seq = cpu_to_le64(le64_to_cpu(sb.seq) + 1);
        sb.activation = cpu_to_le64(9);
        dmr_sb_seal(&sb, newer);
        spare.disk.store(spare.sb_sector(newer), sb);
        const Set set(spare.disk);
        ASSERT_EQ(set.error, 0);
        EXPECT_EQ(set.meta.activation, 9u);
        EXPECT_EQ(set.meta.sb_bad, 1u << (1 - newer)) << "the older one has to be written again";
    }
}

TEST(Load, ContradictingSuperblocks) {
    Spare spare(slots);
    dmr_superblock sb = spare.sb;
    sb.state = cpu_to_le32(DMR_STATE_RETIRED);
    dmr_sb_seal(&sb, 1);
    spare.disk.store(spare.sb_sector(1), sb);
    const Set set(spare.disk);
    EXPECT_EQ(set.error, -EUCLEAN);
    EXPECT_EQ(set.problem(), "the two superblocks contradict each other");
}

// A crash between the copies of a commit.
TEST(Load, NewerTableBlockHolds) {
    for (const unsigned newer : {0u, 1u}) {
        Spare spare(slots);
        spare.put(300, mapped(7, 1));
        dmr_table_block tb = spare.table(1);
        const dmr_mapping m = mapped(8, 2);
        dmr_entry_pack(&tb.entry[10], &m);
        spare.write_table(1, newer, tb, spare.seq + 1);
        const Set set(spare.disk);
        ASSERT_EQ(set.error, 0) << set.problem();
        EXPECT_EQ(set.view(), (View{{7, {300, 0, DMR_R_WRITE, 0}}, {8, {262, 0, DMR_R_WRITE, 0}}}));
        EXPECT_EQ(set.meta.tb_flags[1], DMR_TB_BAD(1 - newer));
    }
}

TEST(Load, SeqComparesActivationFirst) {
    Spare spare(slots);
    dmr_table_block tb = spare.table(0);
    const dmr_mapping m = mapped(8, 2);
    dmr_entry_pack(&tb.entry[0], &m);
    spare.write_table(0, 0, tb, dmr_seq(4, 0));
    spare.write_table(0, 1, spare.table(0), dmr_seq(3, 0xffffffff));
    const Set set(spare.disk);
    ASSERT_EQ(set.error, 0);
    EXPECT_TRUE(set.view().contains(8));
}

TEST(Load, EqualSeqDifferentEntries) {
    Spare spare(slots);
    dmr_table_block tb = spare.table(2);
    const dmr_mapping m = mapped(8, 2);
    dmr_entry_pack(&tb.entry[0], &m);
    spare.write_table(2, 1, tb, spare.seq);
    const Set set(spare.disk);
    EXPECT_EQ(set.error, -EUCLEAN);
    EXPECT_EQ(set.problem(), "the copies of a table block contradict each other");
    EXPECT_EQ(set.meta.problem_index, 2u);
}

// Blocks of an earlier format of the same device.
TEST(Load, ForeignTableBlock) {
    for (const unsigned copies : {1u, 2u, 3u}) {
        Spare spare(slots);
        const View view = fill(spare);
        dmr_superblock other = spare.sb;
        other.spare_uuid[0] ^= 1;
        for (const unsigned copy : {0u, 1u})
            if (copies & (1u << copy)) {
                dmr_table_block tb;
                dmr_table_init(&tb, 1);
                dmr_table_seal(&tb, dmr_table_seed(&other), ~0ull, copy);
                spare.disk.store(spare.table_sector(1, copy), tb);
            }
        const Set set(spare.disk);
        EXPECT_EQ(set.error, copies == 3 ? -EUCLEAN : 0);
        if (!set.error) {
            EXPECT_EQ(set.view(), view);
        }
    }
}

TEST(Load, HigherGenerationWins) {
    // In every order of the three over the table.
    std::array<u64, 3> order = {2, 260, 500};
    do {
        Spare spare(slots);
        spare.put(order[0], mapped(77, 5, 0x01));
        spare.put(order[1], mapped(77, 6, 0x02));
        spare.put(order[2], mapped(77, 1ull << 38, 0x04));
        spare.put(20, mapped(78, 1));
        Set set(spare.disk);
        ASSERT_EQ(set.error, 0) << set.problem();
        EXPECT_EQ(set.view(),
                  (View{{77, {order[2], 4, DMR_R_WRITE, 0}}, {78, {20, 0, DMR_R_WRITE, 0}}}));
        EXPECT_EQ(set.meta.nr_losers, 2u);
        EXPECT_EQ(set.totals.entries, 2u);
        EXPECT_EQ(set.totals.lost, 1u);
        EXPECT_EQ(set.meta.gen, 1ull << 38) << "new entries must beat the old";
        EXPECT_EQ(set.meta.free_slots, slots - 4) << "not to be used before they are retired";

        // Activation frees the losers in both copies.
        ASSERT_EQ(dmr_meta_activate(&set.meta, 0), 0);
        EXPECT_EQ(set.meta.free_slots, slots - 2);
        for (const unsigned copy : {0u, 1u}) {
            SimDisk one = spare.disk;
            for (u64 index = 0; index < 3; index++)
                one.image.erase(spare.table_block(index, 1 - copy));
            const Set again(one);
            ASSERT_EQ(again.error, 0) << again.problem();
            EXPECT_EQ(again.view(), set.view());
            EXPECT_EQ(again.meta.nr_losers, 0u);
        }
    } while (std::next_permutation(order.begin(), order.end()));
}

// Counting on from there would overflow, and a new entry would lose against an old one.
TEST(Load, ImpossibleGenerationIsRefused) {
    Spare spare(slots);
    spare.put(2, mapped(77, DMR_GEN_MAX));
    const Set set(spare.disk);
    EXPECT_EQ(set.error, -EUCLEAN);
    EXPECT_EQ(set.problem(), "impossible generation");
}

// Nobody can say which of the two holds the data.
TEST(Load, EqualGenerationsAreRefused) {
    Spare spare(slots);
    spare.put(2, mapped(77, 5));
    spare.put(300, mapped(77, 5));
    const Set set(spare.disk);
    EXPECT_EQ(set.error, -EUCLEAN) << set.problem();
}

// The table must be read again to compare generations: an error then is an
// error, not a generation of zero.
TEST(Load, DuplicatesWithAReadErrorAreNotDecidedWrongly) {
    for (u64 after = 0; after < 12; after++) {
        Spare spare(slots);
        spare.put(2, mapped(77, 6));
        spare.put(300, mapped(77, 5));
        u64 reads = 0;
        spare.disk.fails = [&](SimDisk::Op op, u64 block) {
            const bool here = block == spare.table_block(0, 0) || block == spare.table_block(0, 1);
            return op == SimDisk::Op::read && here && reads++ >= after;
        };
        const Set set(spare.disk);
        if (!set.error) {
            EXPECT_EQ(set.view(), (View{{77, {2, 0, DMR_R_WRITE, 0}}})) << "after " << after;
        }
    }
}

TEST(Load, ManyLosers) {
    Spare spare(slots);
    for (u64 slot = 0; slot < 600; slot++)
        spare.put(slot, mapped(slot / 2, slot + 1));
    Set set(spare.disk);
    ASSERT_EQ(set.error, 0);
    EXPECT_EQ(set.view().size(), 300u);
    EXPECT_EQ(set.meta.nr_losers, 300u);
    ASSERT_EQ(dmr_meta_activate(&set.meta, 0), 0);
    EXPECT_EQ(set.meta.free_slots, slots - 300);
    EXPECT_EQ(Set(spare.disk).view(), set.view());
}

TEST(Load, ImpossibleEntry) {
    const auto refusal = [](u64 slot, const dmr_mapping& m, u64 table) {
        Spare spare(slots);
        spare.put(slot, m);
        const Set set(spare.disk);
        EXPECT_EQ(set.error, -EUCLEAN);
        EXPECT_EQ(set.meta.problem_index, table);
        return set.problem();
    };
    EXPECT_EQ(refusal(0, mapped(dmr_blocks(2 * sample::tib), 1), 0),
              "an entry names a block behind the end of main");
    EXPECT_EQ(refusal(300, mapped(1, 1, 0, DMR_R_NONE), 1), "unknown reason");
    EXPECT_EQ(refusal(slots, mapped(1, 1), 2), "an entry lies behind the last slot");
}

// Newer superblocks once said that the table goes on.
TEST(Load, UsedTableBehindTheRecordedEnd) {
    const u64 tables = 2 * DMR_TABLE_EXTENT + 50;
    for (const unsigned copy : {0u, 1u})
        for (const u64 index : {u64{10}, u64{11}, u64{10} + DMR_TABLE_EXTENT - 1}) {
            Spare spare(tables * DMR_TABLE_ENTRIES, 2 * sample::tib, 10);
            dmr_table_block tb = spare.table(index);
            spare.write_table(index, copy, tb, spare.seq);
            EXPECT_EQ(Set(spare.disk).error, 0) << "initialised, never used: harmless";

            const dmr_mapping m = mapped(5, 1);
            dmr_entry_pack(&tb.entry[3], &m);
            spare.write_table(index, copy, tb, spare.seq);
            const Set set(spare.disk);
            EXPECT_EQ(set.error, -EUCLEAN);
            EXPECT_EQ(set.problem(), "the superblocks are older than the table");
            EXPECT_EQ(set.meta.problem_index, index);
        }
}

TEST(Load, NoiseBehindTheRecordedEndIsIgnored) {
    Spare spare(u64{2 * DMR_TABLE_EXTENT} * DMR_TABLE_ENTRIES, 2 * sample::tib, 10);
    for (u64 index = 10; index < 30; index++)
        for (const unsigned copy : {0u, 1u})
            accidents[1].apply(spare.disk, spare.table_block(index, copy));
    accidents[4].apply(spare.disk, spare.table_block(30, 0));
    EXPECT_EQ(Set(spare.disk).error, 0);
    EXPECT_EQ(spare.disk.outside, 0u);
}

TEST(Load, PlacesPast32Bits) {
    const u64 many = (1ull << 32) + 1000;
    const u64 main = 16 * sample::tib + 80;
    Spare spare(many, main, 1);
    spare.put(5, mapped((1ull << 32) + 9, 1, 0x80));
    Set set(spare.disk);
    ASSERT_EQ(set.error, 0) << set.problem();
    EXPECT_EQ(set.view(), (View{{(1ull << 32) + 9, {5, 0x80, DMR_R_WRITE, 0}}}));

    // As if the whole table were in use: write an entry in its last block.
    set.meta.sb->table_init = set.meta.sb->table_blocks;
    const u64 last = le64_to_cpu(spare.sb.table_blocks) - 1;
    for (const unsigned copy : {0u, 1u})
        spare.write_table(last, copy, spare.table(last), spare.seq);
    dmr_change change{many - 1, mapped(1ull << 32, 2), 0};
    EXPECT_EQ(dmr_meta_commit(&set.meta, &change, 1), 1u);
    EXPECT_EQ(change.error, 0);
    dmr_mapping m{};
    ASSERT_EQ(dmr_meta_entry(&set.meta, many - 1, &m), 0);
    EXPECT_EQ(m.block, 1ull << 32);
    for (const unsigned copy : {0u, 1u}) {
        const auto tb = spare.disk.load<dmr_table_block>(spare.table_sector(last, copy));
        EXPECT_EQ(dmr_table_check(&tb, set.meta.seed, last, copy), nullptr);
        EXPECT_NE(tb.entry[(many - 1) % DMR_TABLE_ENTRIES].a, 0u);
    }
    EXPECT_EQ(spare.disk.outside, 0u);
}

// The format has room for more slots than an entry in memory can name.
TEST(Load, MoreSlotsThanTheIndexCanName) {
    Spare most(DMR_X_MAX_SLOTS, sample::tib, 0);
    EXPECT_EQ(Set(most.disk).error, 0);
    Spare spare(DMR_X_MAX_SLOTS + 1, sample::tib, 0);
    const Set set(spare.disk);
    EXPECT_EQ(set.error, -EFBIG);
    EXPECT_NE(set.problem(), "");
}

} // namespace
