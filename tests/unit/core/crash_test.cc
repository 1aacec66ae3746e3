// SPDX-License-Identifier: GPL-2.0-only
// Power cuts, enumerated, not sampled: for each kind of operation every image
// that a crash can leave is assembled, and every sector of every block that the
// operation is about is read. It is the content that was acknowledged last or
// that of the operation under way, or lost if that was its state; anything else
// is wrong.
#include "crash_judge.h"

#include <gtest/gtest.h>

using namespace crash;

namespace {

constexpr u64 main_size = 16 * sample::gib;

// Slots [first, end) can't be used, so that what follows lies where it should:
// for a torn write to show, not in the sector with the header and its checksum.
void fill(Spare& spare, u64 first, u64 end) {
    for (u64 slot = first; slot < end; slot++) {
        dmr_mapping bad{};
        bad.state = DMR_E_BAD;
        spare.put(slot, bad);
    }
}

TEST(Crash, FirstRemap) {
    Spare spare(2 * DMR_TABLE_ENTRIES, main_size);
    fill(spare, 0, 100);
    Recording run(spare);
    run.step([](Driver& d) { EXPECT_EQ(d.map(5, 1), 0); });
    run.step([](Driver& d) { EXPECT_EQ(d.map(70000, 1, 0x3c), 0); });
    Judge judge(spare, "first remap, of a write and of a read");
    run.check(judge, {0});
    run.check_activations(judge, {0}, 1);
}

// A batch whose entries lie in several table blocks, in the first, a middle and
// the last sector of them.
TEST(Crash, Batch) {
    Spare spare(3 * DMR_TABLE_ENTRIES, main_size);
    fill(spare, 1, 100);
    fill(spare, 101, 250);
    fill(spare, 253, 503);
    Recording run(spare);
    const auto batch = [](u64 version) {
        return [version](Driver& d) {
            std::vector<Driver::Request> requests;
            for (u64 block = 0; block < 8; block++)
                requests.push_back(
                    {.block = block * 20000, .now = contents(block * 20000, version, 0x81)});
            EXPECT_EQ(d.write(requests), 0);
        };
    };
    run.step(batch(1));
    EXPECT_EQ(run.driver.slot_of(0), 0u);
    EXPECT_GE(run.driver.slot_of(140000), 2u * DMR_TABLE_ENTRIES);
    Judge judge(spare, "batch of 8 in three table blocks");
    run.check(judge, {0, 1, 2});
}

TEST(Crash, FullBatch) {
    Spare spare(2 * DMR_TABLE_ENTRIES, main_size);
    fill(spare, 0, 236);
    Recording run(spare);
    run.step([](Driver& d) {
        std::vector<Driver::Request> requests;
        for (u64 block = 0; block < 32; block++)
            requests.push_back({.block = block * 3, .now = contents(block * 3, 1)});
        EXPECT_EQ(d.write(requests), 0);
    });
    Judge judge(spare, "batch of 32 in two table blocks");
    judge.limits.every_tear = false;
    run.check(judge, {0, 1});
}

TEST(Crash, TableExtension) {
    Spare spare(4 * DMR_TABLE_ENTRIES, main_size, 1);
    fill(spare, 0, DMR_TABLE_ENTRIES - 1);
    Recording run(spare);
    for (u64 block = 5000; block < 5003; block++)
        run.step([block](Driver& d) { EXPECT_EQ(d.map(block, 1), 0); });
    EXPECT_EQ(le64_to_cpu(run.driver.meta()->sb->table_init), 4u);
    Judge judge(spare, "new table blocks");
    run.check(judge, {0, 1, 2, 3});
}

// One copy of a table block stops taking writes: what was to be written there
// goes to another slot, and later changes too.
TEST(Crash, Rehome) {
    for (const unsigned copy : {0u, 1u})
        for (const bool lands : {false, true}) {
            Spare spare(2 * DMR_TABLE_ENTRIES, main_size);
            fill(spare, 0, 99);
            fill(spare, 102, 250);
            Recording run(spare);
            run.step([](Driver& d) { EXPECT_EQ(d.map(5, 1), 0); });
            run.step([](Driver& d) { EXPECT_EQ(d.map(6, 1, 0x0f), 0); });
            const u64 unwritable = spare.table_block(0, copy);
            run.state.spare.failed_writes_land = lands;
            run.state.spare.fails = [=](SimDisk::Op op, u64 at) {
                return op == SimDisk::Op::write && at == unwritable;
            };
            run.step([](Driver& d) { EXPECT_EQ(d.map(7, 1), 0); });
            EXPECT_EQ(run.driver.slot_of(7) / DMR_TABLE_ENTRIES, 1u);
            EXPECT_EQ(run.driver.meta()->frozen, 1u);
            // Its entry is in the frozen block.
            run.step([](Driver& d) { EXPECT_EQ(d.rewrite(6, 0x03, 2), 0); });
            EXPECT_EQ(run.driver.slot_of(6) / DMR_TABLE_ENTRIES, 1u);
            run.step([](Driver& d) { EXPECT_EQ(d.unmap(7), -EBUSY); });
            Judge judge(spare, "re-homing, copy " + std::to_string(copy) +
                                   (lands ? " fails but lands" : " fails"));
            run.check(judge, {0, 1});
        }
}

TEST(Crash, RewriteLostSectors) {
    Spare spare(DMR_TABLE_ENTRIES, main_size);
    fill(spare, 0, 100);
    Recording run(spare);
    run.step([](Driver& d) { EXPECT_EQ(d.map(5, 1, 0xff), 0); });
    run.step([](Driver& d) { EXPECT_EQ(d.rewrite(5, 0x01, 2), 0); });
    run.step([](Driver& d) { EXPECT_EQ(d.rewrite(5, 0xf0, 3), 0); });
    run.step([](Driver& d) { EXPECT_EQ(d.rewrite(5, 0x0e, 4), 0); });
    Judge judge(spare, "writes to lost sectors");
    run.check(judge, {0});
    run.check_activations(judge, {0}, 1);
}

// The slot that an un-map freed serves another block at once; and the block
// comes back, to yet another slot.
TEST(Crash, UnmapAndReuse) {
    Spare spare(2 * DMR_TABLE_ENTRIES, main_size);
    fill(spare, 0, 100);
    Recording run(spare);
    run.step([](Driver& d) { EXPECT_EQ(d.map(5, 1), 0); });
    const u64 slot = run.driver.slot_of(5);
    run.step([](Driver& d) { EXPECT_EQ(d.unmap(5), 0); });
    run.step([](Driver& d) { d.write_main(5, contents(5, 2)); });
    run.step([](Driver& d) { EXPECT_EQ(d.map(900, 1, 0x80), 0); });
    EXPECT_EQ(run.driver.slot_of(900), slot);
    run.step([](Driver& d) { EXPECT_EQ(d.map(5, 3), 0); });
    run.step([](Driver& d) { EXPECT_EQ(d.rewrite(900, 0x80, 2), 0); });
    Judge judge(spare, "un-map, its slot used again");
    run.check(judge, {0});
    run.check_activations(judge, {0}, 1);
}

// Two entries for one block, after a crash between the new one and the end of
// the old one: activation frees the loser, and crashes in the middle of that.
TEST(Crash, MoveAndActivateAgain) {
    Spare spare(2 * DMR_TABLE_ENTRIES, main_size);
    fill(spare, 0, 100);
    fill(spare, 102, 251); // the new entries are in another table block than the old
    Recording run(spare);
    run.step([](Driver& d) { EXPECT_EQ(d.map(5, 1, 0x01), 0); });
    run.step([](Driver& d) { EXPECT_EQ(d.map(6, 1), 0); });
    run.step([](Driver& d) { EXPECT_EQ(d.move(5), 0); });
    run.step([](Driver& d) { EXPECT_EQ(d.move(6), 0); });
    run.step([](Driver& d) { EXPECT_EQ(d.rewrite(5, 0x01, 2), 0); });
    Judge judge(spare, "duplicates, activation cut again and again");
    run.check(judge, {0, 1});
    run.check_activations(judge, {0, 1}, 2);
}

// The new entry was on its way, seen after the crash, and was in the disk's
// cache only.
TEST(Crash, DuplicateSeenInTheCache) {
    Spare spare(2 * DMR_TABLE_ENTRIES, main_size);
    fill(spare, 1, 252);
    Recording run(spare);
    run.step([](Driver& d) { EXPECT_EQ(d.map(5, 1), 0); });
    run.step([](Driver& d) { EXPECT_EQ(d.move(5), 0); });
    Judge judge(spare, "duplicate whose winner is in the cache");
    run.check_activations(judge, {0, 1}, 2);
}

// A flush fails: what it was to make durable may be gone for good.
TEST(Crash, FailedFlush) {
    Spare spare(2 * DMR_TABLE_ENTRIES, main_size);
    fill(spare, 0, 100);
    Recording run(spare);
    run.step([](Driver& d) { EXPECT_EQ(d.map(5, 1, 0x0f), 0); });
    unsigned failures = 0;
    run.state.spare.fails = [&](SimDisk::Op op, u64) {
        return op == SimDisk::Op::flush && failures && failures--;
    };
    failures = 1;
    run.step([](Driver& d) { EXPECT_EQ(d.map(6, 1), 0); });
    failures = 1;
    run.step([](Driver& d) { EXPECT_EQ(d.rewrite(5, 0x03, 2), 0); });
    Judge judge(spare, "a flush that fails");
    run.check(judge, {0});
}

TEST(Crash, Grow) {
    Spare spare(DMR_TABLE_ENTRIES, main_size);
    Recording run(spare);
    run.step([](Driver& d) { EXPECT_EQ(d.map(5, 1), 0); });
    run.step([](Driver& d) { EXPECT_EQ(d.grow(2 * main_size), 0); });
    run.step([](Driver& d) { EXPECT_EQ(d.map(dmr_blocks(main_size) + 9, 1), 0); });
    Judge judge(spare, "main grows");
    run.check(judge, {0});
}

TEST(Crash, CopyComesBack) {
    Spare spare(2 * DMR_TABLE_ENTRIES, main_size);
    fill(spare, 0, 100);
    Recording run(spare);
    run.step([](Driver& d) { EXPECT_EQ(d.map(5, 1, 0x0f), 0); });
    run.step([](Driver& d) { EXPECT_EQ(d.map(6, 1), 0); });
    run.step([](Driver& d) { EXPECT_EQ(d.rewrite(5, 0x03, 2), 0); });
    run.step([](Driver& d) { EXPECT_EQ(d.unmap(6), 0); });
    run.step([](Driver& d) { EXPECT_EQ(d.grow(2 * main_size), 0); });
    Judge judge(spare, "a copy that was away for one activation");
    for (const unsigned copy : {0u, 1u})
        for (const Tables& tables : {Tables{0, 1}, Tables{}})
            run.check_return(judge, tables, copy);
    // The table grew behind the back of a superblock.
    Spare small(4 * DMR_TABLE_ENTRIES, main_size, 1);
    fill(small, 0, DMR_TABLE_ENTRIES - 1);
    Recording extend(small);
    for (const u64 block : {5u, 6u})
        extend.step([block](Driver& d) { EXPECT_EQ(d.map(block, 1), 0); });
    Judge again(small, "a superblock that was away, new table blocks");
    for (const unsigned copy : {0u, 1u})
        extend.check_return(again, {}, copy);
}

// A table block is lost and repaired at activation.
TEST(Crash, RepairIsCut) {
    for (const unsigned copy : {0u, 1u}) {
        Spare spare(2 * DMR_TABLE_ENTRIES, main_size);
        fill(spare, 0, 100);
        Recording run(spare);
        run.step([](Driver& d) { EXPECT_EQ(d.map(5, 1), 0); });
        run.step([](Driver& d) { EXPECT_EQ(d.map(6, 1, 0x10), 0); });
        Judge judge(spare, "repair of copy " + std::to_string(copy) + " is cut");
        run.check_repairs(judge, {0, 1}, copy);
    }
}

class Total : public testing::Environment {
    void TearDown() override {
        const Score& score = Score::all();
        score.print();
        const auto* all = testing::UnitTest::GetInstance();
        if (all->test_to_run_count() < all->total_test_count())
            return;
        EXPECT_GE(score.distinct.size(), 10000u);
        testing::Test::RecordProperty("distinct_states", std::to_string(score.distinct.size()));
    }
};

const auto* const total = testing::AddGlobalTestEnvironment(new Total);

} // namespace
