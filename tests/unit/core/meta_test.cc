// SPDX-License-Identifier: GPL-2.0-only
// Slots, commits, activation and repair of a live set.
#include "live.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace {

constexpr u64 slots = 3 * DMR_TABLE_ENTRIES - 40;

// Both copies of a table block are valid and equal but for their place.
void expect_copies_equal(const Spare& spare, u64 index) {
    const auto a = spare.disk.load<dmr_table_block>(spare.table_sector(index, 0));
    const auto b = spare.disk.load<dmr_table_block>(spare.table_sector(index, 1));
    const u32 seed = dmr_table_seed(&spare.sb);
    EXPECT_EQ(dmr_table_check(&a, seed, index, 0), nullptr);
    EXPECT_EQ(dmr_table_check(&b, seed, index, 1), nullptr);
    EXPECT_EQ(le64_to_cpu(a.seq), le64_to_cpu(b.seq));
    EXPECT_EQ(std::memcmp(a.entry, b.entry, sizeof(a.entry)), 0);
}

auto fail_writes_to(u64 block) {
    return [block](SimDisk::Op op, u64 at) { return op == SimDisk::Op::write && at == block; };
}

TEST(Activate, CounterGoesUpInBothCopies) {
    Spare spare(slots);
    Live live(spare);
    EXPECT_EQ(live.set.meta.activation, 4u);
    for (const unsigned copy : {0u, 1u}) {
        const auto sb = spare.disk.load<dmr_superblock>(spare.sb_sector(copy));
        EXPECT_EQ(dmr_sb_check(&sb, spare.sb_sector(copy), spare.disk.sectors, copy), nullptr);
        EXPECT_EQ(le64_to_cpu(sb.activation), 4u);
        EXPECT_EQ(le64_to_cpu(sb.updated), 1700000000u);
    }
    EXPECT_EQ(dmr_meta_revalidate(&live.set.meta), 0);
}

TEST(Activate, OneSuperblockIsEnough) {
    for (const unsigned copy : {0u, 1u}) {
        Spare spare(slots);
        Set set(spare.disk);
        spare.disk.fails = fail_writes_to(SimDisk::block_of(spare.sb_sector(copy)));
        EXPECT_EQ(dmr_meta_activate(&set.meta, 0), 0);
        EXPECT_EQ(set.meta.sb_bad, 1u << copy);
        EXPECT_EQ(dmr_meta_revalidate(&set.meta), 0);
        EXPECT_EQ(set.meta.sb_bad, 1u << copy) << "still old on disk";
        const Set again(spare.disk);
        EXPECT_EQ(again.error, 0);
        EXPECT_EQ(again.meta.activation, 4u);
    }
}

TEST(Activate, NoSuperblockIsAFailure) {
    Spare spare(slots);
    Set set(spare.disk);
    spare.disk.fails = [](SimDisk::Op op, u64) { return op == SimDisk::Op::write; };
    EXPECT_EQ(dmr_meta_activate(&set.meta, 0), -EIO);
    EXPECT_NE(set.problem(), "");
    spare.disk.fails = nullptr;
    EXPECT_EQ(dmr_meta_activate(&set.meta, 0), 0) << "it can be tried again";
}

TEST(Activate, RepairsStaleCopies) {
    for (const unsigned bad : {0u, 1u}) {
        Spare spare(slots);
        spare.put(300, mapped(7, 1));
        spare.disk.image.erase(spare.table_block(1, bad));
        Live live(spare);
        EXPECT_EQ(live.set.meta.frozen, 0u);
        EXPECT_EQ(live.set.meta.free_slots, slots - 1);
        expect_copies_equal(spare, 1);
    }
}

TEST(Activate, UnrepairableBlocksStayFrozen) {
    Spare spare(slots);
    spare.put(300, mapped(7, 1));
    const u64 bad = spare.table_block(1, 1);
    spare.disk.fails = [bad](SimDisk::Op, u64 at) { return at == bad; };
    Live live(spare);
    EXPECT_EQ(live.set.meta.frozen, 1u);
    EXPECT_TRUE(dmr_meta_frozen(&live.set.meta, 300));
    EXPECT_FALSE(dmr_meta_frozen(&live.set.meta, 5));
    // No slot of a frozen block is handed out, its entries can still be read.
    for (u64 slot = 0; dmr_meta_alloc(&live.set.meta, &slot) == 0;)
        EXPECT_NE(slot / DMR_TABLE_ENTRIES, 1u);
    dmr_mapping m{};
    EXPECT_EQ(dmr_meta_entry(&live.set.meta, 300, &m), 0);
    EXPECT_EQ(m.block, 7u);
}

