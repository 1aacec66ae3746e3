// SPDX-License-Identifier: GPL-2.0-only
// Power cuts, enumerated: after every write of a series of operations, with
// that write missing, whole or torn, with every choice of unflushed writes
// dropped, and then with either copy of the metadata lost as well, the set
// loads with what was acknowledged.
#include "live.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

namespace {

// What each block may look like: absent, or one of some entries. Between the
// start and the end of an operation both states are right.
using Allowed = std::map<u64, std::vector<Mapped>>;
constexpr Mapped absent = {~0ull, 0, 0, 0};

Mapped state_of(const View& view, u64 block) {
    const auto it = view.find(block);
    return it == view.end() ? absent : it->second;
}

struct Step {
    size_t log_end; // writes that were issued when it returned
    View after;     // what is acknowledged then
};

// States that are right when exactly "writes" writes were issued: those at the
// end of the last step that had returned, and of the one that may be running.
Allowed allowed_after(const std::vector<Step>& steps, size_t writes) {
    size_t done = 0;
    while (done + 1 < steps.size() && steps[done + 1].log_end <= writes)
        done++;
    const size_t last = std::min(done + 1, steps.size() - 1);
    Allowed out;
    for (size_t s = done; s <= last; s++)
        for (const auto& entry : steps[s].after)
            out[entry.first];
    for (auto& [block, states] : out)
        for (size_t s = done; s <= last; s++)
            states.push_back(state_of(steps[s].after, block));
    return out;
}

// Runs operations on a spare and keeps the log of writes.
class Recording {
public:
    explicit Recording(Spare& spare) : base_(spare.disk), live_(spare) {
        base_.image = spare.disk.image; // as activation left it
        spare.disk.logging = true;
        steps_.push_back({0, live_.acked});
        disk_ = &spare.disk;
    }

    template <class F>
    void step(F operation) {
        operation(live_);
        steps_.push_back({disk_->log.size(), live_.acked});
    }

    const SimDisk& base() const { return base_; }
    const std::vector<SimDisk::Write>& log() const { return disk_->log; }

