// SPDX-License-Identifier: GPL-2.0-only
// Bytes per remap of the map in memory: the module's own index, with leaves that
// are counted at the size the kernel's allocator really takes for them.
#include "dm-remap-index.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>
#include <vector>

namespace {

constexpr u64 entries = 1'000'000;
constexpr u64 blocks_per_tib = (u64{1} << 40) / 4096;
constexpr double limit = 20; // bytes of leaves for each remap
constexpr double aim_clustered = 12;

// What kvmalloc() of so many bytes takes: a size class, or pages to a power of two.
std::size_t taken(std::size_t bytes) {
    for (const std::size_t size : {8U, 16U, 32U, 64U, 96U, 128U, 192U, 256U, 512U, 1024U, 2048U})
        if (bytes <= size)
            return size;
    return std::bit_ceil(std::max<std::size_t>(bytes, 4096));
}

struct Memory {
    std::size_t bytes = 0;
    std::size_t leaves = 0;
};

dmr_leaf* alloc_leaf(void* memory, u32 nr, bool) {
    const std::size_t bytes = dmr_leaf_bytes(nr);
    auto* leaf = static_cast<dmr_leaf*>(std::malloc(bytes));
    if (leaf == nullptr)
        return nullptr;
    leaf->nr = nr;
    leaf->reserve = 0;
    static_cast<Memory*>(memory)->bytes += taken(bytes);
    ++static_cast<Memory*>(memory)->leaves;
    return leaf;
}

void release_leaf(void* memory, dmr_leaf* leaf) {
    static_cast<Memory*>(memory)->bytes -= taken(dmr_leaf_bytes(leaf->nr));
    --static_cast<Memory*>(memory)->leaves;
    std::free(leaf);
}

constexpr dmr_leaf_ops counting = {alloc_leaf, release_leaf};

// Blocks in runs of so many neighbours, the runs anywhere.
std::vector<u64> choose_blocks(u64 nr_blocks, u64 run) {
    std::mt19937_64 random{1};
    std::set<u64> starts;
    while (starts.size() < entries / run)
        starts.insert(random() % (nr_blocks / run) * run);
    std::vector<u64> blocks;
    blocks.reserve(entries);
    for (const u64 start : starts)
        for (u64 i = 0; i < run; ++i)
            blocks.push_back(start + i);
    return blocks;
}

[[noreturn]] void die(const char* why) {
    std::fprintf(stderr, "index_memory: %s\n", why);
    std::exit(1);
}

// In the order of a random failure history, one update for each run of blocks,
// so that most leaves are rebuilt many times.
void fill(dmr_index& index, const std::vector<u64>& blocks, u64 run) {
    std::vector<std::size_t> order;
    for (std::size_t first = 0; first < blocks.size(); first += run)
        order.push_back(first);
    std::shuffle(order.begin(), order.end(), std::mt19937_64{2});
    u64 slot = 0;
    std::vector<u64> updates;
    for (const std::size_t first : order) {
        for (u64 i = 0; i < run;) {
            const u64 region = blocks[first + i] >> DMR_REGION_SHIFT;
            updates.clear();
            for (; i < run && blocks[first + i] >> DMR_REGION_SHIFT == region; ++i)
                updates.push_back(dmr_x_make(static_cast<u32>(blocks[first + i] & DMR_REGION_MASK),
                                             slot++, 0, 1, 0));
            if (dmr_index_update(&index, region, updates.data(),
                                 static_cast<u32>(updates.size())) != 0)
                die("out of memory");
        }
    }
    for (const u64 block : blocks)
        if (dmr_index_get(&index, block) == 0)
            die("the index has lost an entry");
}

bool measure(u64 tib, u64 run) {
    const u64 nr_blocks = tib * blocks_per_tib;
    Memory memory;
    dmr_index index{};
    if (dmr_index_init(&index, nr_blocks, &counting, &memory) != 0)
        die("out of memory");
    const std::vector<u64> blocks = choose_blocks(nr_blocks, run);
    fill(index, blocks, run);
    const auto n = static_cast<double>(blocks.size());
    const double table = static_cast<double>(taken(index.nr_regions * sizeof(void*)));
    const double leaves = static_cast<double>(memory.bytes) / n;
    const double aim = run == 1 ? limit : aim_clustered;
    const char* verdict = leaves > limit ? "TOO MUCH" : leaves > aim ? "above the aim" : "ok";
    char what[32] = "scattered";
    if (run != 1)
        std::snprintf(what, sizeof(what), "in runs of %llu", static_cast<unsigned long long>(run));
    std::printf("%4llu TiB  %-14s %8zu %10.2f %12.2f %10.0f  %s\n",
                static_cast<unsigned long long>(tib), what, memory.leaves, leaves,
                leaves + table / n, aim, verdict);
    dmr_index_exit(&index);
    if (memory.bytes != 0)
        die("a leaf was not released at the size it was allocated with");
    return leaves <= limit;
}

} // namespace

int main() {
    std::printf("bytes of memory per remap, a million of them\n"
                "    main  blocks           leaves     leaves   with table        aim\n");
    bool good = true;
    for (const u64 run : {1U, 8U, 64U})
        for (const u64 tib : {16U, 1U})
            good = measure(tib, run) && good;
    std::printf(
        "leaves: sorted arrays of entries, with what the allocator adds. Aims and limit (%.0f, for "
        "all)\n"
        "are for these. table: one pointer for each 64 MiB of main, with entries or without.\n",
        limit);
    return good ? 0 : 1;
}