// A copy that is away for an activation may hold what a crash cut, and come
// back: by then the other one is newer. One that could be read is known to be
// older, and the last good copy is not touched.
TEST(Activate, AnAbsentCopyDoesNotCountWhenItIsBack) {
    for (const unsigned away : {0u, 1u})
        for (const bool readable : {false, true}) {
            Spare spare(slots);
            spare.put(300, mapped(7, 1));
            auto cut = spare.table(1);
            cut.entry[100] = sample::entry(mapped(8, 2));
            spare.write_table(1, away, cut, readable ? spare.seq - 1 : spare.seq + 1);
            const u64 bad = spare.table_block(1, away);
            spare.disk.fails = [=](SimDisk::Op op, u64 at) {
                return at == bad && (op == SimDisk::Op::write || !readable);
            };
            spare.disk.logging = true;
            const Live live(spare);
            ASSERT_EQ(live.acked.size(), 1u);
            for (const auto& w : spare.disk.log)
                EXPECT_NE(w.block, spare.table_block(1, !away)) << "the last good copy";
            spare.disk.fails = nullptr;
            EXPECT_EQ(Set(spare.disk).view(), live.acked);
        }
}

// Hibernation, another host: the set on disk is no longer the one in memory.
TEST(Activate, RevalidateNoticesAnotherUser) {
    Spare spare(slots);
    Set first(spare.disk);
    EXPECT_EQ(dmr_meta_revalidate(&first.meta), 0);
    { const Live second(spare); }
    EXPECT_EQ(dmr_meta_revalidate(&first.meta), -ESTALE);

    Spare reformatted(slots);
    Set third(reformatted.disk);
    reformatted.sb.spare_uuid[3] ^= 1;
    reformatted.write_superblocks();
    EXPECT_EQ(dmr_meta_revalidate(&third.meta), -ESTALE);
}

// A tool that changed the superblock under a loaded set: writing the one in
// memory would undo it.
TEST(Activate, RevalidateNoticesANewerSuperblock) {
    Spare spare(slots);
    Set set(spare.disk);
    spare.sb.label[0] = 'x';
    spare.sb.seq = cpu_to_le64(le64_to_cpu(spare.sb.seq) + 1);
    spare.write_superblocks();
    EXPECT_EQ(dmr_meta_revalidate(&set.meta), -ESTALE);
}

// The newest superblock, the only one that said activation 5, is gone. The
// table must not see sequence numbers twice: an unfinished commit would then
// meet an old block with the same number and other content.
TEST(Activate, SequenceNumbersNeverRepeat) {
    Spare spare(slots);
    {
        Set set(spare.disk);
        spare.disk.fails = fail_writes_to(SimDisk::block_of(spare.sb_sector(1)));
        ASSERT_EQ(dmr_meta_activate(&set.meta, 0), 0);
        u64 slot = 0;
        ASSERT_EQ(dmr_meta_alloc(&set.meta, &slot), 0);
        dmr_change change{slot, mapped(1000, dmr_meta_next_gen(&set.meta)), 0};
        ASSERT_EQ(dmr_meta_commit(&set.meta, &change, 1), 1u);
        ASSERT_EQ(change.error, 0);
    }
    spare.disk.fails = nullptr;
    spare.disk.image.erase(SimDisk::block_of(spare.sb_sector(0)));
    const auto before = spare.disk.load<dmr_table_block>(spare.table_sector(0, 0));
    Live live(spare);
    ASSERT_EQ(live.acked.size(), 1u);
    ASSERT_EQ(live.add(2000), 0);
    const auto after = spare.disk.load<dmr_table_block>(spare.table_sector(0, 0));
    EXPECT_GT(le64_to_cpu(after.seq), le64_to_cpu(before.seq));
}

TEST(Alloc, EverySlotOnce) {
    Spare spare(slots);
    Live live(spare);
    std::set<u64> seen;
    u64 slot = 0;
    while (dmr_meta_alloc(&live.set.meta, &slot) == 0) {
        EXPECT_LT(slot, slots);
        EXPECT_TRUE(seen.insert(slot).second) << slot;
        ASSERT_LE(seen.size(), slots);
    }
    EXPECT_EQ(seen.size(), slots);
    EXPECT_EQ(live.set.meta.free_slots, 0u);
    EXPECT_EQ(dmr_meta_alloc(&live.set.meta, &slot), -ENOSPC);
}

TEST(Alloc, ConsecutiveSlotsComeInRuns) {
    Spare spare(slots);
    Live live(spare);
    for (u64 expected = 0; expected < 20; expected++) {
        u64 slot = 0;
        ASSERT_EQ(dmr_meta_alloc(&live.set.meta, &slot), 0);
        EXPECT_EQ(slot, expected);
    }
}

TEST(Alloc, SkipsUsedAndBadSlots) {
    Spare spare(slots);
    std::set<u64> used;
    for (u64 slot = 0; slot < slots; slot += 3) {
        dmr_mapping m = mapped(slot, 1);
        if (slot % 2)
            m = {.block = 0,
                 .gen = 0,
                 .hours = 0,
                 .lost = 0,
                 .state = DMR_E_BAD,
                 .reason = 0,
                 .flags = 0};
        spare.put(slot, m);
        used.insert(slot);
    }
    Live live(spare);
    u64 slot = 0, n = 0;
    for (; dmr_meta_alloc(&live.set.meta, &slot) == 0; n++)
        EXPECT_FALSE(used.contains(slot)) << slot;
    EXPECT_EQ(n, slots - used.size());
}

