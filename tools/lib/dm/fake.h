// SPDX-License-Identifier: GPL-2.0-only
// Devices in memory instead of in the kernel, for tests of everything that uses
// DeviceMapper. What a target would do is up to the test.
#pragma once

#include <functional>
#include <map>

#include "dm/device_mapper.h"

namespace remap::dm {

class FakeDeviceMapper final : public DeviceMapper {
public:
    struct Device {
        DeviceInfo info;
        std::vector<Target> live;
        std::vector<Target> inactive;
    };

    std::map<std::string, Device> devices;
    // What was done, in order: "create r0", "message r0 add 5".
    std::vector<std::string> log;
    // Called before each operation with its log line; may throw to make it fail.
    std::function<void(const std::string&)> before;
    // Answers a message; without it every answer is empty.
    std::function<std::string(const std::string& name, const std::string& text)> on_message;
    // Status parameters of a device; without it the status is empty.
    std::function<std::string(const std::string& name)> on_status;
    // What the target does when a table is loaded and when it becomes the live one;
    // may throw to refuse.
    std::function<void(const Device&)> on_load;
    std::function<void(const Device&)> on_resume;
    std::optional<Version> remap_version = Version{1, 0, 0};

    std::optional<DeviceInfo> info(const std::string& name) override;
    std::optional<DeviceInfo> info_by_uuid(const std::string& uuid) override;
    std::vector<DeviceInfo> list() override;
    void create_empty(const std::string& name, const std::string& uuid) override;
    void reload(const std::string& name, const std::vector<Target>& table, bool read_only) override;
    void clear(const std::string& name) override;
    void suspend(const std::string& name) override;
    void resume(const std::string& name) override;
    void rename(const std::string& name, const std::string& new_name) override;
    void remove(const std::string& name) override;
    std::vector<Target> table(const std::string& name) override;
    std::vector<Target> status(const std::string& name) override;
    std::string message(const std::string& name, const std::string& text) override;
    std::vector<DeviceNumber> dependencies(const std::string& name) override;
    std::optional<Version> target_version(const std::string& type) override;
    std::string driver_version() override { return "4.0.0"; }

private:
    Device& device(const std::string& operation, const std::string& name,
                   const std::string& detail = {});
    void record(const std::string& line);
    [[nodiscard]] DeviceNumber free_number() const;
};

} // namespace remap::dm
