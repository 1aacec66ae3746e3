// SPDX-License-Identifier: GPL-2.0-only
// Long random lives with crashes in them, against what was acknowledged.
#include "crash_judge.h"

#include <gtest/gtest.h>

using namespace crash;

namespace {

class CrashModel : public testing::TestWithParam<unsigned> {};

void random_operation(Driver& d, std::mt19937_64& random, u64 version) {
    const u64 kind = random() % 5;
    const u64 block = random() % 40 * 20000;
    if (!d.mapped(block)) {
        if (kind)
            ASSERT_EQ(d.map(block, version, static_cast<u8>(random())), 0);
        else
            d.write_main(block, contents(block, version));
    } else if (kind == 0 && !lost_mask(d.told.blocks.at(block))) {
        ASSERT_EQ(d.unmap(block), 0);
    } else if (kind == 1) {
        ASSERT_EQ(d.move(block), 0);
    } else if (const u8 lost_now = lost_mask(d.told.blocks.at(block))) {
        ASSERT_EQ(d.rewrite(block, lost_now & static_cast<u8>(random() | (lost_now & -lost_now)),
                            version),
                  0);
    }
}

TEST_P(CrashModel, RandomOperationsAndCuts) {
    std::mt19937_64 random(GetParam());
    const Spare spare(3 * DMR_TABLE_ENTRIES - 100, 16 * sample::gib);
    State start{spare.disk, {}, {}};
    Allowed allowed;
    Judge judge(spare, "random lives, seed " + std::to_string(GetParam()));
    u64 version = 1;
    for (int life = 0; life < 12; life++) {
        State state = start;
        state.spare.logging = true;
        state.spare.log.clear();
        std::vector<Step> steps;
        {
            Driver driver(state);
            for (const auto& entry : allowed.blocks)
                driver.told.blocks[entry.first] = driver.get(entry.first);
            steps.push_back({state.spare.log.size(), driver.told});
            for (u64 ops = random() % 12; ops; ops--) {
                random_operation(driver, random, version++);
                steps.push_back({state.spare.log.size(), driver.told});
            }
        }
        // Cut anywhere. Until activation has repaired what the last cut left,
        // the outcome of the operation that it hit may still change.
        const Log log = state.spare.log;
        const size_t n = random() % (log.size() + 1);
        const bool active = n >= steps[0].log_end;
        if (active || !life)
            allowed = allowed_after(steps, n);
        allowed.step += static_cast<size_t>(life) * 100;
        std::vector<State> images;
        Limits limits;
        Cutter(start, log, 0, limits, [&](size_t at, const State& cut) {
            if (at == n)
                images.push_back(cut);
        }).run();
        start = images[random() % images.size()];
        // Sometimes a copy of something is lost that was not torn.
        if (active && start.bad.empty() && random() % 2)
            lose(start, spare.table_block(random() % 3, random() % 2),
                 static_cast<Loss>(random() % 3));
        judge.state(start, allowed, n, "life " + std::to_string(life));
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, CrashModel, testing::Range(0u, 20u));

} // namespace