TEST(Alloc, GivenBackSlotIsUsedAgain) {
    Spare spare(slots);
    Live live(spare);
    u64 first = 0, second = 0;
    ASSERT_EQ(dmr_meta_alloc(&live.set.meta, &first), 0);
    dmr_meta_unalloc(&live.set.meta, first);
    EXPECT_EQ(live.set.meta.free_slots, slots);
    ASSERT_EQ(dmr_meta_alloc(&live.set.meta, &second), 0);
    EXPECT_EQ(first, second);
}

TEST(Alloc, ExtendsTheTable) {
    const u64 tables = DMR_TABLE_EXTENT + 20;
    Spare spare(tables * DMR_TABLE_ENTRIES, 2 * sample::tib, 2);
    Live live(spare);
    std::set<u64> seen;
    u64 slot = 0;
    while (dmr_meta_alloc(&live.set.meta, &slot) == 0)
        ASSERT_TRUE(seen.insert(slot).second);
    EXPECT_EQ(seen.size(), tables * DMR_TABLE_ENTRIES);
    const Set again(spare.disk);
    ASSERT_EQ(again.error, 0);
    EXPECT_EQ(le64_to_cpu(again.meta.sb->table_init), tables);
    EXPECT_EQ(again.meta.free_slots, tables * DMR_TABLE_ENTRIES);
    for (u64 index = 0; index < tables; index++)
        expect_copies_equal(spare, index);
    EXPECT_EQ(spare.disk.outside, 0u);
}

// New table blocks may be used only if both superblocks say that they exist.
TEST(Alloc, NoExtensionOnHalfASuperblock) {
    for (const unsigned copy : {0u, 1u}) {
        Spare spare(300 * DMR_TABLE_ENTRIES, 2 * sample::tib, 1);
        Live live(spare);
        spare.disk.fails = fail_writes_to(SimDisk::block_of(spare.sb_sector(copy)));
        u64 slot = 0, n = 0;
        while (dmr_meta_alloc(&live.set.meta, &slot) == 0)
            n++;
        EXPECT_EQ(n, u64{DMR_TABLE_ENTRIES});
        spare.disk.fails = nullptr;
        for (const unsigned lost : {0u, 1u}) {
            SimDisk disk = spare.disk;
            disk.image.erase(SimDisk::block_of(spare.sb_sector(lost)));
            EXPECT_EQ(Set(disk).error, 0);
        }
    }
}

// A slot that was handed out and not committed yet is nobody else's, whatever
// happens in between.
TEST(Alloc, OutstandingSlotIsNotHandedOutTwice) {
    Spare spare(2 * DMR_TABLE_ENTRIES);
    Live live(spare);
    std::vector<u64> out(DMR_TABLE_ENTRIES);
    for (u64& slot : out)
        ASSERT_EQ(dmr_meta_alloc(&live.set.meta, &slot), 0);
    // All but the slot in position 2 are committed; allocation moves on.
    const u64 held = out[2];
    for (const u64 slot : out) {
        if (slot == held)
            continue;
        ASSERT_EQ(live.commit_in(slot, 1000 + slot), 0);
    }
    u64 slot = 0;
    ASSERT_EQ(dmr_meta_alloc(&live.set.meta, &slot), 0);
    EXPECT_EQ(slot / DMR_TABLE_ENTRIES, 1u);
    // A later slot of the first block is freed: the block has room again.
    ASSERT_EQ(live.free(1000 + out[100]), 0);
    while (dmr_meta_alloc(&live.set.meta, &slot) == 0)
        EXPECT_NE(slot, held);
}

TEST(Commit, BothCopiesInOrder) {
    Spare spare(slots);
    Live live(spare);
    spare.disk.logging = true;
    ASSERT_EQ(live.add(5), 0);
    ASSERT_EQ(spare.disk.log.size(), 3u) << "a flush and two writes, no more";
    EXPECT_EQ(spare.disk.log[0].flags, SimDisk::flush_only);
    for (const unsigned copy : {0u, 1u}) {
        EXPECT_EQ(spare.disk.log[1 + copy].block, spare.table_block(0, copy));
        EXPECT_EQ(spare.disk.log[1 + copy].flags, DMR_IO_FUA);
    }
    expect_copies_equal(spare, 0);
    EXPECT_EQ(Set(spare.disk).view(), live.acked);
}

TEST(Commit, BatchOverSeveralBlocks) {
    Spare spare(slots);
    Live live(spare);
    std::vector<dmr_change> changes;
    for (const u64 slot : {0ull, 1ull, 251ull, 252ull, 600ull, 601ull}) {
        changes.push_back({slot, mapped(slot * 3, dmr_meta_next_gen(&live.set.meta)), -1});
        live.acked[slot * 3] = {slot, 0, DMR_R_WRITE, 0};
    }
    spare.disk.logging = true;
    EXPECT_EQ(dmr_meta_commit(&live.set.meta, changes.data(), 6), 6u);
    for (const dmr_change& c : changes)
        EXPECT_EQ(c.error, 0);
    ASSERT_EQ(spare.disk.log.size(), 7u);
    EXPECT_EQ(spare.disk.log[0].flags, SimDisk::flush_only);
    for (size_t i = 0; i < 6; i++) {
        EXPECT_EQ(spare.disk.log[1 + i].block, spare.table_block(i % 3, i < 3 ? 0 : 1));
        EXPECT_EQ(spare.disk.log[1 + i].flags, DMR_IO_FUA);
    }
    EXPECT_EQ(Set(spare.disk).view(), live.acked);
}

