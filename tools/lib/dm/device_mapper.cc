// SPDX-License-Identifier: GPL-2.0-only
#include "dm/device_mapper.h"

#include <cerrno>

#include "base/error.h"
#include "base/text.h"

namespace remap::dm {

namespace {

// Removes a device that never worked. Returns why that failed as well, or nothing:
// the error that the user has to hear first is another one.
std::string discard(DeviceMapper& dm, const std::string& name) noexcept {
    try {
        dm.remove(name);
        return {};
    } catch (const std::exception& e) {
        return e.what();
    }
}

} // namespace

std::string DeviceNumber::str() const {
    return std::to_string(major) + ":" + std::to_string(minor);
}

std::string Version::str() const {
    return strf("%u.%u.%u", major, minor, patch);
}

void DeviceMapper::create(const std::string& name, const std::string& uuid,
                          const std::vector<Target>& table, bool read_only) {
    create_empty(name, uuid);
    try {
        reload(name, table, read_only);
        resume(name);
    } catch (const Error& e) {
        const std::string problem = discard(*this, name);
        if (problem.empty())
            throw;
        throw Error{e.code(), e.reason() + ", and the empty device is still there: " + problem,
                    "remove it with: dmsetup remove " + name};
    } catch (...) {
        (void)discard(*this, name);
        throw;
    }
}

Error no_device_mapper(const std::string& action, const std::string& detail) {
    return {Code::kernel,
            "cannot " + action + ": no device-mapper in this kernel" +
                (detail.empty() ? "" : " (" + detail + ")"),
            "load it with: modprobe dm_mod"};
}

Error load_error(int error_number, const std::string& name) {
    if (error_number == EUCLEAN)
        return {Code::damaged, "cannot activate " + name + ": its metadata is damaged",
                "remapctl metadata check names the damage"};
    return os_error(error_number, "cannot load a table for " + name);
}

Error message_error(int error_number, const std::string& name, const std::string& text) {
    const std::string verb{text.substr(0, text.find(' '))};
    if (error_number == EROFS)
        return {Code::refused, name + ": is read-only, '" + verb + "' would change it"};
    if (error_number == EBUSY)
        return {Code::busy, name + ": is suspended"};
    if (error_number == EINVAL)
        return {Code::kernel, name + ": the target does not take the message '" + verb + "'",
                "is the module of another version than the tools?"};
    return os_error(error_number, "cannot send '" + verb + "' to " + name);
}

} // namespace remap::dm
