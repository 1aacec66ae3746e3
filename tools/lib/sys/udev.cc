// SPDX-License-Identifier: GPL-2.0-only
#include "sys/udev.h"

#include <algorithm>
#include <cstdint>
#include <libudev.h>
#include <memory>
#include <poll.h>
#include <string_view>
#include <sys/sysmacros.h>

#include "base/text.h"

namespace remap::sys {

namespace {

struct UdevDeleter {
    void operator()(udev* u) const { udev_unref(u); }
    void operator()(udev_device* d) const { udev_device_unref(d); }
    void operator()(udev_monitor* m) const { udev_monitor_unref(m); }
};

} // namespace

std::string udev_property(dm::DeviceNumber number, const char* name) {
    const std::unique_ptr<udev, UdevDeleter> context{udev_new()};
    if (!context)
        return {};
    const std::unique_ptr<udev_device, UdevDeleter> device{
        udev_device_new_from_devnum(context.get(), 'b', makedev(number.major, number.minor))};
    if (!device)
        return {};
    const char* const value = udev_device_get_property_value(device.get(), name);
    return value == nullptr ? "" : printable(value);
}

bool wait_for_block_device(std::chrono::steady_clock::time_point deadline) {
    const std::unique_ptr<udev, UdevDeleter> context{udev_new()};
    const std::unique_ptr<udev_monitor, UdevDeleter> monitor{
        context ? udev_monitor_new_from_netlink(context.get(), "udev") : nullptr};
    if (monitor) {
        udev_monitor_filter_add_match_subsystem_devtype(monitor.get(), "block", nullptr);
        udev_monitor_enable_receiving(monitor.get());
    }
    // a descriptor below zero is not looked at
    pollfd wait{monitor ? udev_monitor_get_fd(monitor.get()) : -1, POLLIN, 0};
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
                              deadline - std::chrono::steady_clock::now())
                              .count();
        if (left <= 0)
            return false;
        constexpr std::int64_t longest = 3'600'000; // fits an int
        if (::poll(&wait, 1, static_cast<int>(std::min<std::int64_t>(left, longest))) <= 0)
            continue;
        const std::unique_ptr<udev_device, UdevDeleter> device{
            udev_monitor_receive_device(monitor.get())};
        const char* const action = device ? udev_device_get_action(device.get()) : nullptr;
        if (action != nullptr && std::string_view{action} != "remove")
            return true;
    }
}

} // namespace remap::sys