TEST(Commit, NoMoreBlocksThanFit) {
    const u64 tables = DMR_IMAGES + 3;
    Spare spare(tables * DMR_TABLE_ENTRIES);
    Live live(spare);
    std::vector<dmr_change> changes;
    for (u64 index = 0; index < tables; index++)
        for (const u64 e : {3ull, 4ull})
            changes.push_back({index * DMR_TABLE_ENTRIES + e,
                               mapped(index * 1000 + e, dmr_meta_next_gen(&live.set.meta)), -1});
    const u32 n = static_cast<u32>(changes.size());
    EXPECT_EQ(dmr_meta_commit(&live.set.meta, changes.data(), n), 2u * DMR_IMAGES);
    EXPECT_EQ(dmr_meta_commit(&live.set.meta, changes.data() + 2 * DMR_IMAGES, n - 2 * DMR_IMAGES),
              n - 2 * DMR_IMAGES);
    for (const dmr_change& c : changes)
        EXPECT_EQ(c.error, 0);
    EXPECT_EQ(Set(spare.disk).view().size(), changes.size());
}

TEST(Commit, SequenceNumbersGrow) {
    Spare spare(slots);
    Live live(spare);
    u64 last = spare.seq;
    for (u64 block = 0; block < 5; block++) {
        ASSERT_EQ(live.add(block), 0);
        const auto tb = spare.disk.load<dmr_table_block>(spare.table_sector(0, 1));
        EXPECT_GT(le64_to_cpu(tb.seq), last);
        last = le64_to_cpu(tb.seq);
        EXPECT_EQ(last >> 32, live.set.meta.activation);
    }
}

TEST(Commit, ChangeAndFree) {
    Spare spare(slots);
    Live live(spare);
    ASSERT_EQ(live.add(5, 0xff), 0);
    const u64 slot = live.acked.at(5).slot;
    ASSERT_EQ(live.commit_in(slot, 5, 0x0f), 0);
    EXPECT_EQ(Set(spare.disk).view(), live.acked);
    EXPECT_EQ(live.set.meta.free_slots, slots - 1);
    ASSERT_EQ(live.free(5), 0);
    EXPECT_EQ(live.set.meta.free_slots, slots);
    EXPECT_EQ(Set(spare.disk).view(), View{});
    ASSERT_EQ(live.add(6), 0);
    EXPECT_EQ(live.acked.at(6).slot, slot);
}

TEST(Commit, TransientErrorIsRetried) {
    for (const unsigned copy : {0u, 1u}) {
        Spare spare(slots);
        Live live(spare);
        unsigned failures = 1;
        spare.disk.fails = [&, bad = spare.table_block(0, copy)](SimDisk::Op op, u64 at) {
            return op == SimDisk::Op::write && at == bad && failures && failures--;
        };
        EXPECT_EQ(live.add(5), 0);
        EXPECT_EQ(live.set.meta.commit_errors, 1u);
        EXPECT_EQ(live.set.meta.frozen, 0u);
        expect_copies_equal(spare, 0);
    }
}

// A copy that can't be written freezes its table block; the caller moves the
// entry elsewhere, and both the old and the new state of the disk load right.
TEST(Commit, FailedCopyFreezesAndEntryMovesOn) {
    for (const unsigned copy : {0u, 1u})
        for (const bool lands : {false, true}) {
            SCOPED_TRACE("copy " + std::to_string(copy) + (lands ? ", lands" : ", does not land"));
            Spare spare(slots);
            Live live(spare);
            ASSERT_EQ(live.add(5, 0x01), 0);
            spare.disk.failed_writes_land = lands;
            spare.disk.fails = fail_writes_to(spare.table_block(0, copy));

            const u64 slot = live.acked.at(5).slot;
            EXPECT_EQ(live.commit_in(slot, 5, 0), -EIO);
            EXPECT_TRUE(dmr_meta_frozen(&live.set.meta, slot));
            ASSERT_EQ(live.add(5, 0), 0) << "in a healthy block, with a higher generation";
            EXPECT_FALSE(dmr_meta_frozen(&live.set.meta, live.acked.at(5).slot));

            spare.disk.fails = nullptr;
            for (const unsigned lost : {0u, 1u, 2u}) {
                SimDisk disk = spare.disk;
                for (u64 index = 0; lost < 2 && index < 3; index++)
                    disk.image.erase(spare.table_block(index, lost));
                EXPECT_EQ(Set(disk).view(), live.acked) << "without copy " << lost;
            }
        }
}

TEST(Commit, OneGroupFailsTheOthersHold) {
    Spare spare(slots);
    Live live(spare);
    std::vector<dmr_change> changes;
    for (const u64 slot : {5ull, 300ull, 600ull})
        changes.push_back({slot, mapped(slot, dmr_meta_next_gen(&live.set.meta)), -1});
    spare.disk.fails = fail_writes_to(spare.table_block(0, 0));
    spare.disk.logging = true;
    EXPECT_EQ(dmr_meta_commit(&live.set.meta, changes.data(), 3), 3u);
    EXPECT_EQ(changes[0].error, -EIO);
    EXPECT_EQ(changes[1].error, 0);
    EXPECT_EQ(changes[2].error, 0);
    EXPECT_EQ(spare.disk.log[0].flags, SimDisk::flush_only);
    EXPECT_EQ(std::count_if(spare.disk.log.begin(), spare.disk.log.end(),
                            [](const auto& w) { return w.flags == SimDisk::flush_only; }),
              1);
    for (const auto& w : spare.disk.log)
        EXPECT_NE(w.block, spare.table_block(0, 1)) << "the good copy of a failed block is kept";
}

