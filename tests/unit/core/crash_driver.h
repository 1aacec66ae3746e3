// SPDX-License-Identifier: GPL-2.0-only
// The driver's side of the metadata code, as small as it gets: the order in
// which contents, table and main are written is that of dm-remap-commit.c and
// dm-remap-message.c. And what a user was told each time it returned.
#pragma once

#include "crash_images.h"
#include "live.h"

#include <array>

namespace crash {

// The eight sectors of a block. A value names the block and its version.
using Contents = std::array<u64, DMR_BLOCK_SECTORS>;
inline constexpr u64 lost = ~0ull;        // reading it is a medium error
inline constexpr u64 garbage = ~0ull - 1; // nothing anybody has written

inline u64 value(u64 block, u64 version) {
    return (block + 1) << 20 | version;
}

inline Contents contents(u64 block, u64 version, u8 lost_mask = 0) {
    Contents c;
    c.fill(value(block, version));
    for (size_t s = 0; s < c.size(); s++)
        if (lost_mask & (1u << s))
            c[s] = lost;
    return c;
}

inline u8 lost_mask(const Contents& c) {
    u8 mask = 0;
    for (size_t s = 0; s < c.size(); s++)
        mask |= static_cast<u8>((c[s] == lost) << s);
    return mask;
}

// On disk: the value and the sector's number, all over; zeros if it is lost.
inline SimDisk::Block encode(const Contents& c) {
    SimDisk::Block out{};
    for (size_t at = 0; at < out.size(); at += 8) {
        const u64 word = c[at / 512] | static_cast<u64>(at / 512) << 60;
        if (c[at / 512] != lost)
            std::memcpy(out.data() + at, &word, 8);
    }
    return out;
}

inline u64 decode(const SimDisk::Block& block, size_t sector) {
    u64 first, last;
    std::memcpy(&first, block.data() + sector * 512, 8);
    std::memcpy(&last, block.data() + sector * 512 + 504, 8);
    const u64 v = first & ~(0xfull << 60);
    return first == last && first >> 60 == sector && v ? v : garbage;
}

// What a read of the block returns. Main held version 0 of each block.
inline Contents read(const Set& set, const State& state, u64 block) {
    Contents out;
    const u64 x = dmr_index_get(&set.index, block);
    if (!x) {
        const auto it = state.main.find(block);
        for (size_t s = 0; s < out.size(); s++)
            out[s] = it == state.main.end() ? value(block, 0) : decode(it->second, s);
        return out;
    }
    static const SimDisk::Block zeros{};
    const auto it =
        state.spare.image.find(SimDisk::block_of(dmr_slot_sector(set.meta.sb, dmr_x_slot(x))));
    for (size_t s = 0; s < out.size(); s++)
        out[s] = dmr_x_lost(x) & (1u << s)
                     ? lost
                     : decode(it == state.spare.image.end() ? zeros : it->second, s);
    return out;
}

// The user's view.
struct Told {
    std::map<u64, Contents> blocks;
    u64 main_sectors = 0;
};

class Driver {
public:
    // Activates; works on the state in place.
    explicit Driver(State& state) : state_(state), live_(state.spare) {
        told.main_sectors = le64_to_cpu(meta()->sb->main_sectors);
        for (const auto& entry : live_.acked)
            told.blocks[entry.first] = read(live_.set, state_, entry.first);
        for (const auto& entry : state_.main)
            told.blocks[entry.first] = read(live_.set, state_, entry.first);
    }

    struct Request {
        u64 block;
        Contents now;
        u8 sectors = 0xff; // of a slot that exists already
        u64 slot = 0;
        bool moves = false; // content goes to another slot
        int error = 0;
    };

    // Errors of blocks that are not mapped, or writes to lost sectors: one commit.
    int write(std::vector<Request> requests) {
        std::vector<dmr_change> changes;
        for (Request& r : requests) {
            const auto it = live_.acked.find(r.block);
            r.moves = it == live_.acked.end() || dmr_meta_frozen(meta(), it->second.slot);
            if (!r.moves)
                r.slot = it->second.slot;
            else if (const int error = dmr_meta_alloc(meta(), &r.slot))
                return error;
        }
        std::sort(requests.begin(), requests.end(),
                  [](const Request& a, const Request& b) { return a.slot < b.slot; });
        const u64 gen = dmr_meta_next_gen(meta());
        for (const Request& r : requests) {
            write_slot(r);
            changes.push_back({r.slot, ::mapped(r.block, gen, lost_mask(r.now)), 0});
        }
        commit(changes, requests);
        int result = 0;
        for (size_t i = 0; i < requests.size(); i++) {
            Request& r = requests[i];
            r.error = changes[i].error ? write_elsewhere(r) : 0;
            if (!r.error)
                acknowledge(r);
            else
                result = r.error;
        }
        return result;
    }

