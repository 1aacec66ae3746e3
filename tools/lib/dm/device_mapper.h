// SPDX-License-Identifier: GPL-2.0-only
// What this library asks of device-mapper, as an interface: libdm.cc talks to
// the kernel, fake.cc keeps devices in memory for tests.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/units.h"

namespace remap::dm {

// A device number as "8:17" in tables.
struct DeviceNumber {
    unsigned major = 0;
    unsigned minor = 0;

    [[nodiscard]] std::string str() const;
    auto operator<=>(const DeviceNumber&) const = default;
};

struct DeviceInfo {
    std::string name;
    std::string uuid;
    DeviceNumber number;
    bool suspended = false;
    bool read_only = false;
    bool has_table = false;
    int open_count = 0;
    std::uint32_t event_number = 0;
};

// One line of a table, or of a status.
struct Target {
    Sector start;
    Sector length;
    std::string type;
    std::string params;

    bool operator==(const Target&) const = default;
};

struct Version {
    unsigned major = 0;
    unsigned minor = 0;
    unsigned patch = 0;

    [[nodiscard]] std::string str() const;
};

// Every function throws remap::Error when the kernel refuses: Code::kernel if
// device-mapper or the target is missing, else what os_error() says. Names are
// device names, not paths.
class DeviceMapper {
public:
    virtual ~DeviceMapper() = default;

    // Nothing if there is no such device.
    [[nodiscard]] virtual std::optional<DeviceInfo> info(const std::string& name) = 0;
    [[nodiscard]] virtual std::optional<DeviceInfo> info_by_uuid(const std::string& uuid) = 0;
    // All devices, of any target.
    [[nodiscard]] virtual std::vector<DeviceInfo> list() = 0;

    // Create, load and resume, and wait until the node exists. On failure the device
    // is removed again; the error says so if that fails as well. In three steps and
    // not in libdevmapper's one, which forgets why the kernel refused the table.
    void create(const std::string& name, const std::string& uuid, const std::vector<Target>& table,
                bool read_only);
    // A device without a table, and without a node until it is resumed.
    virtual void create_empty(const std::string& name, const std::string& uuid) = 0;
    // Load a table into the inactive slot; resume() makes it live.
    virtual void reload(const std::string& name, const std::vector<Target>& table,
                        bool read_only) = 0;
    // Drop a table that reload() left in the inactive slot.
    virtual void clear(const std::string& name) = 0;
    // For a short change below the device: what is in flight ends or is held, the
    // file system on top is not frozen.
    virtual void suspend(const std::string& name) = 0;
    virtual void resume(const std::string& name) = 0;
    // Another name for a device, which may be in use; waits until the node exists.
    virtual void rename(const std::string& name, const std::string& new_name) = 0;
    // Tries again for a few seconds when something holds it open for a moment.
    virtual void remove(const std::string& name) = 0;

    [[nodiscard]] virtual std::vector<Target> table(const std::string& name) = 0;
    [[nodiscard]] virtual std::vector<Target> status(const std::string& name) = 0;
    // The answer of the target, possibly empty.
    virtual std::string message(const std::string& name, const std::string& text) = 0;
    [[nodiscard]] virtual std::vector<DeviceNumber> dependencies(const std::string& name) = 0;

    // Version of a target type, loading its module if necessary; nothing if the
    // kernel has no such target.
    [[nodiscard]] virtual std::optional<Version> target_version(const std::string& type) = 0;
    [[nodiscard]] virtual std::string driver_version() = 0;
};

// Without device-mapper. action: "list devices"; detail: what libdevmapper says.
[[nodiscard]] Error no_device_mapper(const std::string& action, const std::string& detail = {});
// What it means that the kernel refused a table.
[[nodiscard]] Error load_error(int error_number, const std::string& name);
// What it means that a target refused a message.
[[nodiscard]] Error message_error(int error_number, const std::string& name,
                                  const std::string& text);

// The kernel's device-mapper, through libdevmapper.
[[nodiscard]] std::unique_ptr<DeviceMapper> make_device_mapper();

// Version of the libdevmapper that is in use.
[[nodiscard]] std::string library_version();

} // namespace remap::dm