TEST(Commit, EverythingFailsNothingIsAcknowledged) {
    Spare spare(slots);
    Live live(spare);
    ASSERT_EQ(live.add(5), 0);
    spare.disk.fails = [](SimDisk::Op op, u64) { return op == SimDisk::Op::write; };
    for (int i = 0; i < 5; i++)
        EXPECT_NE(live.add(6), 0);
    spare.disk.fails = nullptr;
    EXPECT_EQ(Set(spare.disk).view(), live.acked);
}

// After a failed flush nobody knows whether the slots hold their contents: no
// entry may name one. The next commit, with the contents written again, works.
TEST(Commit, FailedFlushWritesNothing) {
    Spare spare(slots);
    Live live(spare);
    ASSERT_EQ(live.add(5, 0x01), 0);
    u64 slot = 0;
    ASSERT_EQ(dmr_meta_alloc(&live.set.meta, &slot), 0);
    const u64 free_before = live.set.meta.free_slots;
    std::vector<dmr_change> changes = {
        {live.acked.at(5).slot, mapped(5, dmr_meta_next_gen(&live.set.meta)), 0},
        {slot, mapped(6, dmr_meta_next_gen(&live.set.meta)), 0}};
    spare.disk.fails = [](SimDisk::Op op, u64) { return op == SimDisk::Op::flush; };
    spare.disk.logging = true;
    EXPECT_EQ(dmr_meta_commit(&live.set.meta, changes.data(), 2), 2u);
    for (const dmr_change& c : changes)
        EXPECT_EQ(c.error, -EAGAIN);
    ASSERT_EQ(spare.disk.log.size(), 1u) << "one flush, not repeated, and no write";
    EXPECT_EQ(spare.disk.log[0].flags, SimDisk::flush_only);
    EXPECT_EQ(Set(spare.disk).view(), live.acked);
    EXPECT_EQ(live.set.meta.frozen, 0u);
    EXPECT_EQ(live.set.meta.commit_errors, 1u);
    EXPECT_EQ(live.set.meta.free_slots, free_before);

    spare.disk.fails = nullptr;
    EXPECT_EQ(dmr_meta_commit(&live.set.meta, changes.data(), 2), 2u);
    EXPECT_EQ(changes[0].error, 0);
    EXPECT_EQ(changes[1].error, 0);
    EXPECT_EQ(Set(spare.disk).view(),
              (View{{5, {changes[0].slot, 0, DMR_R_WRITE, 0}}, {6, {slot, 0, DMR_R_WRITE, 0}}}));
    for (u64 other = 0; dmr_meta_alloc(&live.set.meta, &other) == 0;)
        EXPECT_NE(other, slot);
}

// A slot whose commit never came about can be given back.
TEST(Commit, SlotOfAFailedFlushCanBeGivenBack) {
    Spare spare(slots);
    Live live(spare);
    u64 slot = 0, again = 0;
    ASSERT_EQ(dmr_meta_alloc(&live.set.meta, &slot), 0);
    spare.disk.fails = [](SimDisk::Op op, u64) { return op == SimDisk::Op::flush; };
    EXPECT_EQ(live.commit_in(slot, 5), -EAGAIN);
    spare.disk.fails = nullptr;
    dmr_meta_unalloc(&live.set.meta, slot);
    EXPECT_EQ(live.set.meta.free_slots, slots);
    ASSERT_EQ(dmr_meta_alloc(&live.set.meta, &again), 0);
    EXPECT_EQ(again, slot);
}

u64 recorded_main(const Spare& spare, unsigned copy) {
    const auto sb = spare.disk.load<dmr_superblock>(spare.sb_sector(copy));
    EXPECT_EQ(dmr_sb_check(&sb, spare.sb_sector(copy), spare.disk.sectors, copy), nullptr);
    return le64_to_cpu(sb.main_sectors);
}

TEST(Grow, RecordedInBothSuperblocks) {
    Spare spare(slots, sample::tib);
    Live live(spare);
    ASSERT_EQ(live.add(5), 0);
    EXPECT_EQ(dmr_meta_grow(&live.set.meta, 2 * sample::tib), 0);
    for (const unsigned copy : {0u, 1u})
        EXPECT_EQ(recorded_main(spare, copy), 2 * sample::tib);
    EXPECT_EQ(live.set.meta.sb_bad, 0);
    EXPECT_EQ(dmr_meta_revalidate(&live.set.meta), 0);
    // Blocks behind the old end can be mapped now.
    const u64 far = dmr_blocks(sample::tib) + 77;
    ASSERT_EQ(live.add(far), 0);
    const Set again(spare.disk);
    ASSERT_EQ(again.error, 0) << again.problem();
    EXPECT_EQ(again.view(), live.acked);
}

