// SPDX-License-Identifier: GPL-2.0-only
// What a power cut can leave: every prefix of a log of writes, every subset of
// the writes that were not durable yet, the write under way whole or torn, and
// then one copy of something lost.
#pragma once

#include "spare.h"

#include <algorithm>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace crash {

using Log = std::vector<SimDisk::Write>;

// A write to main, in the log of the spare: main keeps its own image.
inline constexpr unsigned on_main = 0x40;

struct State {
    SimDisk spare;
    SimDisk::Image main;
    std::set<u64> bad; // blocks of the spare whose content is torn or lost

    void put(const SimDisk::Write& w, u8 sectors = 0xff) {
        if (w.flags & on_main) {
            main[w.block] = w.data;
            return;
        }
        const SimDisk::Block before = spare.image[w.block];
        spare.put(w, sectors);
        const SimDisk::Block& now = spare.image[w.block];
        if (sectors == 0xff || (now == w.data && !spare.unreadable.contains(w.block)))
            bad.erase(w.block);
        else if (now != before)
            bad.insert(w.block);
    }
};

// Up to this many loose writes every subset is taken, of more a sample.
inline constexpr size_t all_subsets_of = 10;

// The first sectors, the last ones, all but one: what a torn write has changed.
inline std::set<u8> torn_masks() {
    std::set<u8> masks;
    for (unsigned n = 1; n < 8; n++) {
        masks.insert(static_cast<u8>((1u << n) - 1));
        masks.insert(static_cast<u8>(0xffu << n));
    }
    for (unsigned n = 0; n < 8; n++)
        masks.insert(static_cast<u8>(~(1u << n)));
    return masks;
}

struct Limits {
    // Tear the write under way at every place; else only in the middle.
    bool every_tear = true;
    bool sampled = false; // set if there were too many loose writes for all subsets
};

// Walks a log. The first "from" entries of it are loose when the walk begins:
// what an earlier life left in the disk's cache.
class Cutter {
public:
    using Visit = std::function<void(size_t writes, const State&)>;
    // The computer stopped, the disk did not: what is durable, and its cache.
    using VisitCache = std::function<void(size_t writes, const State& durable, const Log& cache)>;

    Cutter(const State& base, const Log& log, size_t from, Limits& limits, Visit visit)
        : durable_(base), log_(log), limits_(limits), visit_(std::move(visit)), from_(from) {}

    void run() {
        for (size_t i = 0; i < from_; i++)
            loose_.push_back(i);
        for (size_t n = from_;; n++) {
            cut_at(n);
            if (n == log_.size())
                break;
            arrive(n);
        }
    }

    void run_with_cache(const VisitCache& visit) {
        for (size_t n = 0;; n++) {
            Log cache;
            for (const size_t i : loose_)
                cache.push_back(log_[i]);
            if (n < log_.size() && log_[n].flags != SimDisk::flush_only)
                cache.push_back(log_[n]);
            for (auto& w : cache) {
                w.flags &= on_main;
                w.failed = false;
            }
            visit(n, durable_, cache);
            if (n == log_.size())
                break;
            arrive(n);
        }
    }

private:
    static bool barrier(const SimDisk::Write& w) {
        return !w.failed && !(w.flags & on_main) && w.flags == SimDisk::flush_only;
    }

    // It is there now, and what was written to the same place before is history.
    void settle(size_t n, std::vector<size_t>& loose) {
        const SimDisk::Write& w = log_[n];
        std::erase_if(loose, [&](size_t i) {
            return log_[i].block == w.block && (log_[i].flags & on_main) == (w.flags & on_main) &&
                   !(log_[i].sectors & ~w.sectors);
        });
        durable_.put(w);
    }

    // A write that failed may be on disk or not, for good; so may one that a
    // failed flush was to make durable.
    void flush() {
        std::vector<size_t> left;
        for (const size_t i : loose_) {
            if (log_[i].failed || unsure_.contains(i))
                left.push_back(i);
            else
                settle(i, left);
        }
        loose_ = left;
    }

    void arrive(size_t n) {
        const SimDisk::Write& w = log_[n];
        if (barrier(w))
            flush();
        if (w.flags == SimDisk::flush_only) {
            if (w.failed)
                unsure_.insert(loose_.begin(), loose_.end());
            return;
        }
        if (w.flags & DMR_IO_FUA && !w.failed)
            settle(n, loose_);
        else
            loose_.push_back(n);
    }

