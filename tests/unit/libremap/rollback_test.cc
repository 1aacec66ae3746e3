// SPDX-License-Identifier: GPL-2.0-only
// Creating, assembling and stopping a set while each operation in turn fails: what
// is left is never a device that does not work, nor metadata that is active and
// incomplete.
#include <fstream>
#include <iterator>

#include "core/assemble.h"
#include "core/create.h"
#include "dm/fake.h"
#include "expect_error.h"
#include "fake_host.h"
#include "format/check.h"

namespace remap::core {
namespace {

using test::expect_error;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr int no_failure = -1;

// A machine with two disks, whose n-th operation fails, whether of the host or of
// device-mapper.
class Machine {
public:
    Machine() {
        main = host.add_disk("sda", Sector{20'001}, "0x5000c500a");
        spare = host.add_disk("sdb", Sector{65'536});
        host.on_operation = [this](const std::string& line) { return next(line); };
        dm.before = [this](const std::string& line) {
            if (const int error = next(line); error != 0)
                throw os_error(error, "cannot " + line);
        };
    }

    void fail(int nth) {
        log.clear();
        failed.clear();
        fail_at_ = nth;
    }
    void create() {
        create_set(host, dm, plan_create(host, dm, {"r0", main, spare, false, false}));
    }
    void assemble() {
        AssembleRequest request;
        request.name = "r0";
        assemble_set(host, dm, plan_assemble(host, dm, request));
    }
    format::CheckReport check() {
        const auto file = host.open(host.inspect(spare), sys::Access::read);
        return format::check_spare(*file);
    }
    static std::string content(const std::string& path) {
        std::ifstream file{path, std::ios::binary};
        return {std::istreambuf_iterator<char>{file}, {}};
    }

    test::FakeHost host;
    dm::FakeDeviceMapper dm;
    std::string main;
    std::string spare;
    std::vector<std::string> log;
    std::string failed; // the operation that did

private:
    int next(const std::string& line) {
        log.push_back(line);
        if (static_cast<int>(log.size()) - 1 != fail_at_)
            return 0;
        failed = line;
        return EIO;
    }
    int fail_at_ = no_failure;
};

// Runs an action with its first operation failing, then the second, and so on until
// it runs through. Returns the operations that failed.
template <class Prepare, class Action, class Judge>
std::vector<std::string> fail_each(const Prepare& prepare, const Action& action,
                                   const Judge& judge) {
    constexpr int enough = 200;
    std::vector<std::string> failures;
    for (int nth = 0; nth < enough; ++nth) {
        Machine machine;
        prepare(machine);
        machine.fail(nth);
        std::optional<Error> error;
        try {
            action(machine);
        } catch (const Error& e) {
            error = e;
        }
        const std::string failed = machine.failed;
        machine.fail(no_failure);
        if (failed.empty()) {
            EXPECT_FALSE(error) << error->what();
            return failures;
        }
        SCOPED_TRACE(failed);
        failures.push_back(failed);
        if (error) {
            // a spare that can't be opened is as good as none
            EXPECT_TRUE(error->code() == Code::failed || error->code() == Code::not_found);
            EXPECT_THAT(error->what(), HasSubstr("Input/output error"));
        }
        judge(machine, error);
    }
    ADD_FAILURE() << "does not come to an end";
    return failures;
}

TEST(Rollback, CreateWithEachOperationFailing) {
    const auto failures = fail_each(
        [](Machine&) {}, [](Machine& machine) { machine.create(); },
        [](Machine& machine, const std::optional<Error>& error) {
            EXPECT_EQ(machine.dm.devices.empty(), error.has_value());
            EXPECT_EQ(Machine::content(machine.main).find_first_not_of('\0'), std::string::npos);
            const format::CheckReport report = machine.check();
            if (!report.is_member || !report.record ||
                report.record->state == format::State::creating) {
                EXPECT_TRUE(error);
                expect_error(report.is_member ? (report.record ? Code::refused : Code::damaged)
                                              : Code::not_found,
                             "", [&] { machine.assemble(); });
                return;
            }
            // active, in one place at least: then it is complete
            EXPECT_EQ(report.record->state, format::State::active);
            EXPECT_LE(report.worst, format::Severity::repairable);
            if (error) {
                machine.assemble();
                EXPECT_TRUE(machine.dm.devices.contains("r0"));
            }
        });
    EXPECT_THAT(failures, testing::IsSupersetOf({
                              "open sda read",
                              "open sdb read",
                              "read sdb 0+8",
                              "probe sda",
                              "probe sdb",
                              "lock-disk sdb",
                              "open sdb write",
                              "write sdb 0+8",
                              "write sdb 65528+8",
                              "sync sdb",
                              "create r0",
                              "reload r0",
                              "resume r0",
                          }));
    EXPECT_THAT(failures, testing::IsSupersetOf({"lock-member 8:0", "lock-member 8:1"}));
}

TEST(Rollback, AssembleWithEachOperationFailing) {
    std::string before;
    const auto failures = fail_each(
        [&](Machine& machine) {
            machine.create();
            machine.dm.remove("r0");
            before = Machine::content(machine.spare);
        },
        [](Machine& machine) { machine.assemble(); },
        [&](Machine& machine, const std::optional<Error>& error) {
            EXPECT_EQ(Machine::content(machine.spare), before);
            EXPECT_EQ(machine.dm.devices.empty(), error.has_value());
            if (error)
                machine.assemble();
            EXPECT_TRUE(machine.dm.devices.contains("r0"));
        });
    EXPECT_THAT(failures, testing::IsSupersetOf({"open sdb read", "read sdb 0+8", "create r0",
                                                 "reload r0", "resume r0"}));
}

TEST(Rollback, StopWithEachOperationFailing) {
    std::vector<std::string> warnings;
    int warned = 0;
    const auto failures = fail_each(
        [](Machine& machine) { machine.create(); },
        [&](Machine& machine) { warnings = stop_set(machine.host, machine.dm, "r0", false); },
        [&](Machine& machine, const std::optional<Error>& error) {
            EXPECT_EQ(error.has_value(), machine.dm.devices.contains("r0"));
            // what fails once the set is stopped is a warning
            EXPECT_TRUE(!error || warnings.empty());
            warned += warnings.empty() ? 0 : 1;
            if (error)
                (void)stop_set(machine.host, machine.dm, "r0", false);
            EXPECT_TRUE(machine.dm.devices.empty());
            warnings.clear();
        });
    // from "open" on only the shield's copies are brought up to date: one warning for all
    EXPECT_THAT(failures,
                testing::UnorderedElementsAre("deps r0", "lock-member 8:0", "lock-member 8:1",
                                              "table r0", "deps r0", "remove r0", "open sdb read",
                                              "read sdb 0+8", "read sdb 65528+8"));
    EXPECT_EQ(warned, 1);
}

TEST(Rollback, NothingIsWrittenBeforeTheLockIsHeld) {
    Machine machine;
    machine.create();
    const auto place = [&](const std::string& beginning) {
        return std::find_if(machine.log.begin(), machine.log.end(),
                            [&](const std::string& line) { return line.starts_with(beginning); });
    };
    EXPECT_LT(place("lock-member 8:1"), place("open sdb"));
    EXPECT_LT(place("lock-member 8:1"), place("lock-disk "));
    EXPECT_LT(place("lock-disk "), place("write "));
    EXPECT_LT(place("write "), place("create "));
}

class CreateDevice : public testing::Test {
protected:
    void make() { dm.create("r0", "REMAP-x", {{Sector{0}, Sector{8}, "remap", "8:0 8:1"}}, false); }
    void fail(const std::string& line, int error) {
        dm.before = [previous = dm.before, line, error](const std::string& now) {
            if (previous)
                previous(now);
            if (now == line)
                throw os_error(error, "cannot " + line);
        };
    }

    dm::FakeDeviceMapper dm;
};

TEST_F(CreateDevice, InThreeSteps) {
    make();
    EXPECT_THAT(dm.log, ElementsAre("create r0", "reload r0", "resume r0"));
    EXPECT_TRUE(dm.devices.at("r0").info.has_table);
}

TEST_F(CreateDevice, FirstStepFails) {
    fail("create r0", EBUSY);
    expect_error(Code::busy, "cannot create r0", [&] { make(); });
    EXPECT_THAT(dm.log, ElementsAre("create r0"));
}

TEST_F(CreateDevice, SecondStepFails) {
    fail("reload r0", EINVAL);
    expect_error(Code::failed, "cannot reload r0", [&] { make(); });
    EXPECT_THAT(dm.log, ElementsAre("create r0", "reload r0", "remove r0"));
    EXPECT_TRUE(dm.devices.empty());
}

TEST_F(CreateDevice, ThirdStepFails) {
    fail("resume r0", EIO);
    expect_error(Code::failed, "cannot resume r0", [&] { make(); });
    EXPECT_THAT(dm.log, ElementsAre("create r0", "reload r0", "resume r0", "remove r0"));
    EXPECT_TRUE(dm.devices.empty());
}

TEST_F(CreateDevice, TargetRefuses) {
    dm.on_load = [](const dm::FakeDeviceMapper::Device&) { throw dm::load_error(EUCLEAN, "r0"); };
    expect_error(Code::damaged, "its metadata is damaged", [&] { make(); });
    EXPECT_TRUE(dm.devices.empty());
}

TEST_F(CreateDevice, RollBackFailsAsWell) {
    fail("reload r0", EINVAL);
    fail("remove r0", EBUSY);
    expect_error(Code::failed,
                 "cannot reload r0: Invalid argument, and the empty device is still "
                 "there: cannot remove r0: Device or resource busy; remove it with: "
                 "dmsetup remove r0",
                 [&] { make(); });
    EXPECT_TRUE(dm.devices.contains("r0"));
}

TEST_F(CreateDevice, SomethingElseIsThrown) {
    dm.on_load = [](const dm::FakeDeviceMapper::Device&) { throw std::bad_alloc{}; };
    EXPECT_THROW(make(), std::bad_alloc);
    EXPECT_TRUE(dm.devices.empty());
}

TEST_F(CreateDevice, ExistingOneIsLeftAlone) {
    make();
    expect_error(Code::busy, "cannot create device r0", [&] { make(); });
    EXPECT_TRUE(dm.devices.at("r0").info.has_table);
}

} // namespace
} // namespace remap::core