TEST(Grow, AFailingSuperblockTakesItBack) {
    for (const unsigned copy : {0u, 1u})
        for (const bool lands : {false, true}) {
            SCOPED_TRACE("copy " + std::to_string(copy) + (lands ? ", lands" : ", does not land"));
            Spare spare(slots, sample::tib);
            Live live(spare);
            spare.disk.failed_writes_land = lands;
            spare.disk.fails = fail_writes_to(SimDisk::block_of(spare.sb_sector(copy)));
            EXPECT_EQ(dmr_meta_grow(&live.set.meta, 2 * sample::tib), -EIO);
            EXPECT_NE(live.set.problem(), "");
            EXPECT_EQ(le64_to_cpu(live.set.meta.sb->main_sectors), sample::tib);
            EXPECT_EQ(recorded_main(spare, !copy), sample::tib);
            EXPECT_EQ(live.set.meta.sb_bad, 1u << copy);
            EXPECT_EQ(Set(spare.disk, sample::tib).error, 0);

            spare.disk.fails = nullptr;
            EXPECT_EQ(dmr_meta_grow(&live.set.meta, 2 * sample::tib), 0);
            EXPECT_EQ(Set(spare.disk, 2 * sample::tib).error, 0);
            EXPECT_EQ(live.set.meta.sb_bad, 0);
        }
}

// Duplicates: block i in slot i with generation 1, and in a later slot with 2.
void put_duplicates(Spare& spare, u64 n, u64 tables) {
    for (u64 index = 0; index < tables; index++) {
        dmr_table_block tb;
        dmr_table_init(&tb, index);
        for (u64 e = 0; e < DMR_TABLE_ENTRIES; e++) {
            const u64 slot = index * DMR_TABLE_ENTRIES + e;
            if (slot < 2 * n)
                tb.entry[e] = sample::entry(mapped(slot % n, slot < n ? 1 : 2));
        }
        for (const unsigned copy : {0u, 1u})
            spare.write_table(index, copy, tb, spare.seq);
    }
}

TEST(Losers, FreedInBatchesOverManyTableBlocks) {
    const u64 tables = 6 * DMR_IMAGES, n = tables * DMR_TABLE_ENTRIES / 2;
    Spare spare(tables * DMR_TABLE_ENTRIES);
    put_duplicates(spare, n, tables);
    spare.disk.logging = true;
    Live live(spare);
    ASSERT_EQ(live.acked.size(), n);
    for (u64 block = 0; block < n; block++)
        ASSERT_EQ(live.acked.at(block).slot, n + block);
    EXPECT_EQ(live.set.meta.free_slots, n);
    EXPECT_EQ(live.set.meta.nr_losers, 0u);
    // Each table block with losers is written at most twice per copy: once for
    // the end of one batch, once for the start of the next.
    const auto writes = std::count_if(spare.disk.log.begin(), spare.disk.log.end(),
                                      [](const auto& w) { return w.flags == DMR_IO_FUA; });
    EXPECT_LE(writes, static_cast<long>(2 * tables));
    const Set again(spare.disk);
    EXPECT_EQ(again.error, 0);
    EXPECT_EQ(again.view(), live.acked);
    EXPECT_EQ(again.meta.nr_losers, 0u);
    // Freed for good: without the newer entry the old one does not come back.
    ASSERT_EQ(live.free(7), 0);
    EXPECT_EQ(Set(spare.disk).view(), live.acked);
}

TEST(Losers, MoreThanCrashesLeaveAreRefused) {
    for (const u64 n : {65536u, 65537u}) {
        const u64 tables = (2 * n + DMR_TABLE_ENTRIES - 1) / DMR_TABLE_ENTRIES;
        Spare spare(tables * DMR_TABLE_ENTRIES, 2 * sample::tib, tables);
        put_duplicates(spare, n, tables);
        const Set set(spare.disk);
        EXPECT_EQ(set.error, n > 65536 ? -EUCLEAN : 0) << set.problem();
    }
}

// The flush before the losers are freed fails: they stay in the table, so
// their blocks must not lose the newer entries.
TEST(Losers, FailedFlushDoesNotBringThemBack) {
    Spare spare(slots);
    spare.put(0, mapped(5, 1, 0x01));
    spare.put(1, mapped(5, 2));
    Set set(spare.disk);
    // The flush before the superblocks works, the one before the losers are freed does not.
    int flushes = 0;
    spare.disk.fails = [&](SimDisk::Op op, u64) { return op == SimDisk::Op::flush && flushes++; };
    ASSERT_EQ(dmr_meta_activate(&set.meta, 1700000000), 0);
    spare.disk.fails = nullptr;
    dmr_change un_map{1, {}, 0};
    EXPECT_EQ(dmr_meta_commit(&set.meta, &un_map, 1), 1u);
    EXPECT_EQ(un_map.error, -EBUSY);
    EXPECT_EQ(Set(spare.disk).view(), (View{{5, {1, 0, DMR_R_WRITE, 0}}}));
    Live next(spare);
    EXPECT_EQ(next.set.meta.nr_losers, 0u);
}