    int map(u64 block, u64 version, u8 lost_sectors = 0) {
        return write({{.block = block, .now = contents(block, version, lost_sectors)}});
    }

    // Writes some sectors of a mapped block that are lost.
    int rewrite(u64 block, u8 sectors, u64 version) {
        Request r{.block = block, .now = told.blocks.at(block), .sectors = sectors};
        for (size_t s = 0; s < r.now.size(); s++)
            if (sectors & (1u << s))
                r.now[s] = value(block, version);
        return write({r});
    }

    // To another slot, then the old one is bad.
    int move(u64 block) {
        const u64 old = live_.acked.at(block).slot;
        Request r{.block = block, .now = told.blocks.at(block)};
        if (const int error = write_elsewhere(r))
            return error;
        acknowledge(r);
        if (dmr_meta_frozen(meta(), old))
            return 0;
        dmr_change retired{old, {}, 0};
        retired.m.state = DMR_E_BAD;
        dmr_meta_commit(meta(), &retired, 1);
        return retired.error;
    }

    // The content goes back to main, durably, then the entry is freed.
    int unmap(u64 block) {
        if (meta()->frozen)
            return -EBUSY;
        write_main(block, told.blocks.at(block));
        dmr_change change{live_.acked.at(block).slot, {}, 0};
        dmr_meta_commit(meta(), &change, 1);
        if (!change.error)
            live_.acked.erase(block);
        return change.error;
    }

    // A write to a healthy block.
    void write_main(u64 block, const Contents& c) {
        const SimDisk::Write w{block, encode(c), on_main | DMR_IO_FUA, false, 0xff};
        state_.main[block] = w.data;
        state_.spare.log.push_back(w);
        told.blocks[block] = c;
    }

    int grow(u64 main_sectors) {
        const int r = dmr_meta_grow(meta(), main_sectors);
        if (!r)
            told.main_sectors = main_sectors;
        return r;
    }

    Contents get(u64 block) const { return read(live_.set, state_, block); }
    bool mapped(u64 block) const { return live_.acked.contains(block); }
    u64 slot_of(u64 block) const { return live_.acked.at(block).slot; }
    dmr_meta* meta() { return &live_.set.meta; }

    Told told;

private:
    void write_slot(const Request& r) {
        SimDisk::Write w{SimDisk::block_of(dmr_slot_sector(meta()->sb, r.slot)), encode(r.now), 0,
                         false, r.moves ? u8{0xff} : r.sectors};
        state_.spare.write_block(w);
    }

    void commit(std::vector<dmr_change>& changes, const std::vector<Request>& requests) {
        const u32 n = static_cast<u32>(changes.size());
        for (int attempt = 0; attempt < 2; attempt++) {
            for (u32 done = 0; done < n;)
                done += dmr_meta_commit(meta(), changes.data() + done, n - done);
            if (changes[0].error != -EAGAIN)
                return;
            for (const Request& r : requests) // a flush failed: the slots may have lost it
                write_slot(r);
        }
    }

    int write_elsewhere(Request& r) {
        r.moves = true;
        for (int i = 0; i < 3; i++) {
            if (dmr_meta_alloc(meta(), &r.slot))
                return -EIO;
            write_slot(r);
            std::vector<dmr_change> change = {
                {r.slot, ::mapped(r.block, dmr_meta_next_gen(meta()), lost_mask(r.now)), 0}};
            commit(change, {r});
            if (!change[0].error)
                return 0;
        }
        return -EIO;
    }

    void acknowledge(const Request& r) {
        live_.acked[r.block] = {r.slot, lost_mask(r.now), DMR_R_WRITE, 0};
        told.blocks[r.block] = r.now;
    }

    State& state_;
    Live live_;
};

} // namespace crash
