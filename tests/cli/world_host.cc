// SPDX-License-Identifier: GPL-2.0-only
// The two interfaces of remapctl on a World: each call is a transaction of its own.
#include <cerrno>
#include <type_traits>

#include "base/error.h"
#include "sys/lock.h"
#include "world.h"

namespace remap::test {

namespace {

class WorldFile final : public format::BlockWriter {
public:
    WorldFile(std::shared_ptr<World> world, std::unique_ptr<format::BlockWriter> file)
        : world_{std::move(world)}, file_{std::move(file)} {}

    [[nodiscard]] Sector size() const override { return file_->size(); }
    [[nodiscard]] int read(Bytes offset, std::span<std::byte> buffer) override {
        return world_->with([&] { return file_->read(offset, buffer); });
    }
    [[nodiscard]] int write(Bytes offset, std::span<const std::byte> buffer) override {
        return world_->with([&] { return file_->write(offset, buffer); });
    }
    [[nodiscard]] int sync() override {
        return world_->with([&] { return file_->sync(); });
    }

private:
    std::shared_ptr<World> world_;
    std::unique_ptr<format::BlockWriter> file_;
};

class WorldHost final : public sys::Host {
public:
    explicit WorldHost(std::shared_ptr<World> world) : world_{std::move(world)} {
        root = world_->directory();
    }

    sys::BlockDevice inspect(const std::string& path) override {
        return on_host([&](FileHost& host) { return host.inspect(path); });
    }
    std::string path_of(sys::DeviceNumber number) override {
        return on_host([&](FileHost& host) { return host.path_of(number); });
    }
    std::vector<sys::BlockDevice> block_devices() override {
        return on_host([&](FileHost& host) { return host.block_devices(); });
    }
    format::Identity identity(const sys::BlockDevice& device) override {
        return on_host([&](FileHost& host) { return host.identity(device); });
    }
    std::vector<std::string> users(const sys::BlockDevice& device) override {
        return on_host([&](FileHost& host) {
            for (const auto& [name, other] : world_->dm().devices)
                if (other.info.number == device.number)
                    return world_->users_of(name);
            std::vector<std::string> users = host.users(device);
            for (std::string& holder : world_->holders_of(device.number))
                users.push_back(std::move(holder));
            return users;
        });
    }
    std::vector<sys::Signature> signatures(const sys::BlockDevice& device) override {
        return on_host([&](FileHost& host) { return host.signatures(device); });
    }
    std::string partition_type(const sys::BlockDevice& device) override {
        return on_host([&](FileHost& host) { return host.partition_type(device); });
    }
    std::string boot_files(const sys::BlockDevice& device, const std::string& type) override {
        return on_host([&](FileHost& host) { return host.boot_files(device, type); });
    }
    void wipe_signatures(const sys::BlockDevice& device) override {
        on_host([&](FileHost& host) { host.wipe_signatures(device); });
    }
    std::unique_ptr<format::BlockWriter> open(const sys::BlockDevice& device,
                                              sys::Access access) override {
        return std::make_unique<WorldFile>(
            world_, on_host([&](FileHost& host) { return host.open(device, access); }));
    }
    int reread_partitions(const sys::BlockDevice& device) override {
        return on_host([&](FileHost& host) { return host.reread_partitions(device); });
    }
    sys::Lock lock_disk(const sys::BlockDevice& device) override {
        return on_host([&](FileHost& host) { return host.lock_disk(device); });
    }
    sys::Lock lock_member(sys::DeviceNumber number) override {
        (void)on_host([&](FileHost& host) { return host.lock_member(number); });
        return sys::lock_file(world_->directory() + "/locks",
                              std::to_string(number.major) + "-" + std::to_string(number.minor),
                              path_of(number), lock_timeout);
    }

private:
    template <class Function>
    std::invoke_result_t<Function, FileHost&> on_host(Function&& function) {
        return world_->with([&] { return function(world_->host()); });
    }

