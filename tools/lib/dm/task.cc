// SPDX-License-Identifier: GPL-2.0-only
#include "dm/task.h"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "dm/device_mapper.h"

namespace remap::dm {

namespace {

// Log levels of libdevmapper: 2 fatal, 3 error, 4 warning, higher is chatter.
constexpr int level_error = 3;
constexpr int level_mask = 7;

std::string& captured() {
    static std::string text;
    return text;
}

[[gnu::format(printf, 5, 6)]] void capture_line(int level, const char*, int, int,
                                                const char* format, ...) {
    if ((level & level_mask) > level_error || !captured().empty())
        return;
    std::va_list args;
    va_start(args, format);
    char line[512];
    // libdevmapper's own formats, checked by the attribute of its declaration
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    std::vsnprintf(line, sizeof(line), format, args);
#pragma GCC diagnostic pop
    va_end(args);
    captured() = printable(trim(line));
}

constexpr const char* control_node = "/dev/mapper/control";

} // namespace

LogCapture::LogCapture() {
    captured().clear();
    dm_log_with_errno_init(capture_line);
}

LogCapture::~LogCapture() {
    captured().clear();
}

const std::string& LogCapture::text() const {
    return captured();
}

bool udev_is_running() {
    return ::access("/run/udev/control", F_OK) == 0 && dm_udev_get_sync_support() != 0;
}

UdevCookie::~UdevCookie() {
    const LogCapture quiet;
    if (attached_)
        dm_udev_wait(value_);
    else
        dm_task_update_nodes();
}

void UdevCookie::attach(dm_task* task) {
    if (!udev_is_running())
        return;
    if (dm_task_set_cookie(task, &value_, DM_UDEV_DISABLE_LIBRARY_FALLBACK) == 0)
        throw Error{Code::failed, "cannot create a udev cookie"};
    attached_ = true;
}

Task::Task(int type, std::string what) : what_{std::move(what)}, task_{dm_task_create(type)} {
    if (!task_)
        fail(errno);
}

void Task::require(int result) const {
    if (result == 0)
        throw Error{Code::failed,
                    "cannot " + what_ + (log_.text().empty() ? "" : ": " + log_.text())};
}

int Task::try_run() {
    if (dm_task_run(task_.get()) != 0)
        return 0;
    const int error = dm_task_get_errno(task_.get());
    if (error == 0 || error == ENOTTY)
        fail(error);
    return error;
}

void Task::run() {
    if (const int error = try_run(); error != 0)
        fail(error);
}

// The errno of the ioctl tells what happened, if there was an ioctl. Without one
// libdevmapper could not reach the driver; the control node tells why.
void Task::fail(int error_number) const {
    const Fd control{::open(control_node, O_RDWR | O_CLOEXEC)};
    const int open_error = control ? 0 : errno;
    if (open_error == EACCES || open_error == EPERM)
        throw os_error(open_error, std::string{"cannot open "} + control_node);
    if (open_error == 0 && error_number != 0 && error_number != ENOTTY)
        throw os_error(error_number, "cannot " + what_);
    if (::geteuid() != 0)
        throw Error{Code::refused, "cannot " + what_ + ": device-mapper needs privileges",
                    "try as root"};
    throw no_device_mapper(what_, log_.text());
}

} // namespace remap::dm
