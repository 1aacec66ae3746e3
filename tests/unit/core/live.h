// SPDX-License-Identifier: GPL-2.0-only
// An active set together with what its user was told: the entries that were
// acknowledged.
#pragma once

#include "spare.h"

#include <gtest/gtest.h>

#include <stdexcept>

inline dmr_mapping mapped(u64 block, u64 gen, u8 lost = 0) {
    dmr_mapping m = sample::mapping(block, gen);
    m.lost = lost;
    return m;
}

struct Live {
    explicit Live(Spare& spare) : Live(spare.disk) {}
    explicit Live(SimDisk& disk) : set(disk) {
        if (set.error || dmr_meta_activate(&set.meta, 1700000000))
            throw std::runtime_error("no set: " + set.problem());
        acked = set.view();
    }

    // Map a block to a new slot.
    int add(u64 block, u8 lost = 0) {
        u64 slot = 0;
        if (const int r = dmr_meta_alloc(&set.meta, &slot))
            return r;
        return commit_in(slot, block, lost);
    }

    int commit_in(u64 slot, u64 block, u8 lost = 0) {
        dmr_change change{slot, mapped(block, dmr_meta_next_gen(&set.meta), lost), 0};
        EXPECT_EQ(dmr_meta_commit(&set.meta, &change, 1), 1u);
        if (!change.error)
            acked[block] = {slot, lost, DMR_R_WRITE, 0};
        return change.error;
    }

    int free(u64 block) {
        dmr_change change{acked.at(block).slot, {}, 0};
        EXPECT_EQ(dmr_meta_commit(&set.meta, &change, 1), 1u);
        if (!change.error)
            acked.erase(block);
        return change.error;
    }

    Set set;
    View acked;
};

// What memory knows, as dmr_meta_verify() wants to be told.
struct Memory {
    explicit Memory(const View& known) : view(known) {}

    static bool holds(void* self, u64 slot, u64 block, u8* lost) {
        const View& known = static_cast<Memory*>(self)->view;
        const auto it = known.find(block);
        if (it == known.end() || it->second.slot != slot)
            return false;
        *lost = it->second.lost;
        return true;
    }
    static void rebuild(void* self, u64 first, u64 gen, dmr_mapping* entries) {
        for (const auto& [block, m] : static_cast<Memory*>(self)->view)
            if (m.slot >= first && m.slot < first + DMR_TABLE_ENTRIES)
                entries[m.slot - first] = mapped(block, gen, m.lost);
    }
    dmr_memory ops() { return {&holds, &rebuild, this}; }

    const View& view;
};
