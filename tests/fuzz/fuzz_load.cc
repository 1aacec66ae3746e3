// SPDX-License-Identifier: GPL-2.0-only
// A small spare whose metadata blocks were changed in arbitrary ways, with
// checksums that are right or not, and some of which can't be read or written.
// It loads or is refused; a set that loads can be used, and is the same when it
// is loaded again.
#include "input.h"
#include "spare.h"

#include <bitset>
#include <set>

namespace {

constexpr u64 slots = 2 * DMR_TABLE_ENTRIES - 30;
constexpr u64 tables = 2;
constexpr u64 main_sectors = 1000003;

// What the bytes say to do with one block.
enum Change : std::uint8_t { keep, zero, overwrite, overwrite_and_seal, unreadable, unwritable };

struct Places {
    std::set<u64> unreadable, unwritable;
};

// Overwrite pieces: offset, length, bytes.
void patch(Input& input, void* block) {
    for (unsigned n = input.take<std::uint8_t>() % 8; n; n--) {
        const std::size_t at = input.take<std::uint16_t>() % DMR_BLOCK_SIZE;
        std::size_t len = input.take<std::uint8_t>();
        if (at + len > DMR_BLOCK_SIZE)
            len = DMR_BLOCK_SIZE - at;
        input.take(static_cast<char*>(block) + at, len);
    }
}

template <class Block, class Seal>
void change(Input& input, SimDisk& disk, Places& places, u64 sector, Seal seal) {
    const u8 what = input.take<std::uint8_t>() % 8;
    const u64 at = SimDisk::block_of(sector);
    if (what == zero)
        disk.image.erase(at);
    if (what == unreadable)
        places.unreadable.insert(at);
    if (what == unwritable)
        places.unwritable.insert(at);
    if (what != overwrite && what != overwrite_and_seal)
        return;
    auto block = disk.load<Block>(sector);
    patch(input, &block);
    if (what == overwrite_and_seal)
        seal(block);
    disk.store(sector, block);
}

void check_set(const Set& set) {
    std::bitset<slots> used;
    u64 lost = 0;
    const View view = set.view();
    for (const auto& [block, m] : view) {
        MUST(block < dmr_blocks(le64_to_cpu(set.meta.sb->main_sectors)));
        MUST(m.slot < set.meta.nr_slots);
        MUST(!used.test(m.slot));
        used.set(m.slot);
        lost += static_cast<u64>(__builtin_popcount(m.lost));
    }
    MUST(set.totals.entries == view.size());
    MUST(set.totals.lost == lost);
    MUST(set.meta.free_slots + view.size() + set.totals.bad <= set.meta.nr_slots);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Spare pristine = [] {
        Spare spare(slots, main_sectors);
        spare.put(0, sample::mapping(5, 1));
        spare.put(1, sample::mapping(5, 2));
        spare.put(3, sample::mapping(70000, 3));
        spare.put(300, sample::mapping(6, 4));
        return spare;
    }();

    Input input(data, size);
    SimDisk disk = pristine.disk;
    Places places;
    dmr_superblock sb = pristine.sb;
    for (const unsigned copy : {0u, 1u})
        change<dmr_superblock>(input, disk, places, pristine.sb_sector(copy),
                               [&](dmr_superblock& block) {
                                   const auto self = block.self_sector;
                                   if (le64_to_cpu(block.spare_sectors) == disk.sectors)
                                       dmr_sb_seal(&block, copy);
                                   block.self_sector = self;
                                   block.csum = 0;
                                   block.csum = cpu_to_le32(dmr_crc32c(~0u, &block, sizeof(block)));
                                   sb = block;
                               });
    const u32 seed = dmr_table_seed(&sb);
    for (u64 index = 0; index < tables; index++)
        for (const unsigned copy : {0u, 1u})
            change<dmr_table_block>(
                input, disk, places, pristine.table_sector(index, copy),
                [&](dmr_table_block& tb) { dmr_table_seal(&tb, seed, le64_to_cpu(tb.seq), copy); });
    disk.fails = [&](SimDisk::Op op, u64 block) {
        return op == SimDisk::Op::read ? places.unreadable.contains(block)
                                       : places.unwritable.contains(block);
    };

    // The constructor has the real size of main; it does not trust the spare.
    Set set(disk, main_sectors);
    MUST(disk.outside == 0);
    if (set.error) {
        MUST(set.meta.problem);
        return 0;
    }
    check_set(set);
    bool read_only = false;
    if (dmr_sb_refusal(set.meta.sb, &read_only) || read_only)
        return 0;
    const View before = set.view();
    if (dmr_meta_activate(&set.meta, 1))
        return 0;
    check_set(set);

    // Some operations; what was acknowledged is there afterwards.
    View acked = before;
    while (!input.empty()) {
        const u64 block = input.take<std::uint16_t>() % dmr_blocks(main_sectors);
        u64 slot = 0;
        if (acked.contains(block) || dmr_meta_alloc(&set.meta, &slot))
            break;
        dmr_mapping m = sample::mapping(block, dmr_meta_next_gen(&set.meta));
        m.lost = input.take<std::uint8_t>();
        if (block == main_sectors / DMR_BLOCK_SECTORS)
            m.lost = 0;
        dmr_change c{slot, m, 0};
        dmr_meta_commit(&set.meta, &c, 1);
        if (c.error)
            break; // the entry may be there or not: its block is not looked at
        acked[block] = {slot, m.lost, m.reason, 0};
    }
    MUST(disk.outside == 0);
    const Set again(disk, main_sectors);
    if (again.error) {
        // Only what can't be read may be missing.
        MUST(!places.unreadable.empty() || !places.unwritable.empty());
        return 0;
    }
    const View after = again.view();
    for (const auto& [block, m] : acked) {
        const auto it = after.find(block);
        MUST(it != after.end());
        MUST(it->second == m);
    }
    return 0;
}
