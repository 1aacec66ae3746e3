// SPDX-License-Identifier: GPL-2.0-only
#include "sys/lock.h"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"

namespace remap::sys {

namespace {

// flock() knows no timeout: the signal of a timer interrupts it. The timer goes on
// ticking, for the first signal could come just before the call.
class Alarm {
public:
    explicit Alarm(std::chrono::seconds timeout) {
        struct sigaction action {};
        action.sa_handler = [](int) {};
        ::sigaction(SIGALRM, &action, &before_);
        itimerval timer{};
        timer.it_interval.tv_usec = tick_usec;
        timer.it_value.tv_sec = timeout.count();
        if (timeout.count() == 0)
            timer.it_value.tv_usec = 1;
        ::setitimer(ITIMER_REAL, &timer, nullptr);
    }
    ~Alarm() {
        const itimerval off{};
        ::setitimer(ITIMER_REAL, &off, nullptr);
        ::sigaction(SIGALRM, &before_, nullptr);
    }
    Alarm(const Alarm&) = delete;
    Alarm& operator=(const Alarm&) = delete;

private:
    static constexpr suseconds_t tick_usec = 100'000;
    struct sigaction before_ {};
};

int lock_within(int fd, std::chrono::seconds timeout) {
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK)
        return errno;
    const Alarm alarm{timeout};
    return ::flock(fd, LOCK_EX) == 0 ? 0 : errno;
}

// The process that wrote its number into the file when it took the lock.
std::string holder(const std::string& path) {
    const auto pid = parse_number<unsigned>(read_line(path));
    return pid ? " (process " + std::to_string(*pid) + ")" : "";
}

} // namespace

Lock lock_file(const std::string& directory, const std::string& key, const std::string& what,
               std::chrono::seconds timeout) {
    std::error_code error;
    const bool made = std::filesystem::create_directories(directory, error);
    if (error)
        throw os_error(error.value(), "cannot make " + directory);
    if (made)
        std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
    const std::string path = directory + "/" + key + ".lock";
    Lock lock = open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    const int failed = lock_within(lock.get(), timeout);
    if (failed == EINTR)
        throw Error{Code::busy, what + " is locked by another remapctl" + holder(path),
                    "wait for it, or give a longer --lock-timeout"};
    if (failed != 0)
        throw os_error(failed, "cannot lock " + path);
    const std::string pid = std::to_string(::getpid()) + "\n";
    // for the message above only: a lock without a number is a lock as well
    if (::ftruncate(lock.get(), 0) != 0 || ::pwrite(lock.get(), pid.data(), pid.size(), 0) < 0)
        return lock;
    return lock;
}

} // namespace remap::sys
