// SPDX-License-Identifier: GPL-2.0-only
#include "dm-remap-index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <vector>

namespace {

// Leaves from the heap, counted; it can be told to fail.
class Heap {
public:
    ~Heap() { EXPECT_TRUE(live.empty()) << "leaked leaves"; }

    dmr_leaf* alloc(u32 nr, bool optional) {
        last_optional = optional;
        if (fail_after && !--fail_after)
            return nullptr;
        auto* leaf = static_cast<dmr_leaf*>(std::malloc(dmr_leaf_bytes(nr)));
        leaf->nr = nr;
        leaf->reserve = 0;
        live.insert(leaf);
        return leaf;
    }

    void release(dmr_leaf* leaf) {
        ASSERT_EQ(live.erase(leaf), 1u);
        std::free(leaf);
    }

    std::set<dmr_leaf*> live;
    unsigned fail_after = 0; // the n-th allocation from now fails
    bool last_optional = false;

    static constexpr dmr_leaf_ops ops = {
        .alloc = [](void* heap, u32 nr,
                    bool optional) { return static_cast<Heap*>(heap)->alloc(nr, optional); },
        .release = [](void* heap, dmr_leaf* leaf) { static_cast<Heap*>(heap)->release(leaf); }};
};

class Index {
public:
    explicit Index(u64 blocks) {
        if (dmr_index_init(&idx, blocks, &Heap::ops, &heap))
            throw std::bad_alloc();
    }
    ~Index() { dmr_index_exit(&idx); }
    Index(const Index&) = delete;
    Index& operator=(const Index&) = delete;

    u64 get(u64 block) const { return dmr_index_get(&idx, block); }
    int set(u64 block, u64 x) { return dmr_index_update(&idx, block >> DMR_REGION_SHIFT, &x, 1); }
    // What taking an entry out is: hide it at once, free its memory if possible.
    bool remove(u64 block) {
        const bool was = dmr_index_store(&idx, block, dmr_x_placeholder(0));
        dmr_index_trim(&idx, block >> DMR_REGION_SHIFT);
        return was;
    }