    std::vector<std::vector<size_t>> subsets() {
        const size_t k = loose_.size();
        std::vector<std::vector<size_t>> out;
        const auto add = [&](auto keep) {
            out.emplace_back();
            for (size_t i = 0; i < k; i++)
                if (keep(i))
                    out.back().push_back(loose_[i]);
        };
        if (k <= all_subsets_of) {
            for (unsigned bits = 0; bits < 1u << k; bits++)
                add([&](size_t i) { return bits >> i & 1; });
            return out;
        }
        limits_.sampled = true;
        add([](size_t) { return false; });
        add([](size_t) { return true; });
        for (int i = 0; i < 6; i++)
            add([&](size_t) { return random_() % 2; });
        return out;
    }

    void cut_at(size_t n) {
        const auto all = subsets();
        for (const auto& subset : all) {
            State state = durable_;
            for (const size_t i : subset)
                state.put(log_[i]);
            visit_(n, state);
            if (n == log_.size() || log_[n].flags == SimDisk::flush_only)
                continue;
            // The flush that comes with a write is over before its first sector.
            const bool flushed = barrier(log_[n]);
            if (flushed && subset.size() < loose_.size())
                continue;
            // Of many subsets only the extreme ones with the next write torn.
            if (all.size() > 16 && !subset.empty() && subset.size() < loose_.size())
                continue;
            tear(n, state);
        }
    }

    void tear(size_t n, const State& before) {
        State whole = before;
        whole.put(log_[n]);
        visit_(n, whole);
        if (log_[n].flags & on_main)
            return;
        static const std::set<u8> every = torn_masks(), middle = {0x0f};
        for (const u8 mask : limits_.every_tear ? every : middle) {
            State torn = before;
            torn.put(log_[n], mask);
            visit_(n, torn);
        }
    }

    State durable_;
    const Log& log_;
    Limits& limits_;
    Visit visit_;
    size_t from_;
    std::vector<size_t> loose_; // positions in the log
    std::set<size_t> unsure_;   // of them, those that a flush does not help
    std::mt19937_64 random_{4};
};

// The table blocks whose copies a loss is tried on.
using Tables = std::set<u64>;

enum class Loss { unreadable, noise, zero };

inline void lose(State& state, u64 block, Loss kind) {
    state.bad.insert(block);
    state.spare.image.erase(block);
    if (kind == Loss::unreadable)
        state.spare.unreadable.insert(block);
    if (kind == Loss::noise) {
        std::mt19937_64 random(block);
        for (unsigned char& c : state.spare.image[block])
            c = static_cast<unsigned char>(random());
    }
}

// The state itself, and with each copy of something lost in each way.
template <class F>
void each_loss(const Spare& spare, const Tables& tables, const State& cut, F visit) {
    visit(cut, "nothing lost");
    for (const Loss kind : {Loss::unreadable, Loss::noise, Loss::zero})
        for (const unsigned copy : {0u, 1u}) {
            static const char* const how[] = {" unreadable", " noise", " zero"};
            const std::string tail =
                " copy " + std::to_string(copy) + how[static_cast<unsigned>(kind)];
            State state = cut;
            lose(state, SimDisk::block_of(spare.sb_sector(copy)), kind);
            visit(state, "superblock" + tail);
            for (const u64 index : tables)
                lose(state, spare.table_block(index, copy), kind);
            visit(state, "everything" + tail);
            for (const u64 index : tables) {
                State one = cut;
                lose(one, spare.table_block(index, copy), kind);
                visit(one, "table block " + std::to_string(index) + tail);
            }
        }
}

// Distinct states are counted by this.
inline u64 fingerprint(const State& state) {
    u64 h = 0x9e3779b97f4a7c15ull;
    const auto mix = [&h](u64 v) {
        h = (h ^ v) * 0xff51afd7ed558ccdull;
        h ^= h >> 29;
    };
    for (const auto& [block, data] : state.spare.image) {
        mix(block);
        for (size_t at = 0; at < data.size(); at += 8) {
            u64 word;
            std::memcpy(&word, data.data() + at, 8);
            mix(word);
        }
    }
    for (const u64 block : state.spare.unreadable)
        mix(~block);
    return h;
}

} // namespace crash