    std::shared_ptr<World> world_;
};

class WorldDeviceMapper final : public dm::DeviceMapper {
public:
    explicit WorldDeviceMapper(std::shared_ptr<World> world) : world_{std::move(world)} {}

    std::optional<dm::DeviceInfo> info(const std::string& name) override {
        return on_dm("look for device " + name, [&](auto& dm) { return dm.info(name); });
    }
    std::optional<dm::DeviceInfo> info_by_uuid(const std::string& uuid) override {
        return on_dm("look for device " + uuid, [&](auto& dm) { return dm.info_by_uuid(uuid); });
    }
    std::vector<dm::DeviceInfo> list() override {
        return on_dm("list devices", [&](auto& dm) { return dm.list(); });
    }
    void create_empty(const std::string& name, const std::string& uuid) override {
        on_dm("create device " + name, [&](auto& dm) { dm.create_empty(name, uuid); });
    }
    void reload(const std::string& name, const std::vector<dm::Target>& table,
                bool read_only) override {
        on_dm("load a table for " + name, [&](auto& dm) { dm.reload(name, table, read_only); });
    }
    void clear(const std::string& name) override {
        on_dm("drop the new table of " + name, [&](auto& dm) { dm.clear(name); });
    }
    void rename(const std::string& name, const std::string& new_name) override {
        on_dm("rename " + name + " to " + new_name, [&](auto& dm) { dm.rename(name, new_name); });
    }
    void suspend(const std::string& name) override {
        on_dm("suspend " + name, [&](auto& dm) { dm.suspend(name); });
    }
    void resume(const std::string& name) override {
        on_dm("resume " + name, [&](auto& dm) { dm.resume(name); });
    }
    void remove(const std::string& name) override {
        on_dm("stop " + name, [&](auto& dm) { dm.remove(name); });
    }
    std::vector<dm::Target> table(const std::string& name) override {
        return on_dm("read the table of " + name, [&](auto& dm) { return dm.table(name); });
    }
    std::vector<dm::Target> status(const std::string& name) override {
        return on_dm("read the status of " + name, [&](auto& dm) { return dm.status(name); });
    }
    std::string message(const std::string& name, const std::string& text) override {
        return on_dm("send '" + text.substr(0, text.find(' ')) + "' to " + name,
                     [&](auto& dm) { return dm.message(name, text); });
    }
    std::vector<dm::DeviceNumber> dependencies(const std::string& name) override {
        return on_dm("read the members of " + name,
                     [&](auto& dm) { return dm.dependencies(name); });
    }
    std::optional<dm::Version> target_version(const std::string& type) override {
        return on_dm("look for the target " + type,
                     [&](auto& dm) { return dm.target_version(type); });
    }
    std::string driver_version() override {
        return on_dm("ask for the version of device-mapper",
                     [&](auto& dm) { return world_->text("driver_version", dm.driver_version()); });
    }

private:
    // action: as libdm.cc words it, for what goes wrong before there is an ioctl.
    template <class Function>
    std::invoke_result_t<Function, dm::FakeDeviceMapper&> on_dm(const std::string& action,
                                                                Function&& function) {
        return world_->with([&] {
            if (world_->is("no_permission"))
                throw os_error(EACCES, "cannot open /dev/mapper/control");
            if (world_->is("no_device_mapper"))
                throw dm::no_device_mapper(action);
            return function(world_->dm());
        });
    }

    std::shared_ptr<World> world_;
};

} // namespace

std::unique_ptr<sys::Host> make_world_host(std::shared_ptr<World> world) {
    return std::make_unique<WorldHost>(std::move(world));
}

std::unique_ptr<dm::DeviceMapper> make_world_device_mapper(std::shared_ptr<World> world) {
    return std::make_unique<WorldDeviceMapper>(std::move(world));
}

} // namespace remap::test
