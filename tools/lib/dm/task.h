// SPDX-License-Identifier: GPL-2.0-only
// Owners for what libdevmapper hands out.
#pragma once

#include <cstdint>
#include <libdevmapper.h>
#include <memory>
#include <string>

namespace remap::dm {

// Collects what libdevmapper logs, instead of letting it print, from
// construction to destruction. Not for several threads at once, as the library's
// log function is global.
class LogCapture {
public:
    LogCapture();
    ~LogCapture();
    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;

    // The first error logged since construction; empty if there was none.
    [[nodiscard]] const std::string& text() const;
};

// True if udevd is there to make device nodes. Without it (in an initramfs, say)
// nobody would answer a cookie, and libdevmapper makes the nodes.
[[nodiscard]] bool udev_is_running();

// A udev synchronisation cookie. The destructor always waits for it, also after a
// failed task: a cookie that nobody waits for leaks a semaphore.
class UdevCookie {
public:
    UdevCookie() = default;
    ~UdevCookie();
    UdevCookie(const UdevCookie&) = delete;
    UdevCookie& operator=(const UdevCookie&) = delete;

    // Put the cookie into a task that creates, resumes or removes a device.
    void attach(dm_task* task);

private:
    std::uint32_t value_ = 0;
    bool attached_ = false;
};

struct TaskDeleter {
    void operator()(dm_task* task) const { dm_task_destroy(task); }
};

class Task {
public:
    // type: DM_DEVICE_...; what: "create r0", to begin error texts with.
    Task(int type, std::string what);

    [[nodiscard]] dm_task* get() const { return task_.get(); }
    // Throws Code::failed if a setter of libdevmapper returned 0.
    void require(int result) const;
    // Throws if the ioctl fails.
    void run();
    // Returns 0 or the errno of the ioctl. Throws Code::kernel or Code::refused when
    // device-mapper itself can't be reached.
    [[nodiscard]] int try_run();
    // Throws for an error number that try_run() returned.
    [[noreturn]] void fail(int error_number) const;

private:
    std::string what_;
    LogCapture log_;
    std::unique_ptr<dm_task, TaskDeleter> task_;
};

} // namespace remap::dm
