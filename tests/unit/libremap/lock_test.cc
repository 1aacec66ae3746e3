// SPDX-License-Identifier: GPL-2.0-only
#include "sys/lock.h"

#include <cstdlib>
#include <filesystem>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "expect_error.h"

namespace remap::sys {
namespace {

using namespace std::chrono_literals;

class LockFile : public testing::Test {
protected:
    LockFile() {
        std::string pattern = std::filesystem::temp_directory_path() / "lock-test-XXXXXX";
        if (::mkdtemp(pattern.data()) == nullptr)
            throw os_error(errno, pattern);
        directory = pattern;
    }
    ~LockFile() override {
        std::error_code ignored;
        std::filesystem::remove_all(directory, ignored);
    }
    Lock take(std::chrono::seconds timeout) {
        return lock_file(directory + "/locks", "8-17", "/dev/sdb1", timeout);
    }
    std::string directory;
};

TEST_F(LockFile, KeepsOthersOut) {
    const Lock held = take(0s);
    test::expect_error(Code::busy,
                       "/dev/sdb1 is locked by another remapctl (process " +
                           std::to_string(::getpid()) + ")",
                       [&] { (void)take(0s); });
    const auto permissions = std::filesystem::status(directory + "/locks").permissions();
    EXPECT_EQ(permissions, std::filesystem::perms::owner_all);
}

TEST_F(LockFile, EndsWithItsOwner) {
    { const Lock held = take(0s); }
    const Lock again = take(0s);
    EXPECT_TRUE(again);
}

TEST_F(LockFile, EndsWithItsProcess) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        const Lock held = take(0s);
        ::_exit(held ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
    EXPECT_TRUE(take(0s));
}

TEST_F(LockFile, WaitsForWhoeverHasIt) {
    auto held = std::make_unique<Lock>(take(0s));
    std::thread other([&] {
        // flock() of another open file waits, also within one process
        std::this_thread::yield();
        held.reset();
    });
    EXPECT_TRUE(take(60s));
    other.join();
}

} // namespace
} // namespace remap::sys
