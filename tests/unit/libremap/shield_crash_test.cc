// SPDX-License-Identifier: GPL-2.0-only
// create with a shield and dissolve, cut off at every moment: the data is complete on
// main or through the set, and running the verb again finishes.
#include "core/shield.h"

#include "expect_error.h"
#include "power_cuts.h"
#include "shield_machine.h"

namespace remap::core {
namespace {

using test::file_content;
using test::ShieldMachine;
using test::WriteLog;

// A boot: nothing is assembled, everything else is on the disks.
void reboot(ShieldMachine& machine) {
    machine.dm.devices.clear();
    machine.dm.log.clear();
}

void expect_works(ShieldMachine& machine, const std::string& content, const std::string& what) {
    EXPECT_TRUE(machine.dm.devices.contains("r0")) << what;
    EXPECT_TRUE(machine.has_header()) << what;
    ASSERT_TRUE(machine.found_spare().record) << what;
    EXPECT_EQ(machine.found_spare().record->state, format::State::active) << what;
    EXPECT_TRUE(machine.view() == content) << what;
    EXPECT_TRUE(machine.host.signatures(machine.host.inspect(machine.main)).empty()) << what;
}

TEST(ShieldCrash, CreateRunAgainFinishes) {
    ShieldMachine machine;
    WriteLog log{machine.host};
    machine.create();
    expect_works(machine, machine.original, "without a cut");
    int cuts = 0;
    log.for_each_cut([&](const std::string& what, bool torn) {
        reboot(machine);
        ++cuts;
        // the member header is whole, or main is as it was; in a disk that tears
        // sectors its first sector may be neither
        if (!torn || machine.has_header()) {
            ASSERT_TRUE(machine.view() == machine.original) << what;
        }
        ASSERT_NO_THROW(machine.create()) << what;
        expect_works(machine, machine.original, what);
    });
    EXPECT_GT(cuts, 500);
}

TEST(ShieldCrash, CreateIsFinishedByAssembleOrLeavesMain) {
    ShieldMachine machine;
    WriteLog log{machine.host};
    machine.create();
    int finished = 0;
    int refused = 0;
    log.for_each_cut([&](const std::string& what, bool) {
        reboot(machine);
        if (machine.has_header()) {
            ASSERT_NO_THROW(machine.assemble()) << what;
            expect_works(machine, machine.original, what);
            ++finished;
            return;
        }
        const std::string before = file_content(machine.main);
        EXPECT_THROW(machine.assemble(), Error) << what;
        EXPECT_TRUE(machine.dm.devices.empty()) << what;
        EXPECT_TRUE(file_content(machine.main) == before) << what;
        ++refused;
    });
    EXPECT_GT(finished, 50);
    EXPECT_GT(refused, 50);
}

// Somebody uses main between the crash and the second attempt: what he wrote stays.
TEST(ShieldCrash, CreateRunAgainKeepsWhatWasWrittenMeanwhile) {
    ShieldMachine machine;
    WriteLog log{machine.host};
    machine.create();
    log.for_each_cut([&](const std::string& what, bool torn) {
        reboot(machine);
        if (torn || machine.has_header())
            return;
        std::string changed = machine.original;
        changed.replace(64, 5, "mine!");
        changed.replace(4 * 4096 + 600, 5, "mine!");
        test::set_content(machine.main, changed);
        ASSERT_NO_THROW(machine.create()) << what;
        expect_works(machine, changed, what);
    });
}

TEST(ShieldCrash, DissolveRunAgainFinishes) {
    ShieldMachine machine;
    machine.create();
    machine.use();
    const std::string content = machine.view();
    ASSERT_NE(content, machine.original);
    ASSERT_TRUE(stop_set(machine.host, machine.dm, "r0", false).empty());
    WriteLog log{machine.host};
    machine.dissolve();
    ASSERT_TRUE(file_content(machine.main) == content);
    ASSERT_FALSE(machine.found_spare().superblocks.is_member());
    int assembled = 0;
    log.for_each_cut([&](const std::string& what, bool torn) {
        reboot(machine);
        if (!torn || machine.has_header()) {
            ASSERT_TRUE(machine.view() == content) << what;
        }
        const FoundSpare spare = machine.found_spare();
        if (spare.record && spare.record->state == format::State::active) {
            // nothing is given up before DISSOLVING
            ASSERT_NO_THROW(machine.assemble()) << what;
            ASSERT_TRUE(machine.view() == content) << what;
            (void)stop_set(machine.host, machine.dm, "r0", false);
            ++assembled;
        } else {
            EXPECT_THROW(machine.assemble(), Error) << what;
        }
        if (spare.superblocks.found()) {
            ASSERT_NO_THROW(machine.dissolve()) << what;
        }
        EXPECT_TRUE(file_content(machine.main) == content) << what;
        EXPECT_FALSE(machine.found_spare().superblocks.found()) << what;
    });
    EXPECT_GT(assembled, 20);
}

// Runs an action with its first operation failing, then the second, and so on.
template <class Action, class Judge>
int fail_each(ShieldMachine& machine, Action&& action, Judge&& judge) {
    const std::string main = file_content(machine.main);
    const std::string spare = file_content(machine.spare);
    for (int nth = 0;; ++nth) {
        test::set_content(machine.main, main);
        test::set_content(machine.spare, spare);
        machine.dm.devices.clear();
        int count = 0;
        std::string failed;
        machine.host.on_operation = [&](const std::string& line) {
            if (count++ != nth)
                return 0;
            failed = line;
            return EIO;
        };
        bool threw = false;
        try {
            action();
        } catch (const Error&) {
            threw = true;
        }
        machine.host.on_operation = nullptr;
        if (failed.empty())
            return nth;
        judge(threw, failed);
    }
}

TEST(ShieldFailure, CreateLeavesMainOrASetThatWorks) {
    ShieldMachine machine;
    const int operations = fail_each(
        machine, [&] { machine.create(); },
        [&](bool threw, const std::string& failed) {
            EXPECT_TRUE(machine.view() == machine.original) << failed;
            if (!threw)
                return;
            EXPECT_TRUE(machine.dm.devices.empty()) << failed;
            // the member header stays only where the set is complete but for its state
            if (machine.has_header()) {
                EXPECT_NO_THROW(machine.assemble()) << failed;
                machine.dm.devices.clear();
            } else {
                EXPECT_TRUE(file_content(machine.main) == machine.original) << failed;
            }
            EXPECT_NO_THROW(machine.create()) << failed;
            EXPECT_TRUE(machine.view() == machine.original) << failed;
        });
    EXPECT_GT(operations, 60);
}

TEST(ShieldFailure, DissolveLeavesASetOrMain) {
    ShieldMachine machine;
    machine.create();
    machine.use();
    const std::string content = machine.view();
    (void)stop_set(machine.host, machine.dm, "r0", false);
    const int operations = fail_each(
        machine, [&] { machine.dissolve(); },
        [&](bool threw, const std::string& failed) {
            EXPECT_TRUE(machine.view() == content) << failed;
            if (!threw)
                return;
            if (machine.found_spare().superblocks.found()) {
                EXPECT_NO_THROW(machine.dissolve()) << failed;
            }
            EXPECT_TRUE(file_content(machine.main) == content) << failed;
        });
    EXPECT_GT(operations, 60);
}

// A block of main that can't be written to any more.
TEST(ShieldFailure, DissolveOfABlockThatCanNotBeWrittenLeavesTheSet) {
    for (const std::uint64_t block : {0ULL, 4ULL, 20ULL, 399ULL}) {
        ShieldMachine machine;
        machine.create();
        machine.use();
        const std::string content = machine.view();
        (void)stop_set(machine.host, machine.dm, "r0", false);
        machine.host.devices[machine.main].unwritable = {{Sector{block * 8}, Sector{8}}};
        test::expect_error(Code::failed, "--to DEV", [&] { machine.dissolve(); });
        EXPECT_EQ(machine.found_spare().record->state, format::State::active);
        EXPECT_TRUE(machine.view() == content) << block;
        machine.assemble();
        EXPECT_TRUE(machine.dm.devices.contains("r0"));
    }
}

} // namespace
} // namespace remap::core
