// SPDX-License-Identifier: GPL-2.0-only
// Whether a set that was assembled after a crash is right, and the count of it.
#pragma once

#include "crash_driver.h"

#include <iostream>
#include <unordered_set>

namespace crash {

struct Step {
    size_t log_end; // writes that were issued when it returned
    Told told;
};

// What reads may return: between the start and the end of an operation the
// content before it and the one after it, sector by sector.
struct Allowed {
    std::map<u64, std::vector<Contents>> blocks;
    std::set<u64> main_sectors;
    size_t step = 0;

    void add(const Told& told) {
        for (const auto& entry : told.blocks)
            blocks[entry.first].push_back(entry.second);
        main_sectors.insert(told.main_sectors);
    }
    // Blocks that another step does not know held what main held.
    void complete(size_t steps) {
        for (auto& [block, list] : blocks)
            if (list.size() < steps)
                list.push_back(contents(block, 0));
    }
};

inline Allowed allowed_after(const std::vector<Step>& steps, size_t writes) {
    Allowed out;
    while (out.step + 1 < steps.size() && steps[out.step + 1].log_end <= writes)
        out.step++;
    const size_t last = std::min(out.step + 1, steps.size() - 1);
    for (size_t s = out.step; s <= last; s++)
        out.add(steps[s].told);
    out.complete(last - out.step + 1);
    return out;
}

// The answer may be a refusal if, and only if, a pair of copies is gone.
inline bool must_refuse(const Spare& spare, const State& state) {
    u64 newest = 0, init = 0;
    for (const unsigned copy : {0u, 1u}) {
        if (state.bad.contains(SimDisk::block_of(spare.sb_sector(copy))))
            continue;
        const auto sb = state.spare.load<dmr_superblock>(spare.sb_sector(copy));
        if (le64_to_cpu(sb.seq) > newest) {
            newest = le64_to_cpu(sb.seq);
            init = le64_to_cpu(sb.table_init);
        }
    }
    if (!newest)
        return true;
    for (u64 index = 0; index < init; index++)
        if (state.bad.contains(spare.table_block(index, 0)) &&
            state.bad.contains(spare.table_block(index, 1)))
            return true;
    return false;
}

// One operation's row of the table.
struct Row {
    std::string operation;
    u64 distinct = 0, refused = 0, wrong = 0;
    bool sampled = false;
};

class Score {
public:
    static Score& all() {
        static Score score;
        return score;
    }
    std::vector<Row> rows;
    std::unordered_set<u64> distinct; // over all operations

    void print() const {
        std::printf("\n%-44s %10s %10s %8s\n", "operation", "states", "refused", "wrong");
        for (const Row& r : rows)
            std::printf("%-44s %10llu %10llu %8llu%s\n", r.operation.c_str(),
                        static_cast<unsigned long long>(r.distinct),
                        static_cast<unsigned long long>(r.refused),
                        static_cast<unsigned long long>(r.wrong),
                        r.sampled ? "  (subsets sampled)" : "");
        std::printf("%-44s %10zu\n\n", "distinct states in all", distinct.size());
    }
};

class Judge {
public:
    explicit Judge(const Spare& spare, std::string operation) : spare_(spare) {
        row_.operation = std::move(operation);
    }
    ~Judge() {
        row_.sampled = limits.sampled;
        Score::all().rows.push_back(row_);
        testing::Test::RecordProperty(row_.operation, std::to_string(row_.distinct));
        EXPECT_EQ(row_.wrong, 0u) << row_.operation << ", for example " << examples_;
    }
    Judge(const Judge&) = delete;
    Judge& operator=(const Judge&) = delete;

    void state(const State& state, const Allowed& allowed, size_t writes, const std::string& what) {
        u64 print = fingerprint(state);
        const bool is_new = distinct_.insert(print).second;
        Score::all().distinct.insert(print);
        row_.distinct += is_new;
        for (const auto& entry : state.main)
            print = print * 31 + decode(entry.second, 0) + entry.first;
        // The same image was right already for the same operation under way.
        if (!judged_.insert(print * 1000003 + allowed.step * 7 + allowed.blocks.size()).second)
            return;
        SimDisk disk = state.spare;
        const Set set(disk);
        const bool refuse = must_refuse(spare_, state);
        if (refuse && is_new)
            row_.refused++;
        std::string why;
        if (set.error && !refuse)
            why = "refused: " + set.problem();
        else if (!set.error && refuse)
            why = "not refused";
        else if (!set.error)
            why = wrong(set, state, allowed);
        if (why.empty())
            return;
        if (row_.wrong++ < 3)
            examples_ += "\n  after write " + std::to_string(writes) + ", " + what + ": " + why;
    }

    Limits limits;

private:
    static std::string wrong(const Set& set, const State& state, const Allowed& allowed) {
        if (!allowed.main_sectors.contains(le64_to_cpu(set.meta.sb->main_sectors)))
            return "size of main";
        std::map<u64, std::vector<Contents>> blocks = allowed.blocks;
        for (const auto& entry : set.view())
            if (!blocks.contains(entry.first))
                blocks[entry.first] = {contents(entry.first, 0)};
        for (const auto& [block, list] : blocks) {
            const Contents now = read(set, state, block);
            for (size_t s = 0; s < now.size(); s++) {
                const auto same = [&, v = now[s]](const Contents& c) { return c[s] == v; };
                if (std::none_of(list.begin(), list.end(), same))
                    return "block " + std::to_string(block) + " sector " + std::to_string(s) +
                           (now[s] == lost ? " lost"
                            : now[s] == garbage
                                ? " garbage"
                                : " block " + std::to_string((now[s] >> 20) - 1) + " version " +
                                      std::to_string(now[s] & 0xfffff));
            }
        }
        return "";
    }

