// SPDX-License-Identifier: GPL-2.0-only
// A machine for remapctl that is described by a JSON file: block devices that are
// plain files, and a device-mapper whose devices outlive the process. Every operation
// loads the file, does its work, writes down what it did and stores the file again,
// under a lock: several programs may share a world. tests/cli/harness.py makes them.
#pragma once

#include <memory>
#include <string>
#include <type_traits>

#include "base/json.h"
#include "dm/fake.h"
#include "file_host.h"
#include "remap_model.h"

namespace remap::test {

class World {
public:
    // path: of the JSON file.
    explicit World(std::string path);
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // Run a function on the world as it is now, and keep what it did, also if it
    // throws. Not to be nested.
    template <class Function>
    auto with(Function&& function) {
        const Fd lock = load();
        try {
            if constexpr (std::is_void_v<std::invoke_result_t<Function>>) {
                function();
                store();
            } else {
                auto result = function();
                store();
                return result;
            }
        } catch (...) {
            store();
            throw;
        }
    }

    // Only within with().
    [[nodiscard]] FileHost& host() { return host_; }
    [[nodiscard]] dm::FakeDeviceMapper& dm() { return dm_; }
    // A switch of the world: "no_device_mapper", "no_permission", ...
    [[nodiscard]] bool is(const char* name) const { return data_.value(name, false); }
    [[nodiscard]] std::string text(const char* name, const std::string& otherwise) const {
        return data_.value(name, otherwise);
    }
    // Who uses a device-mapper device, and which of them use a device.
    [[nodiscard]] std::vector<std::string> users_of(const std::string& name) const;
    [[nodiscard]] std::vector<std::string> holders_of(dm::DeviceNumber number) const;
    // Log the operation; 0, or the errno with which it has to fail.
    [[nodiscard]] int operation(const std::string& line);

    [[nodiscard]] const std::string& directory() const { return directory_; }

private:
    Fd load();
    void store();
    void load_disk(const Json& json);
    void load_device(const std::string& name, const Json& json);
    void store_device(const dm::FakeDeviceMapper::Device& device);
    void connect();
    void check_claims(const dm::FakeDeviceMapper::Device& device) const;
    [[nodiscard]] RemapModel model(const dm::FakeDeviceMapper::Device& device, bool inactive);
    [[nodiscard]] std::string status(const std::string& name);
    [[nodiscard]] std::string message(const std::string& name, const std::string& text);

    std::string path_;
    std::string directory_;
    Json data_;
    FileHost host_;
    dm::FakeDeviceMapper dm_;
    std::map<std::string, TargetState> states_; // by name of the device
};

[[nodiscard]] std::unique_ptr<sys::Host> make_world_host(std::shared_ptr<World> world);
[[nodiscard]] std::unique_ptr<dm::DeviceMapper>
make_world_device_mapper(std::shared_ptr<World> world);

} // namespace remap::test