// A flush that fails is not tried again for the second superblock: neither is written.
TEST(Alloc, NoExtensionAfterAFailedFlush) {
    Spare spare(2 * DMR_TABLE_EXTENT * DMR_TABLE_ENTRIES, 2 * sample::tib, 1);
    for (u64 slot = 0; slot < DMR_TABLE_ENTRIES; slot++)
        spare.put(slot, mapped(slot, slot + 1));
    Live live(spare);
    int flushes = 0;
    spare.disk.logging = true;
    spare.disk.fails = [&](SimDisk::Op op, u64) { return op == SimDisk::Op::flush && !flushes++; };
    u64 slot = 0;
    EXPECT_EQ(dmr_meta_alloc(&live.set.meta, &slot), -EIO);
    for (const auto& w : spare.disk.log)
        EXPECT_FALSE(w.flags != SimDisk::flush_only &&
                     (w.block == SimDisk::block_of(spare.sb_sector(0)) ||
                      w.block == SimDisk::block_of(spare.sb_sector(1))));
    spare.disk.fails = nullptr;
    EXPECT_EQ(live.add(1u << 20), 0);
    EXPECT_EQ(Set(spare.disk).view(), live.acked);
}

// Of a copy that was repaired since, what was written counts, though others are still listed.
TEST(Activate, ARepairedCopyCountsThoughOthersAreListed) {
    Spare spare(slots);
    const auto bad = [&](u64 index) { return spare.table_block(index, 0); };
    spare.write_table(0, 0, spare.table(1), spare.seq); // not block 0: damaged
    spare.write_table(1, 0, spare.table(2), spare.seq);
    spare.disk.fails = [&](SimDisk::Op op, u64 at) {
        return op == SimDisk::Op::write && (at == bad(0) || at == bad(1));
    };
    View acked;
    {
        Live live(spare);
        EXPECT_EQ(live.set.meta.frozen, 2u);
        spare.disk.fails = [&](SimDisk::Op op, u64 at) {
            return op == SimDisk::Op::write && at == bad(0);
        };
        Memory memory(live.acked);
        dmr_memory ops = memory.ops();
        dmr_verify v{};
        EXPECT_EQ(dmr_meta_verify(&live.set.meta, 1, &ops, &v), 0);
        EXPECT_EQ(live.set.meta.frozen, 1u);
        ASSERT_EQ(live.commit_in(300, 5), 0);
        acked = live.acked;
    }
    // The other copy is torn; the activation that finds this is cut after its superblocks.
    spare.disk.image.erase(spare.table_block(1, 1));
    SimDisk cut = spare.disk;
    cut.fails = nullptr;
    {
        Set set(spare.disk);
        ASSERT_EQ(set.error, 0) << set.problem();
        spare.disk.logging = true;
        ASSERT_EQ(dmr_meta_activate(&set.meta, 1700000000), 0);
    }
    for (size_t n = 0, writes = 0; n < spare.disk.log.size() && writes < 2; n++) {
        const auto& w = spare.disk.log[n];
        if (w.flags == SimDisk::flush_only)
            continue;
        cut.image[w.block] = w.data;
        writes++;
    }
    const Set again(cut);
    ASSERT_EQ(again.error, 0) << again.problem();
    EXPECT_EQ(again.view(), acked);
}

// With the entry of a frozen block moved elsewhere, freeing the new one must
// not bring the old one back.
TEST(Commit, FreedEntryDoesNotComeBackFromAFrozenBlock) {
    Spare spare(slots);
    Live live(spare);
    ASSERT_EQ(live.add(5, 0x01), 0);
    spare.disk.fails = fail_writes_to(spare.table_block(0, 1));
    EXPECT_EQ(live.commit_in(live.acked.at(5).slot, 5, 0), -EIO);
    ASSERT_EQ(live.add(5), 0);
    if (live.free(5) == 0) {
        spare.disk.fails = nullptr;
        EXPECT_EQ(Set(spare.disk).view(), View{}) << "an old slot serves the block again";
    }
}

dmr_verify verify(Live& live) {
    Memory memory(live.acked);
    const dmr_memory ops = memory.ops();
    dmr_verify v{};
    for (u64 index = 0; index < le64_to_cpu(live.set.meta.sb->table_init); index++)
        dmr_meta_verify(&live.set.meta, index, &ops, &v);
    return v;
}

TEST(Verify, HealthySetIsLeftAlone) {
    Spare spare(slots);
    Live live(spare);
    for (u64 block = 0; block < 400; block++)
        ASSERT_EQ(live.add(block, static_cast<u8>(block)), 0);
    spare.disk.logging = true;
    const dmr_verify v = verify(live);
    EXPECT_EQ(v.checked, 4u); // three table blocks, and the superblocks
    EXPECT_EQ(v.repaired, 0u);
    EXPECT_EQ(v.damaged, 0u);
    EXPECT_TRUE(spare.disk.log.empty());
}

