// SPDX-License-Identifier: GPL-2.0-only
#include "sample.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>

namespace {

__extension__ using wide = unsigned __int128;

// 64 KiB in front of the table and the tail superblock.
constexpr u64 fixed_blocks = 17;

// Blocks that a spare with that many slots needs.
wide blocks_needed(wide slots) {
    const wide tables = (slots + DMR_TABLE_ENTRIES - 1) / DMR_TABLE_ENTRIES;
    return fixed_blocks + 2 * tables + slots;
}

// Device size in sectors for exactly that many slots.
u64 sectors_for(wide slots) {
    return static_cast<u64>(blocks_needed(slots) * DMR_BLOCK_SECTORS);
}

void check_layout(u64 sectors) {
    SCOPED_TRACE("spare of " + std::to_string(sectors) + " sectors");
    dmr_geometry g{};
    const int rc = dmr_geometry_compute(sectors, &g);
    const wide blocks = sectors / DMR_BLOCK_SECTORS;

    if (blocks < blocks_needed(1)) {
        EXPECT_EQ(rc, -ENOSPC);
        return;
    }
    if (blocks >= blocks_needed(wide{DMR_MAX_SLOTS} + 1)) {
        EXPECT_EQ(rc, -EFBIG);
        return;
    }
    ASSERT_EQ(rc, 0);
    EXPECT_EQ(g.spare_sectors, sectors);

    // As many slots as fit, and not one more. One block can stay unused: a
    // last table block needs two for itself and one slot to be worth it.
    ASSERT_GE(g.nr_slots, 1u);
    EXPECT_LE(blocks_needed(g.nr_slots), blocks);
    EXPECT_GT(blocks_needed(wide{g.nr_slots} + 1), blocks);
    EXPECT_EQ(g.table_blocks, (g.nr_slots + DMR_TABLE_ENTRIES - 1) / DMR_TABLE_ENTRIES);

    // Superblock, table, slots, table, superblock: in this order, without
    // overlap, aligned, inside the device.
    const wide table = wide{g.table_blocks} * DMR_BLOCK_SECTORS;
    EXPECT_EQ(dmr_sb_sector(sectors, 0), 0u);
    EXPECT_GE(g.table_start[0], u64{DMR_BLOCK_SECTORS});
    EXPECT_GE(wide{g.data_start}, g.table_start[0] + table);
    EXPECT_GE(wide{g.table_start[1]}, g.data_start + wide{g.nr_slots} * DMR_BLOCK_SECTORS);
    const wide tail = dmr_sb_sector(sectors, 1);
    EXPECT_GE(tail, g.table_start[1] + table);
    EXPECT_LE(tail + DMR_BLOCK_SECTORS, wide{sectors});
    EXPECT_GT(tail + 2 * DMR_BLOCK_SECTORS, wide{sectors}) << "not the last whole block";
    for (const wide at : {wide{g.table_start[0]}, wide{g.data_start}, wide{g.table_start[1]}, tail})
        EXPECT_EQ(at % DMR_BLOCK_SECTORS, 0u);
}

TEST(Geometry, EverySmallSize) {
    for (u64 sectors = 0; sectors < sectors_for(3 * DMR_TABLE_ENTRIES); sectors++)
        check_layout(sectors);
}

TEST(Geometry, SmallestSpareHasOneSlot) {
    dmr_geometry g{};
    EXPECT_EQ(dmr_geometry_compute(sectors_for(1) - 1, &g), -ENOSPC);
    ASSERT_EQ(dmr_geometry_compute(sectors_for(1), &g), 0);
    EXPECT_EQ(g.nr_slots, 1u);
    EXPECT_EQ(g.table_blocks, 1u);
}

// Sizes around those where a table block fills up or one is added.
TEST(Geometry, TableBlockBoundaries) {
    for (const u64 tables :
         {1ull, 2ull, 255ull, 256ull, 257ull, 65536ull, 17043521ull, 1ull << 32}) {
        const u64 full = sectors_for(wide{tables} * DMR_TABLE_ENTRIES);
        for (u64 sectors = full - 40; sectors <= full + 40; sectors++)
            check_layout(sectors);
        EXPECT_EQ(sample::geometry(full).nr_slots, tables * DMR_TABLE_ENTRIES);
    }
}

TEST(Geometry, AroundTwoToThe32Slots) {
    for (const u64 slots : {(1ull << 32) - 1, 1ull << 32, (1ull << 32) + 1}) {
        const u64 sectors = sectors_for(slots);
        EXPECT_EQ(sample::geometry(sectors).nr_slots, slots);
        for (u64 d = 0; d < 20; d++) {
            check_layout(sectors + d);
            check_layout(sectors - d);
        }
    }
}

TEST(Geometry, LargestSpare) {
    const u64 most = sectors_for(DMR_MAX_SLOTS);
    EXPECT_EQ(sample::geometry(most).nr_slots, DMR_MAX_SLOTS);
    for (u64 d = 0; d < 40; d++) {
        check_layout(most + d);
        check_layout(most - d);
    }
    dmr_geometry g{};
    for (const u64 sectors :
         {sectors_for(wide{DMR_MAX_SLOTS} + 1), std::numeric_limits<u64>::max()})
        EXPECT_EQ(dmr_geometry_compute(sectors, &g), -EFBIG);
}

TEST(Geometry, PowersOfTwo) {
    for (unsigned bit = 3; bit < 64; bit++)
        for (const u64 d : {u64{0}, u64{1}, u64{7}, u64{8}, u64{9}}) {
            check_layout((u64{1} << bit) - d);
            check_layout((u64{1} << bit) + d);
        }
}

TEST(Geometry, RandomSizes) {
    std::mt19937_64 random(1);
    for (int i = 0; i < 20000; i++)
        check_layout(random() >> (random() % 64));
}

TEST(Geometry, OverheadIsUnderOnePercent) {
    const dmr_geometry g = sample::geometry(sample::gib);
    EXPECT_GE(g.nr_slots * DMR_BLOCK_SECTORS, sample::gib - sample::gib / 100);
}

TEST(Geometry, SlotAndTablePlacesPast32Bits) {
    const u64 slots = (1ull << 32) + 1000;
    const dmr_superblock sb = sample::superblock(sectors_for(slots), sample::tib);
    const dmr_geometry g = sample::geometry(sectors_for(slots));

    EXPECT_EQ(dmr_slot_sector(&sb, 0), g.data_start);
    EXPECT_EQ(dmr_slot_sector(&sb, slots - 1) + DMR_BLOCK_SECTORS, g.table_start[1]);
    EXPECT_EQ(dmr_slot_sector(&sb, 1ull << 32) - g.data_start, 1ull << 35);
    EXPECT_EQ(dmr_table_sector(&sb, g.table_blocks - 1, 0) + DMR_BLOCK_SECTORS, g.data_start);
    EXPECT_EQ(dmr_table_sector(&sb, g.table_blocks - 1, 1) + DMR_BLOCK_SECTORS,
              dmr_sb_sector(g.spare_sectors, 1));
}

TEST(Geometry, BlocksOfMain) {
    EXPECT_EQ(dmr_blocks(0), 0u);
    EXPECT_EQ(dmr_blocks(1), 1u);
    EXPECT_EQ(dmr_blocks(8), 1u);
    EXPECT_EQ(dmr_blocks(9), 2u);
    EXPECT_EQ(dmr_blocks(16 * sample::tib), 1ull << 32);
    EXPECT_EQ(dmr_blocks(16 * sample::tib + 1), (1ull << 32) + 1);
    EXPECT_EQ(dmr_blocks(std::numeric_limits<u64>::max()), 1ull << 61);
}

TEST(Geometry, SectorMask) {
    for (unsigned first = 0; first < DMR_BLOCK_SECTORS; first++)
        for (unsigned nr = 0; first + nr <= DMR_BLOCK_SECTORS; nr++) {
            unsigned expected = 0;
            for (unsigned i = first; i < first + nr; i++)
                expected |= 1u << i;
            EXPECT_EQ(dmr_sector_mask(first, nr), expected) << first << "+" << nr;
        }
}

} // namespace