    // States that are right when exactly "writes" writes were issued.
    Allowed allowed(size_t writes) const { return allowed_after(steps_, writes); }

private:
    SimDisk base_;
    Live live_;
    SimDisk* disk_ = nullptr;
    std::vector<Step> steps_;
};

bool right(const View& view, const Allowed& allowed) {
    for (const auto& entry : view)
        if (!allowed.contains(entry.first))
            return false;
    for (const auto& [block, states] : allowed) {
        if (std::find(states.begin(), states.end(), state_of(view, block)) == states.end())
            return false;
    }
    return true;
}

// The images that a cut after "n" whole writes can leave, where write n may be
// on its way. Calls visit(image, torn).
template <class F>
void images_after(const SimDisk& base, const std::vector<SimDisk::Write>& log, size_t n,
                  std::mt19937_64& random, F visit) {
    // Writes that are not durable: not FUA, and no flush after them.
    std::vector<size_t> loose;
    SimDisk disk = base;
    disk.logging = false;
    for (size_t i = 0; i < n; i++) {
        if (log[i].flags & DMR_IO_PREFLUSH) {
            for (const size_t w : loose)
                disk.image[log[w].block] = log[w].data;
            loose.clear();
        }
        if (log[i].flags & DMR_IO_FUA)
            disk.image[log[i].block] = log[i].data;
        else
            loose.push_back(i);
    }

    std::vector<std::vector<size_t>> subsets = {{}, loose};
    if (loose.size() > 1 && loose.size() <= 4) {
        subsets.clear();
        for (unsigned bits = 0; bits < 1u << loose.size(); bits++) {
            subsets.emplace_back();
            for (size_t i = 0; i < loose.size(); i++)
                if (bits & (1u << i))
                    subsets.back().push_back(loose[i]);
        }
    } else if (loose.size() > 4) {
        for (int i = 0; i < 4; i++) {
            subsets.emplace_back();
            for (const size_t w : loose)
                if (random() % 2)
                    subsets.back().push_back(w);
        }
    } else if (loose.empty()) {
        subsets.pop_back();
    }

    for (const auto& subset : subsets) {
        SimDisk cut = disk;
        for (const size_t w : subset)
            cut.image[log[w].block] = log[w].data;
        visit(cut, false);
        if (n == log.size())
            continue;
        // The next write, whole, and torn: any of its sectors old or new. If it
        // comes with a flush, that has been done when the first sector changes.
        if (log[n].flags & DMR_IO_PREFLUSH)
            for (const size_t w : loose)
                cut.image[log[w].block] = log[w].data;
        const SimDisk::Block before = cut.image[log[n].block];
        cut.image[log[n].block] = log[n].data;
        visit(cut, false);
        std::set<unsigned> masks = {0x01, 0x03, 0x0f, 0x7f, 0xfe, 0xf0, 0x80};
        masks.insert(static_cast<unsigned>(1 + random() % 254));
        for (const unsigned mask : masks) {
            SimDisk::Block torn = before;
            for (size_t s = 0; s < 8; s++)
                if (mask & (1u << s))
                    std::copy_n(log[n].data.begin() + static_cast<long>(s * 512), 512,
                                torn.begin() + static_cast<long>(s * 512));
            if (torn == before || torn == log[n].data)
                continue;
            cut.image[log[n].block] = torn;
            visit(cut, true);
        }
    }
}

// Afterwards one copy of something is lost, too.
template <class F>
void losses_of(const Spare& spare, const SimDisk& cut, u64 tables, F visit) {
    visit(cut, "nothing lost");
    for (const unsigned copy : {0u, 1u}) {
        const std::string which = "copy " + std::to_string(copy);
        SimDisk disk = cut;
        disk.image.erase(SimDisk::block_of(spare.sb_sector(copy)));
        visit(disk, "superblock " + which + " lost");
        for (u64 index = 0; index < tables; index++)
            disk.image.erase(spare.table_block(index, copy));
        visit(disk, "all of " + which + " lost");
        for (u64 index = 0; index < tables; index++) {
            SimDisk one = cut;
            one.image.erase(spare.table_block(index, copy));
            visit(one, "table block " + std::to_string(index) + " " + which + " lost");
        }
    }
}

struct Tally {
    u64 images = 0, refused = 0;
};

// A torn write already cost one copy: with the other gone too the set may be
// refused, but not load wrong.
void check_image(SimDisk& disk, const Allowed& allowed, bool may_refuse, const std::string& what,
                 Tally& tally) {
    const Set set(disk);
    tally.images++;
    if (set.error) {
        tally.refused++;
        EXPECT_TRUE(may_refuse) << what << ": " << set.problem();
        EXPECT_EQ(set.error, -EUCLEAN) << what;
        return;
    }
    EXPECT_TRUE(right(set.view(), allowed)) << what << ": " << testing::PrintToString(set.view());
}

Tally check_every_cut(const Spare& spare, const Recording& recording, u64 tables) {
    std::mt19937_64 random(4);
    Tally tally;
    for (size_t n = 0; n <= recording.log().size(); n++) {
        const Allowed allowed = recording.allowed(n);
        images_after(recording.base(), recording.log(), n, random, [&](SimDisk& cut, bool torn) {
            losses_of(spare, cut, tables, [&](SimDisk disk, const std::string& lost) {
                const bool may_refuse = torn && lost != "nothing lost";
                check_image(disk, allowed, may_refuse,
                            "after write " + std::to_string(n) + ", " + lost, tally);
            });
        });
        if (testing::Test::HasFailure())
            break;
    }
    return tally;
}

TEST(Crash, AddChangeFree) {
    Spare spare(2 * DMR_TABLE_ENTRIES);
    Recording recording(spare);
    // Slots whose entries lie in the first, a middle and the last sector of the
    // table block, so that a torn write can lose any of them.
    for (const u64 slot : {0ull, 100ull, 251ull})
        recording.step([&](Live& live) { EXPECT_EQ(live.commit_in(slot, slot * 1000, 0xff), 0); });
    recording.step([](Live& live) { // un-lost
        EXPECT_EQ(live.commit_in(100, 100000, 0x0f), 0);
    });
    recording.step([](Live& live) { EXPECT_EQ(live.free(251000), 0); });
    recording.step([](Live& live) { EXPECT_EQ(live.commit_in(251, 7), 0); }); // its slot again
    const Tally tally = check_every_cut(spare, recording, 2);
    EXPECT_GT(tally.images, 500u);
}

// A batch over several table blocks: each of its entries is there or not.
TEST(Crash, Batch) {
    Spare spare(2 * DMR_TABLE_ENTRIES);
    Recording recording(spare);
    for (int round = 0; round < 3; round++)
        recording.step([&](Live& live) {
            std::vector<dmr_change> changes;
            for (const u64 slot : {1ull, 250ull, 300ull, 500ull}) {
                const u8 lost = static_cast<u8>(1 << round);
                changes.push_back({slot, mapped(slot, dmr_meta_next_gen(&live.set.meta), lost), 0});
                live.acked[slot] = {slot, lost, DMR_R_WRITE, 0};
            }
            EXPECT_EQ(dmr_meta_commit(&live.set.meta, changes.data(), 4), 4u);
        });
    check_every_cut(spare, recording, 2);
}

// An entry moves to another slot: never both, never none, never the older one.
TEST(Crash, MoveToAnotherSlot) {
    Spare spare(2 * DMR_TABLE_ENTRIES);
    Recording recording(spare);
    recording.step([](Live& live) { EXPECT_EQ(live.commit_in(200, 5, 0x01), 0); });
    recording.step([](Live& live) { EXPECT_EQ(live.commit_in(300, 5, 0x02), 0); });
    recording.step([](Live& live) { // the old slot becomes free
        dmr_change old{200, {}, 0};
        EXPECT_EQ(dmr_meta_commit(&live.set.meta, &old, 1), 1u);
    });
    recording.step([](Live& live) { EXPECT_EQ(live.add(6), 0); });
    check_every_cut(spare, recording, 2);
}

// A copy of a table block stops taking writes in the middle, with the data of
// the failed write on disk or not.
TEST(Crash, CopyFails) {
    for (const unsigned copy : {0u, 1u})
        for (const bool lands : {false, true}) {
            SCOPED_TRACE("copy " + std::to_string(copy) + (lands ? ", lands" : ", does not land"));
            Spare spare(2 * DMR_TABLE_ENTRIES);
            Recording recording(spare);
            const u64 bad = spare.table_block(0, copy);
            recording.step([](Live& live) { EXPECT_EQ(live.add(5, 0x01), 0); });
            recording.step([](Live& live) { EXPECT_EQ(live.add(6, 0x01), 0); });
            // From here on, in the log a failed write that lands is a write,
            // one that does not is none.
            spare.disk.failed_writes_land = lands;
            spare.disk.fails = [bad](SimDisk::Op op, u64 at) {
                return op == SimDisk::Op::write && at == bad;
            };
            recording.step([](Live& live) {
                EXPECT_EQ(live.commit_in(live.acked.at(5).slot, 5, 0), -EIO);
                EXPECT_EQ(live.add(5), 0);
            });
            recording.step([](Live& live) { EXPECT_EQ(live.add(8), 0); });

            // The failed commit may show its own outcome until it is repeated.
            std::vector<SimDisk::Write> log;
            for (const auto& w : recording.log())
                if (!w.failed || lands)
                    log.push_back(w);
            Tally tally;
            SimDisk all = recording.base();
            all.logging = false;
            all.fails = nullptr;
            for (const auto& w : log)
                all.image[w.block] = w.data;
            losses_of(spare, all, 2, [&](SimDisk disk, const std::string& lost) {
                check_image(disk, recording.allowed(recording.log().size()), false, lost, tally);
            });
        }
}

TEST(Crash, TableExtension) {
    const u64 tables = 12;
    Spare spare(tables * DMR_TABLE_ENTRIES, 2 * sample::tib, 1);
    for (u64 slot = 0; slot < DMR_TABLE_ENTRIES - 1; slot++)
        spare.put(slot, mapped(slot, slot + 1));
    Recording recording(spare);
    for (u64 block = 5000; block < 5003; block++)
        recording.step([&](Live& live) { EXPECT_EQ(live.add(block), 0); });
    // Only the first blocks are interesting to lose.
    check_every_cut(spare, recording, 2);
}

// Crashes while the damage of a crash is being repaired.
TEST(Crash, DuringActivation) {
    Spare spare(2 * DMR_TABLE_ENTRIES);
    spare.put(0, mapped(5, 1));
    spare.put(1, mapped(5, 2, 0x10)); // a duplicate to retire
    spare.put(300, mapped(6, 3));
    for (const unsigned damage : {0u, 1u, 2u, 3u, 4u}) {
        SimDisk start = spare.disk;
        if (damage == 1 || damage == 2)
            start.image.erase(spare.table_block(0, damage - 1));
        if (damage == 3 || damage == 4)
            start.image.erase(SimDisk::block_of(spare.sb_sector(damage - 3)));
        Allowed allowed;
        for (const auto& [block, m] : Set(start).view())
            allowed[block] = {m};
        ASSERT_EQ(allowed.size(), 2u);

        SimDisk disk = start;
        disk.logging = true;
        { const Live live(disk); }
        std::mt19937_64 random(5);
        Tally tally;
        for (size_t n = 0; n <= disk.log.size(); n++)
            images_after(start, disk.log, n, random, [&](SimDisk& cut, bool) {
                check_image(cut, allowed, false, "damage " + std::to_string(damage), tally);
                // And the next activation goes through.
                SimDisk again = cut;
                const Live live(again);
                EXPECT_TRUE(right(live.acked, allowed));
                EXPECT_TRUE(right(Set(again).view(), allowed));
            });
    }
}

// A long random life with crashes, against what was acknowledged.
class CrashModel : public testing::TestWithParam<unsigned> {};

TEST_P(CrashModel, RandomOperationsAndCuts) {
    std::mt19937_64 random(GetParam());
    Spare spare(3 * DMR_TABLE_ENTRIES - 100);
    SimDisk start = spare.disk;
    Allowed allowed;
    for (int life = 0; life < 12; life++) {
        SimDisk disk = start;
        disk.logging = true;
        disk.log.clear();
        std::vector<Step> steps;
        {
            Live live(disk);
            ASSERT_TRUE(right(live.acked, allowed)) << "life " << life;
            steps.push_back({disk.log.size(), live.acked});
            for (u64 ops = random() % 12; ops; ops--) {
                const u64 kind = random() % 4;
                const u64 block = random() % 40 * 20000;
                const bool has = live.acked.contains(block);
                if (!has)
                    ASSERT_EQ(live.add(block, static_cast<u8>(random())), 0);
                else if (kind == 0)
                    ASSERT_EQ(live.free(block), 0);
                else
                    ASSERT_EQ(
                        live.commit_in(live.acked.at(block).slot, block, static_cast<u8>(random())),
                        0);
                steps.push_back({disk.log.size(), live.acked});
            }
        }
        // Cut anywhere. Until activation has repaired what the last cut left,
        // the outcome of the operation that it hit may still change.
        const size_t n = random() % (disk.log.size() + 1);
        const bool active = n >= steps[0].log_end;
        if (active)
            allowed = allowed_after(steps, n);
        std::vector<std::pair<SimDisk, bool>> images;
        images_after(start, disk.log, n, random,
                     [&](SimDisk& cut, bool torn) { images.emplace_back(cut, torn); });
        auto& [image, torn] = images[random() % images.size()];
        // Sometimes a copy of something is lost that was not torn.
        if (active && !torn && random() % 2)
            image.image.erase(spare.table_block(random() % 3, random() % 2));
        start = image;
        const Set set(start);
        ASSERT_EQ(set.error, 0) << set.problem();
        EXPECT_TRUE(right(set.view(), allowed)) << "life " << life << " cut at " << n;
        if (HasFailure())
            return;
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, CrashModel, testing::Range(0u, 20u));

} // namespace