    const Spare& spare_;
    Row row_;
    std::string examples_;
    std::unordered_set<u64> distinct_, judged_;
};

// Runs operations and keeps the log of their writes.
class Recording {
public:
    explicit Recording(const Spare& spare)
        : state{spare.disk, {}, {}}, driver(state), spare_(spare), base_(state) {
        state.spare.logging = true;
        steps_.push_back({0, driver.told});
    }

    template <class F>
    void step(F operation) {
        operation(driver);
        steps_.push_back({state.spare.log.size(), driver.told});
    }

    // Every cut, and every loss after it.
    void check(Judge& judge, const Tables& tables) const {
        const Log& log = state.spare.log;
        Allowed allowed = allowed_after(steps_, 0);
        size_t at = 0;
        Cutter(base_, log, 0, judge.limits, [&](size_t n, const State& cut) {
            if (n != at)
                allowed = allowed_after(steps_, at = n);
            each_loss(spare_, tables, cut, [&](const State& s, const std::string& what) {
                judge.state(s, allowed, n, what);
            });
        }).run();
    }

    // Every cut, and then every cut of the activation that follows, "depth"
    // times; and the same if the disk kept its cache the first time.
    void check_activations(Judge& judge, const Tables& tables, int depth) const {
        const Log& log = state.spare.log;
        Limits few{.every_tear = false};
        Cutter(base_, log, 0, few, [&](size_t n, const State& cut) {
            activate(judge, tables, cut, {}, allowed_after(steps_, n), depth);
        }).run();
        Cutter(base_, log, 0, few, {})
            .run_with_cache([&](size_t n, const State& durable, const Log& cache) {
                activate(judge, tables, durable, cache, allowed_after(steps_, n), 1);
            });
    }

    // At the end one copy is lost, and the activation that repairs it is cut.
    void check_repairs(Judge& judge, const Tables& tables, unsigned copy) const {
        const size_t n = state.spare.log.size();
        for (const Loss kind : {Loss::unreadable, Loss::noise, Loss::zero})
            for (const bool superblock : {false, true}) {
                State damaged = state;
                damaged.spare.fails = nullptr;
                if (superblock)
                    lose(damaged, SimDisk::block_of(spare_.sb_sector(copy)), kind);
                for (const u64 index : tables)
                    lose(damaged, spare_.table_block(index, copy), kind);
                activate(judge, tables, damaged, {}, allowed_after(steps_, n), 2);
            }
    }

    // After the cut a copy can be neither read nor written, and later it can,
    // with what it held. What was read in between must stay: a write to a
    // block, mapped or not, leaves no trace in the table.
    void check_return(Judge& judge, const Tables& tables, unsigned copy) const {
        std::set<u64> away;
        // without tables: the superblock
        if (tables.empty())
            away.insert(SimDisk::block_of(spare_.sb_sector(copy)));
        for (const u64 index : tables)
            away.insert(spare_.table_block(index, copy));
        Limits few{.every_tear = false};
        Cutter(base_, state.spare.log, 0, few, [&](size_t n, const State& cut) {
            State live = cut;
            for (const u64 block : away)
                lose(live, block, Loss::unreadable);
            if (must_refuse(spare_, live))
                return;
            live.spare.fails = [&](SimDisk::Op op, u64 at) {
                return op != SimDisk::Op::flush && away.contains(at);
            };
            Allowed after = allowed_after(steps_, n);
            const Allowed before = after;
            after.blocks.clear();
            after.step += 1000;
            {
                const Driver again(live);
                Told told = again.told;
                for (const auto& entry : before.blocks)
                    told.blocks[entry.first] = again.get(entry.first);
                after.add(told);
            }
            live.spare.fails = nullptr;
            for (const u64 block : away) {
                live.spare.image[block] = cut.spare.image.at(block);
                live.spare.unreadable.erase(block);
                if (!cut.bad.contains(block))
                    live.bad.erase(block);
            }
            judge.state(live, after, n, "copy " + std::to_string(copy) + " is back");
        }).run();
    }

    State state;
    Driver driver;

private:
    void activate(Judge& judge, const Tables& tables, const State& durable, const Log& cache,
                  Allowed allowed, int depth) const {
        State live = durable;
        for (const auto& w : cache)
            live.put(w);
        live.spare.logging = true;
        live.spare.log = cache;
        allowed.step += 1000; // judged apart from the operation itself
        Allowed after;
        if (must_refuse(spare_, live))
            return;
        {
            const Driver again(live);
            Told told = again.told;
            for (const auto& entry : allowed.blocks)
                told.blocks[entry.first] = again.get(entry.first);
            after.add(told);
            after.step = allowed.step + 1000;
        }
        const Log log = live.spare.log;
        Limits limits{.every_tear = depth > 1};
        Cutter(durable, log, cache.size(), limits, [&](size_t n, const State& cut) {
            // What a user of the activated set can have read must not change.
            const Allowed& right = n == log.size() ? after : allowed;
            judge.state(cut, right, n, "activated again");
            for (const unsigned copy : {0u, 1u}) {
                State damaged = cut;
                lose(damaged, SimDisk::block_of(spare_.sb_sector(copy)), Loss::zero);
                for (const u64 index : tables)
                    lose(damaged, spare_.table_block(index, copy), Loss::zero);
                judge.state(damaged, right, n, "activated again, copy " + std::to_string(copy));
            }
            if (depth > 1 && n < log.size())
                activate(judge, tables, cut, {}, allowed, depth - 1);
        }).run();
    }

    const Spare& spare_;
    State base_;
    std::vector<Step> steps_;
};

} // namespace crash