TEST(Verify, RepairsFromCopyOrMemory) {
    for (const unsigned gone : {1u, 2u, 3u}) {
        Spare spare(slots);
        Live live(spare);
        for (u64 block = 0; block < 400; block++)
            ASSERT_EQ(live.add(block, static_cast<u8>(block)), 0);
        for (const unsigned copy : {0u, 1u})
            if (gone & (1u << copy))
                spare.disk.image.erase(spare.table_block(1, copy));
        const dmr_verify v = verify(live);
        EXPECT_EQ(v.repaired, 1u);
        EXPECT_EQ(v.damaged, 0u);
        expect_copies_equal(spare, 1);
        EXPECT_EQ(Set(spare.disk).view(), live.acked);
        // With no copy left nobody knows which slots were bad: all that hold
        // nothing are taken for bad.
        const u64 retired = gone == 3 ? 2 * DMR_TABLE_ENTRIES - 400 : 0;
        EXPECT_EQ(v.retired, retired);
        EXPECT_EQ(Set(spare.disk).totals.bad, retired);
        EXPECT_EQ(live.set.meta.free_slots, slots - 400 - retired);
        ASSERT_EQ(live.add(7777), 0);
        EXPECT_EQ(Set(spare.disk).view(), live.acked);
    }
}

TEST(Verify, ThawsAFrozenBlock) {
    for (const unsigned copy : {0u, 1u})
        for (const bool lands : {false, true}) {
            SCOPED_TRACE("copy " + std::to_string(copy) + (lands ? ", lands" : ", does not land"));
            Spare spare(slots);
            Live live(spare);
            for (u64 block = 0; block < 400; block++)
                ASSERT_EQ(live.add(block), 0);
            spare.disk.failed_writes_land = lands;
            spare.disk.fails = fail_writes_to(spare.table_block(0, copy));
            ASSERT_EQ(live.commit_in(live.acked.at(3).slot, 3, 0xf0), -EIO);
            ASSERT_EQ(live.add(3, 0xf0), 0);
            EXPECT_EQ(verify(live).damaged, 1u);
            EXPECT_EQ(live.set.meta.frozen, 1u);

            spare.disk.fails = nullptr;
            EXPECT_EQ(verify(live).damaged, 0u);
            EXPECT_EQ(live.set.meta.frozen, 0u);
            EXPECT_EQ(Set(spare.disk).view(), live.acked);
            EXPECT_EQ(Set(spare.disk).meta.free_slots, live.set.meta.free_slots);
        }
}

// An un-map that failed half-way: memory keeps the entry, so the table must.
TEST(Verify, PutsBackWhatMemoryStillHolds) {
    Spare spare(slots);
    Live live(spare);
    ASSERT_EQ(live.add(3), 0);
    spare.disk.fails = fail_writes_to(spare.table_block(0, 1));
    ASSERT_EQ(live.free(3), -EIO);
    spare.disk.fails = nullptr;
    EXPECT_EQ(verify(live).damaged, 0u);
    EXPECT_EQ(Set(spare.disk).view(), live.acked);
}

TEST(Verify, BadSlotsAreNotForgotten) {
    Spare spare(slots);
    spare.put(
        10,
        {.block = 0, .gen = 0, .hours = 0, .lost = 0, .state = DMR_E_BAD, .reason = 0, .flags = 0});
    Live live(spare);
    for (const unsigned copy : {0u, 1u}) {
        spare.disk.image.erase(spare.table_block(0, copy));
        verify(live);
        EXPECT_EQ(Set(spare.disk).totals.bad, 1u);
    }
}

TEST(Verify, SuperblocksAreRewritten) {
    Spare spare(slots);
    Live live(spare);
    spare.disk.fails = fail_writes_to(SimDisk::block_of(spare.sb_sector(1)));
    ASSERT_EQ(dmr_meta_activate(&live.set.meta, 0), 0);
    EXPECT_NE(live.set.meta.sb_bad, 0);
    spare.disk.fails = nullptr;
    EXPECT_EQ(verify(live).repaired, 1u);
    EXPECT_EQ(live.set.meta.sb_bad, 0);
    EXPECT_EQ(Set(spare.disk).meta.sb_bad, 0);
}

// A superblock that rotted since it was read.
TEST(Verify, NoticesADamagedSuperblock) {
    for (const unsigned copy : {0u, 1u}) {
        Spare spare(slots);
        Live live(spare);
        spare.disk.image.erase(SimDisk::block_of(spare.sb_sector(copy)));
        verify(live);
        EXPECT_EQ(Set(spare.disk).meta.sb_bad, 0) << copy;
    }
}

// What failed commits had taken is free again once the block is repaired; no
// commit is under way when that happens.
TEST(Verify, SlotsOfFailedCommitsAreFreeAgain) {
    Spare spare(slots);
    Live live(spare);
    spare.disk.fails = fail_writes_to(spare.table_block(0, 1));
    ASSERT_EQ(live.add(3), -EIO);
    ASSERT_EQ(live.add(3), 0);
    spare.disk.fails = nullptr;
    EXPECT_EQ(verify(live).damaged, 0u);
    EXPECT_EQ(live.set.meta.free_slots, slots - 1);
    std::set<u64> seen;
    for (u64 slot = 0; dmr_meta_alloc(&live.set.meta, &slot) == 0;)
        EXPECT_TRUE(seen.insert(slot).second);
    EXPECT_EQ(seen.size(), slots - 1);
    EXPECT_FALSE(seen.contains(live.acked.at(3).slot));
}

} // namespace
