// SPDX-License-Identifier: GPL-2.0-only
// What the kernel knows of the partitions of main: it looks again when a shield has
// come or gone.
#include <gmock/gmock.h>

#include "core/recover_shield.h"
#include "shield_machine.h"

namespace remap::core {
namespace {

using test::ShieldMachine;
using testing::ElementsAre;
using testing::HasSubstr;

// The machine, with a list of what changes main or hands it to device-mapper.
class Partitions : public testing::Test {
protected:
    Partitions() {
        machine.host.on_operation = [this](const std::string& line) { return next(line); };
        machine.dm.before = [this](const std::string& line) { (void)next(line); };
    }

    // What came after the last write to main.
    std::vector<std::string> since_last_write() {
        std::vector<std::string> result;
        for (const std::string& line : log) {
            if (line.starts_with("write sda"))
                result.clear();
            else if (line.starts_with("reread") || line.starts_with("resume"))
                result.push_back(line);
        }
        log.clear();
        return result;
    }

    std::vector<std::string> create() {
        return create_set(machine.host, machine.dm,
                          plan_create(machine.host, machine.dm, machine.create_request()));
    }
    std::vector<std::string> dissolve() {
        return core::dissolve(machine.host, machine.dm,
                              plan_dissolve(machine.host, machine.dm, {ShieldMachine::named(), {}}))
            .warnings;
    }
    std::vector<std::string> recover() {
        RecoverShieldRequest request{machine.main, {}, true};
        return recover_shield(machine.host, plan_recover_shield(machine.host, request));
    }

    ShieldMachine machine;
    std::vector<std::string> log;
    int reread_error = 0;

private:
    int next(const std::string& line) {
        log.push_back(line);
        return line.starts_with("reread") ? reread_error : 0;
    }
};

TEST_F(Partitions, AreLookedForWhenTheShieldIsOnAndBeforeTheSetHoldsMain) {
    EXPECT_TRUE(create().empty());
    EXPECT_THAT(since_last_write(), ElementsAre("reread sda", "resume r0"));
}

TEST_F(Partitions, AreLookedForWhenTheShieldIsOff) {
    (void)create();
    EXPECT_TRUE(dissolve().empty());
    EXPECT_THAT(since_last_write(), ElementsAre("reread sda"));
    (void)create();
    (void)stop_set(machine.host, machine.dm, "r0", false);
    EXPECT_TRUE(recover().empty());
    EXPECT_THAT(since_last_write(), ElementsAre("reread sda"));
}

TEST_F(Partitions, AreNotLookedForWithoutAShield) {
    CreateRequest request = machine.create_request();
    request.shield = false;
    (void)create_set(machine.host, machine.dm, plan_create(machine.host, machine.dm, request));
    EXPECT_THAT(since_last_write(), ElementsAre("resume r0"));
}

TEST_F(Partitions, OfAPartitionAreNotLookedFor) {
    machine.host.devices[machine.main].block.partition = true;
    (void)create();
    EXPECT_THAT(since_last_write(), ElementsAre("resume r0"));
    (void)dissolve();
    EXPECT_THAT(since_last_write(), ElementsAre());
}

TEST_F(Partitions, ThatAreInUseAreAWarning) {
    reread_error = EBUSY;
    EXPECT_THAT(create(), ElementsAre(HasSubstr("partx --delete " + machine.main)));
    EXPECT_TRUE(machine.dm.devices.contains("r0"));
    EXPECT_THAT(dissolve(), ElementsAre(HasSubstr("blockdev --rereadpt " + machine.main)));
    EXPECT_TRUE(test::file_content(machine.main) == machine.original);
}

// The process that created the set was killed before it came to that.
TEST_F(Partitions, AreLookedForByWhoFinishesTheCreation) {
    const auto kill_at = [&](const std::string& line) {
        return line.starts_with("write sdb") && machine.has_header() ? EIO : 0;
    };
    machine.host.on_operation = kill_at;
    EXPECT_THROW((void)create(), Error);
    ASSERT_TRUE(machine.has_header());
    machine.host.on_operation = [this](const std::string& line) {
        log.push_back(line);
        return 0;
    };
    machine.assemble();
    EXPECT_THAT(since_last_write(), ElementsAre("reread sda", "resume r0"));
}

} // namespace
} // namespace remap::core
