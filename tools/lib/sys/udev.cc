// SPDX-License-Identifier: GPL-2.0-only
#include "sys/udev.h"

#include <libudev.h>
#include <memory>
#include <sys/sysmacros.h>

#include "base/text.h"

namespace remap::sys {

std::string udev_property(dm::DeviceNumber number, const char* name) {
    struct UdevDeleter {
        void operator()(udev* u) const { udev_unref(u); }
        void operator()(udev_device* d) const { udev_device_unref(d); }
    };
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

} // namespace remap::sys