    Heap heap;
    dmr_index idx{};
};

u32 offset_of(u64 block) {
    return static_cast<u32>(block & DMR_REGION_MASK);
}

u64 entry(u64 block, u64 slot, u8 lost = 0, u8 reason = 1, u8 flags = 0) {
    return dmr_x_make(offset_of(block), slot, lost, reason, flags);
}

using Model = std::map<u64, u64>;

// Everything the index can be asked about "block" agrees with the model.
void expect_same_at(const Index& index, const Model& model, u64 block) {
    const auto here = model.find(block);
    EXPECT_EQ(index.get(block), here == model.end() ? 0 : here->second) << block;

    // First entry at or after it.
    const auto next = model.lower_bound(block);
    u64 at = block;
    const u64 x = dmr_index_next(&index.idx, &at);
    if (next == model.end()) {
        EXPECT_EQ(x, 0u) << block;
    } else {
        EXPECT_EQ(x, next->second) << block;
        EXPECT_EQ(at, next->first) << block;
    }
}

// Leaves are sorted, without duplicates, never empty, and listed completely.
void expect_same(const Index& index, const Model& model) {
    size_t leaves = 0, entries = 0;
    for (u64 r = 0; r < index.idx.nr_regions; r++) {
        const dmr_leaf* leaf = index.idx.leaf[r];
        if (!leaf)
            continue;
        leaves++;
        EXPECT_GT(leaf->nr, 0u);
        for (u32 i = 0; i < leaf->nr; i++)
            entries += !dmr_x_is_placeholder(leaf->e[i]);
        for (u32 i = 1; i < leaf->nr; i++)
            EXPECT_LT(dmr_x_offset(leaf->e[i - 1]), dmr_x_offset(leaf->e[i]));
    }
    EXPECT_EQ(leaves, index.heap.live.size());
    EXPECT_EQ(entries, model.size());

    u64 at = 0;
    for (const auto& [block, x] : model) {
        ASSERT_EQ(dmr_index_next(&index.idx, &at), x);
        ASSERT_EQ(at, block);
        at++;
    }
    EXPECT_EQ(at < index.idx.nr_blocks ? dmr_index_next(&index.idx, &at) : 0, 0u);
}

TEST(PackedEntry, RoundTripAtLimits) {
    for (const u32 offset : {0u, 1u, DMR_REGION_BLOCKS - 1})
        for (const u64 slot : {u64{0}, u64{1} << 32, u64{DMR_X_MAX_SLOTS} - 1})
            for (const u8 lost : {u8{0}, u8{1}, u8{0xff}})
                for (const u8 reason : {u8{1}, u8{7}})
                    for (const u8 flags : {u8{0}, u8{DMR_X_BUSY}, u8{DMR_X_FLAGS}}) {
                        const u64 x = dmr_x_make(offset, slot, lost, reason, flags);
                        EXPECT_EQ(dmr_x_offset(x), offset);
                        EXPECT_EQ(dmr_x_slot(x), slot);
                        EXPECT_EQ(dmr_x_lost(x), lost);
                        EXPECT_EQ(dmr_x_reason(x), reason);
                        EXPECT_EQ(x & DMR_X_FLAGS, flags);
                        EXPECT_EQ(dmr_x_mapped(x), !(flags & DMR_X_NOSLOT));
                        EXPECT_FALSE(dmr_x_is_placeholder(x));
                    }
}

TEST(PackedEntry, Placeholder) {
    for (const u32 offset : {0u, DMR_REGION_MASK}) {
        EXPECT_TRUE(dmr_x_is_placeholder(dmr_x_placeholder(offset)));
        EXPECT_FALSE(dmr_x_mapped(dmr_x_placeholder(offset)));
        EXPECT_EQ(dmr_x_offset(dmr_x_placeholder(offset)), offset);
    }
    // A block under change that has no slot yet holds bios back.
    EXPECT_FALSE(dmr_x_is_placeholder(dmr_x_make(5, 0, 0, 0, DMR_X_NOSLOT | DMR_X_BUSY)));
    EXPECT_FALSE(dmr_x_is_placeholder(dmr_x_make(5, 0, 0, 0, DMR_X_NOSLOT | DMR_X_FENCED)));
    EXPECT_FALSE(dmr_x_is_placeholder(0));
    EXPECT_FALSE(dmr_x_mapped(0));
}

TEST(PackedEntry, OrderIsBlockOrder) {
    const u64 most = dmr_x_make(6, DMR_X_MAX_SLOTS - 1, 0xff, 7, DMR_X_FLAGS);
    EXPECT_LT(most, dmr_x_make(7, 0, 0, 0, 0));
}

// Every leaf size up to 70 and each offset in and between its entries.
TEST(Leaf, FindIsLowerBound) {
    for (u32 nr = 0; nr <= 70; nr++) {
        const std::unique_ptr<dmr_leaf, decltype(&std::free)> leaf(
            static_cast<dmr_leaf*>(std::malloc(dmr_leaf_bytes(nr))), &std::free);
        leaf->nr = nr;
        for (u32 i = 0; i < nr; i++)
            leaf->e[i] = dmr_x_make(3 * i + 1, DMR_X_MAX_SLOTS - 1, 0xff, 7, DMR_X_FLAGS);
        for (u32 offset = 0; offset <= 3 * nr + 3; offset++) {
            u32 expected = 0;
            while (expected < nr && 3 * expected + 1 < offset)
                expected++;
            ASSERT_EQ(dmr_leaf_find(leaf.get(), offset), expected) << nr << " " << offset;
        }
        EXPECT_EQ(dmr_leaf_find(leaf.get(), DMR_REGION_MASK), nr);
    }
}

TEST(Leaf, FullRegion) {
    Index index(DMR_REGION_BLOCKS);
    std::vector<u64> all;
    for (u32 i = 0; i < DMR_REGION_BLOCKS; i++)
        all.push_back(dmr_x_make(i, i, 0, 1, 0));
    ASSERT_EQ(dmr_index_update(&index.idx, 0, all.data(), DMR_REGION_BLOCKS), 0);
    for (u32 i = 0; i < DMR_REGION_BLOCKS; i++)
        ASSERT_EQ(index.get(i), all[i]);
    for (u32 i = 0; i < DMR_REGION_BLOCKS; i++)
        ASSERT_TRUE(dmr_index_store(&index.idx, i, dmr_x_placeholder(0)));
    EXPECT_EQ(index.heap.live.size(), 1u);
    dmr_index_trim(&index.idx, 0);
    expect_same(index, {});
    EXPECT_TRUE(index.heap.live.empty());
}

TEST(Leaf, Sort) {
    std::mt19937_64 random(2);
    const u32 nr = 5000;
    const std::unique_ptr<dmr_leaf, decltype(&std::free)> leaf(
        static_cast<dmr_leaf*>(std::malloc(dmr_leaf_bytes(nr))), &std::free);
    leaf->nr = nr;
    for (u32 i = 0; i < nr; i++)
        leaf->e[i] = random(); // the top bit too: the order is unsigned
    dmr_leaf_sort(leaf.get());
    EXPECT_TRUE(std::is_sorted(leaf->e, leaf->e + nr));
}

TEST(Index, EmptyHasNothing) {
    const Index index(5 * DMR_REGION_BLOCKS + 1);
    EXPECT_EQ(index.idx.nr_regions, 6u);
    for (const u64 block : {0u, 1u, DMR_REGION_BLOCKS, 5 * DMR_REGION_BLOCKS})
        expect_same_at(index, {}, block);
    EXPECT_TRUE(index.heap.live.empty());
}

TEST(Index, RegionCount) {
    for (const auto& [blocks, regions] : std::map<u64, u64>{
             {1, 1}, {DMR_REGION_BLOCKS, 1}, {DMR_REGION_BLOCKS + 1, 2}, {1ull << 32, 1 << 18}}) {
        const Index index(blocks);
        EXPECT_EQ(index.idx.nr_regions, regions) << blocks;
    }
}

TEST(Index, ExitTwiceIsHarmless) {
    dmr_index idx{};
    Heap heap;
    ASSERT_EQ(dmr_index_init(&idx, 100, &Heap::ops, &heap), 0);
    dmr_index_exit(&idx);
    dmr_index_exit(&idx);
}

TEST(Index, SetReplaceRemove) {
    Index index(DMR_REGION_BLOCKS * 3);
    Model model;
    for (const u64 block : {0u, DMR_REGION_MASK, DMR_REGION_BLOCKS, 3 * DMR_REGION_BLOCKS - 1}) {
        ASSERT_EQ(index.set(block, entry(block, 9)), 0);
        model[block] = entry(block, 9);
        expect_same(index, model);
        ASSERT_EQ(index.set(block, entry(block, 10, 0x81)), 0);
        model[block] = entry(block, 10, 0x81);
        expect_same(index, model);
    }
    EXPECT_FALSE(index.remove(1)) << "removing what is not there";
    EXPECT_FALSE(index.remove(DMR_REGION_BLOCKS * 2)) << "in a region without a leaf";
    expect_same(index, model);
    while (!model.empty()) {
        const u64 block = model.begin()->first;
        ASSERT_TRUE(index.remove(block));
        model.erase(block);
        expect_same(index, model);
    }
    EXPECT_TRUE(index.heap.live.empty()) << "a region without entries has no leaf";
}

TEST(Index, OldLeafStaysWholeUntilReleased) {
    Index index(DMR_REGION_BLOCKS);
    ASSERT_EQ(index.set(7, entry(7, 1)), 0);
    const dmr_leaf* before = index.idx.leaf[0];
    index.heap.fail_after = 1;
    EXPECT_EQ(index.set(8, entry(8, 2)), -ENOMEM);
    EXPECT_EQ(index.idx.leaf[0], before);
    expect_same(index, {{7, entry(7, 1)}});
    // An entry goes without memory, and its room when there is some again.
    ASSERT_EQ(index.set(9, entry(9, 3)), 0);
    index.heap.fail_after = 1;
    EXPECT_TRUE(index.remove(7));
    EXPECT_EQ(index.idx.leaf[0]->nr, 2u);
    expect_same(index, {{9, entry(9, 3)}});
    dmr_index_trim(&index.idx, 0);
    EXPECT_EQ(index.idx.leaf[0]->nr, 1u);
    expect_same(index, {{9, entry(9, 3)}});
}

// An entry changes in place: no allocation, the neighbours untouched, and the
// block can't be changed by mistake.
TEST(Index, StoreInPlace) {
    Index index(3 * DMR_REGION_BLOCKS);
    Model model;
    for (u64 block = DMR_REGION_BLOCKS; block < DMR_REGION_BLOCKS + 5; block++) {
        ASSERT_EQ(index.set(block, entry(block, block)), 0);
        model[block] = entry(block, block);
    }
    const dmr_leaf* before = index.idx.leaf[1];
    const u64 block = DMR_REGION_BLOCKS + 3;
    EXPECT_TRUE(dmr_index_store(&index.idx, block, dmr_x_make(77, 5, 0xff, 7, DMR_X_FENCED)));
    model[block] = dmr_x_make(3, 5, 0xff, 7, DMR_X_FENCED);
    EXPECT_EQ(index.idx.leaf[1], before);
    expect_same(index, model);
    EXPECT_FALSE(dmr_index_store(&index.idx, DMR_REGION_BLOCKS + 5, entry(5, 1)));
    EXPECT_FALSE(dmr_index_store(&index.idx, 0, entry(0, 1)));
    expect_same(index, model);
}

// 16 TiB and more: block numbers, regions and slots past 32 bits.
TEST(Index, Past32Bits) {
    const u64 blocks = (1ull << 33) + 5;
    Index index(blocks);
    Model model;
    const u64 places[] = {(1ull << 32) - 1, 1ull << 32, (1ull << 32) + 1,
                          (1ull << 33) - 1, 1ull << 33, blocks - 1};
    for (const u64 block : places) {
        const u64 x = entry(block, DMR_X_MAX_SLOTS - 1 - (block & 7));
        ASSERT_EQ(index.set(block, x), 0);
        model[block] = x;
    }
    expect_same(index, model);
    for (const auto& [block, x] : model) {
        expect_same_at(index, model, block);
        expect_same_at(index, model, block - 1);
        // Not to be found where a 32-bit number would lead.
        if (block >> 32 && !model.contains(block & 0xffffffff)) {
            EXPECT_EQ(index.get(block & 0xffffffff), 0u);
        }
    }
}

// Batches of updates against a map, with allocation failures.
class IndexModel : public testing::TestWithParam<unsigned> {};

TEST_P(IndexModel, RandomOperations) {
    std::mt19937_64 random(GetParam());
    // Few distinct offsets, so that updates hit entries.
    const u64 blocks = 4 * DMR_REGION_BLOCKS - 100;
    const u32 spread = 1u << (4 + GetParam() % 10);
    Index index(blocks);
    Model model;

    auto some_block = [&](u64 region) {
        u64 offset = random() % spread;
        if (random() % 2)
            offset = DMR_REGION_MASK - offset;
        return std::min((region << DMR_REGION_SHIFT) + offset, blocks - 1);
    };

    for (int step = 0; step < 2000; step++) {
        const u64 region = random() % index.idx.nr_regions;
        Model updates;
        for (u64 n = 1 + random() % 20; n; n--) {
            const u64 block = some_block(region);
            const u64 kind = random() % 4;
            if (kind == 0)
                updates[block] = dmr_x_placeholder(offset_of(block));
            else if (kind == 1)
                updates[block] = dmr_x_make(offset_of(block), 0, 0, 0, DMR_X_NOSLOT | DMR_X_BUSY);
            else
                updates[block] = entry(block, random() % DMR_X_MAX_SLOTS, random() & 0xff, 2,
                                       random() & DMR_X_SLOT_LOST);
        }
        std::vector<u64> packed;
        for (const auto& update : updates)
            packed.push_back(update.second);

        index.heap.fail_after = random() % 8 == 0;
        const int rc =
            dmr_index_update(&index.idx, region, packed.data(), static_cast<u32>(packed.size()));
        ASSERT_TRUE(rc == 0 || (rc == -ENOMEM && !index.heap.fail_after));
        index.heap.fail_after = 0;
        if (rc == 0)
            for (const auto& [block, x] : updates) {
                if (dmr_x_is_placeholder(x))
                    model.erase(block);
                else
                    model[block] = x;
            }

        const u64 block = some_block(random() % index.idx.nr_regions);
        if (random() % 2) {
            const bool stored = dmr_index_store(&index.idx, block, entry(block, 5, 1, 3));
            // a placeholder gives room for an entry that readers did not see
            if (!stored)
                EXPECT_FALSE(model.contains(block));
            else
                model[block] = entry(block, 5, 1, 3);
        } else {
            index.heap.fail_after = random() % 2;
            index.remove(block);
            index.heap.fail_after = 0;
            model.erase(block);
        }
        for (int i = 0; i < 10; i++)
            expect_same_at(index, model, some_block(random() % index.idx.nr_regions));
        if (step % 100 == 0)
            expect_same(index, model);
        if (HasFailure())
            FAIL() << "step " << step;
    }
    expect_same(index, model);
}

INSTANTIATE_TEST_SUITE_P(Seeds, IndexModel, testing::Range(0u, 12u));

// What splitting a bio does: walk a range in pieces that are wholly unmapped or
// one run of consecutive slots.
TEST(Index, RunsOfARange) {
    Index index(DMR_REGION_BLOCKS);
    Model model;
    for (const auto& [block, slot] : Model{{10, 100}, {11, 101}, {12, 102}, {13, 200}, {20, 201}}) {
        ASSERT_EQ(index.set(block, entry(block, slot)), 0);
        model[block] = slot;
    }
    std::vector<std::pair<u64, u64>> pieces; // length, slot
    const dmr_leaf* leaf = index.idx.leaf[0];
    for (u32 at = 5; at < 25;) {
        const u32 first = dmr_leaf_find(leaf, at);
        u32 i = first;
        if (i == leaf->nr || dmr_x_offset(leaf->e[i]) != at) {
            const u32 end = i == leaf->nr ? 25 : std::min(25u, dmr_x_offset(leaf->e[i]));
            pieces.emplace_back(end - at, 0);
            at = end;
            continue;
        }
        while (i + 1 < leaf->nr && leaf->e[i + 1] - leaf->e[i] == (1ull << 50 | 1ull << 16))
            i++;
        pieces.emplace_back(i - first + 1, dmr_x_slot(leaf->e[first]));
        at += i - first + 1;
    }
    EXPECT_EQ(pieces, (std::vector<std::pair<u64, u64>>{
                          {5, 0}, {3, 100}, {1, 200}, {6, 0}, {1, 201}, {4, 0}}));
}

// Only what I/O waits for may use the reserve of leaves.
TEST(IndexMemory, OnlyTrimmingIsOptional) {
    Index index(3 * u64{DMR_REGION_BLOCKS});
    for (const u64 block : {5u, 6u, 7u})
        ASSERT_EQ(index.set(block, entry(block, block)), 0);
    EXPECT_FALSE(index.heap.last_optional);
    index.remove(5);
    EXPECT_TRUE(index.heap.last_optional);
    // Without memory the placeholder stays, and is dropped with the next update.
    index.heap.fail_after = 1;
    index.remove(6);
    EXPECT_EQ(index.idx.leaf[0]->nr, 2u);
    expect_same(index, {{7, entry(7, 7)}});
    ASSERT_EQ(index.set(8, entry(8, 8)), 0);
    EXPECT_FALSE(index.heap.last_optional);
    EXPECT_EQ(index.idx.leaf[0]->nr, 2u);
    expect_same(index, {{7, entry(7, 7)}, {8, entry(8, 8)}});
}

TEST(IndexGrow, EntriesStayAndNewBlocksCanBeMapped) {
    const u64 region = DMR_REGION_BLOCKS;
    // The old end in the middle of a region, at its end, and the same count.
    for (const auto& [before, after] : std::vector<std::pair<u64, u64>>{
             {region + 5, 4 * region}, {2 * region, 2 * region + 1}, {7, 9}, {region, region}}) {
        Index index(before);
        Model model;
        for (const u64 block : {u64{0}, before - 1}) {
            model[block] = entry(block, block + 1, 0x0f);
            ASSERT_EQ(index.set(block, model[block]), 0);
        }
        auto** leaves =
            static_cast<dmr_leaf**>(kvcalloc(dmr_regions(after), sizeof(dmr_leaf*), GFP_KERNEL));
        dmr_leaf** const was = index.idx.leaf;
        dmr_leaf** const old = dmr_index_grow(&index.idx, leaves, after);
        EXPECT_EQ(old, was);
        kvfree(old);
        EXPECT_EQ(index.idx.nr_blocks, after);
        EXPECT_EQ(index.idx.nr_regions, dmr_regions(after));
        expect_same(index, model);
        model[after - 1] = entry(after - 1, 9);
        ASSERT_EQ(index.set(after - 1, model[after - 1]), 0);
        expect_same(index, model);
        for (const u64 block : {u64{0}, before - 1, before - before / 2, after - 1})
            expect_same_at(index, model, block);
    }
}

TEST(IndexGrow, Regions) {
    EXPECT_EQ(dmr_regions(0), 0u);
    EXPECT_EQ(dmr_regions(1), 1u);
    EXPECT_EQ(dmr_regions(DMR_REGION_BLOCKS), 1u);
    EXPECT_EQ(dmr_regions(u64{DMR_REGION_BLOCKS} + 1), 2u);
}

} // namespace
