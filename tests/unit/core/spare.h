// SPDX-License-Identifier: GPL-2.0-only
// A formatted spare on a simulated disk, and an assembled set on top of it.
#pragma once

#include "sample.h"
#include "sim_disk.h"

#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <tuple>
#include <utility>

// What the index says about a block.
struct Mapped {
    u64 slot;
    u8 lost;
    u8 reason;
    u8 flags; // DMR_X_SHIELD, DMR_X_SLOT_LOST

    bool operator==(const Mapped&) const = default;
};
using View = std::map<u64, Mapped>;

inline void PrintTo(const Mapped& m, std::ostream* os) {
    *os << "slot " << m.slot << " lost " << int{m.lost} << " reason " << int{m.reason} << " flags "
        << int{m.flags};
}

// Size in sectors of a spare with that many slots.
inline u64 spare_sectors(u64 slots) {
    const u64 tables = (slots + DMR_TABLE_ENTRIES - 1) / DMR_TABLE_ENTRIES;
    return (17 + 2 * tables + slots) * DMR_BLOCK_SECTORS;
}

// The disk of a freshly formatted spare; entries can be put in by hand.
class Spare {
public:
    explicit Spare(u64 slots, u64 main_sectors = 2 * sample::tib, u64 init = DMR_TABLE_EXTENT)
        : disk(spare_sectors(slots)), sb(sample::superblock(disk.sectors, main_sectors)) {
        const u64 all = le64_to_cpu(sb.table_blocks);
        sb.table_init = cpu_to_le64(init < all ? init : all);
        write_superblocks();
        for (u64 k = 0; k < table_init(); k++)
            for (const unsigned copy : {0u, 1u})
                write_table(k, copy, table(k), seq);
    }

    u64 table_init() const { return le64_to_cpu(sb.table_init); }
    u64 table_sector(u64 index, unsigned copy) const { return dmr_table_sector(&sb, index, copy); }
    u64 table_block(u64 index, unsigned copy) const {
        return SimDisk::block_of(table_sector(index, copy));
    }
    u64 sb_sector(unsigned copy) const { return dmr_sb_sector(disk.sectors, copy); }

    void write_superblocks() {
        for (const unsigned copy : {0u, 1u}) {
            dmr_sb_seal(&sb, copy);
            disk.store(sb_sector(copy), sb);
        }
    }

    // The content that was put in, an empty block if none was.
    dmr_table_block table(u64 index) const {
        dmr_table_block tb;
        dmr_table_init(&tb, index);
        const auto it = tables.find(index);
        return it == tables.end() ? tb : it->second;
    }

    void write_table(u64 index, unsigned copy, dmr_table_block tb, u64 with_seq) {
        dmr_table_seal(&tb, dmr_table_seed(&sb), with_seq, copy);
        disk.store(table_sector(index, copy), tb);
    }

    void put(u64 slot, const dmr_mapping& m) {
        const u64 index = slot / DMR_TABLE_ENTRIES;
        dmr_table_block tb = table(index);
        dmr_entry_pack(&tb.entry[slot % DMR_TABLE_ENTRIES], &m);
        tables[index] = tb;
        for (const unsigned copy : {0u, 1u})
            write_table(index, copy, tb, seq);
    }

    SimDisk disk;
    dmr_superblock sb;
    u64 seq = dmr_seq(3, 1);
    std::map<u64, dmr_table_block> tables;
};

// One assembly of the spare on a disk.
class Set {
public:
    // With the size of main as it is; 0: as it was recorded.
    explicit Set(SimDisk& disk, u64 main_sectors = 0)
        : disk_(disk),
          memory_(std::aligned_alloc(DMR_BLOCK_SIZE, DMR_META_PAGES * DMR_BLOCK_SIZE), &std::free) {
        std::memset(memory_.get(), 0xa5, DMR_META_PAGES * DMR_BLOCK_SIZE);
        error = dmr_meta_open(&meta, &SimDisk::ops, &disk_, disk.sectors, memory_.get());
        if (error)
            return;
        open_ = true;
        const u64 recorded = le64_to_cpu(meta.sb->main_sectors);
        if (main_sectors && main_sectors != recorded) {
            meta.problem = "main has another size than recorded";
            error = -EINVAL;
            return;
        }
        error = dmr_index_init(&index, dmr_blocks(recorded), &leaf_ops, this);
        if (!error)
            error = dmr_meta_load(&meta, &index, &totals);
    }
    ~Set() {
        dmr_index_exit(&index);
        if (open_)
            dmr_meta_close(&meta);
    }
    Set(const Set&) = delete;
    Set& operator=(const Set&) = delete;

    View view() const {
        View out;
        u64 block = 0;
        while (block < index.nr_blocks) {
            const u64 x = dmr_index_next(&index, &block);
            if (!x)
                break;
            out[block] = {dmr_x_slot(x), dmr_x_lost(x), dmr_x_reason(x),
                          static_cast<u8>(x & DMR_X_FLAGS)};
            block++;
        }
        return out;
    }

    std::string problem() const { return meta.problem ? meta.problem : ""; }

    int error = 0; // of open and load
    dmr_meta meta{};
    dmr_index index{};
    dmr_totals totals{};
    bool out_of_leaves = false;

private:
    static dmr_leaf* new_leaf(void* set, u32 nr, bool) {
        if (static_cast<Set*>(set)->out_of_leaves)
            return nullptr;
        auto* leaf = static_cast<dmr_leaf*>(std::calloc(1, dmr_leaf_bytes(nr)));
        leaf->nr = nr;
        return leaf;
    }
    static void free_leaf(void*, dmr_leaf* leaf) { std::free(leaf); }
    static constexpr dmr_leaf_ops leaf_ops = {.alloc = &new_leaf, .release = &free_leaf};

    SimDisk& disk_;
    std::unique_ptr<void, decltype(&std::free)> memory_;
    bool open_ = false;
};
