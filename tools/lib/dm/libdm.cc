// SPDX-License-Identifier: GPL-2.0-only
// DeviceMapper on libdevmapper. No program is ever run for this.
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "dm/device_mapper.h"
#include "dm/task.h"

namespace remap::dm {

namespace {

class LibDm final : public DeviceMapper {
public:
    std::optional<DeviceInfo> info(const std::string& name) override {
        Task task{DM_DEVICE_INFO, "look for device " + name};
        task.require(dm_task_set_name(task.get(), name.c_str()));
        return read_info(task);
    }

    std::optional<DeviceInfo> info_by_uuid(const std::string& uuid) override {
        Task task{DM_DEVICE_INFO, "look for device " + uuid};
        task.require(dm_task_set_uuid(task.get(), uuid.c_str()));
        return read_info(task);
    }

    std::vector<DeviceInfo> list() override {
        std::vector<std::string> names;
        {
            Task task{DM_DEVICE_LIST, "list devices"};
            task.run();
            const dm_names* entry = dm_task_get_names(task.get());
            if (entry == nullptr || entry->dev == 0)
                return {};
            for (;;) {
                names.emplace_back(entry->name);
                if (entry->next == 0)
                    break;
                // entries follow each other in one buffer, by byte offset
                entry = reinterpret_cast<const dm_names*>(reinterpret_cast<const char*>(entry) +
                                                          entry->next);
            }
        }
        std::vector<DeviceInfo> devices;
        for (const std::string& name : names)
            if (auto device = info(name)) // may be gone by now
                devices.push_back(std::move(*device));
        return devices;
    }

    void create_empty(const std::string& name, const std::string& uuid) override {
        Task task{DM_DEVICE_CREATE, "create device " + name};
        task.require(dm_task_set_name(task.get(), name.c_str()));
        task.require(dm_task_set_uuid(task.get(), uuid.c_str()));
        task.require(dm_task_set_add_node(task.get(), DM_ADD_NODE_ON_RESUME));
        task.run();
    }

    void reload(const std::string& name, const std::vector<Target>& table,
                bool read_only) override {
        Task task{DM_DEVICE_RELOAD, "load a table for " + name};
        task.require(dm_task_set_name(task.get(), name.c_str()));
        set_table(task, table, read_only);
        const int error = task.try_run();
        if (error == EUCLEAN)
            throw load_error(error, name);
        if (error != 0)
            task.fail(error);
    }

    void clear(const std::string& name) override {
        Task task{DM_DEVICE_CLEAR, "drop the new table of " + name};
        task.require(dm_task_set_name(task.get(), name.c_str()));
        task.run();
    }

    void suspend(const std::string& name) override {
        Task task{DM_DEVICE_SUSPEND, "suspend " + name};
        task.require(dm_task_set_name(task.get(), name.c_str()));
        task.require(dm_task_skip_lockfs(task.get()));
        task.require(dm_task_no_flush(task.get()));
        task.run();
    }

    void resume(const std::string& name) override {
        UdevCookie cookie;
        Task task{DM_DEVICE_RESUME, "resume " + name};
        task.require(dm_task_set_name(task.get(), name.c_str()));
        cookie.attach(task.get());
        task.run();
    }

    void rename(const std::string& name, const std::string& new_name) override {
        UdevCookie cookie;
        Task task{DM_DEVICE_RENAME, "rename " + name + " to " + new_name};
        task.require(dm_task_set_name(task.get(), name.c_str()));
        task.require(dm_task_set_newname(task.get(), new_name.c_str()));
        cookie.attach(task.get());
        task.run();
    }

    void remove(const std::string& name) override {
        UdevCookie cookie;
        Task task{DM_DEVICE_REMOVE, "stop " + name};
        task.require(dm_task_set_name(task.get(), name.c_str()));
        // udev rules and desktops open new devices for a moment
        task.require(dm_task_retry_remove(task.get()));
        cookie.attach(task.get());
        task.run();
    }

    std::vector<Target> table(const std::string& name) override {
        return targets(DM_DEVICE_TABLE, name, "read the table of ");
    }

    std::vector<Target> status(const std::string& name) override {
        return targets(DM_DEVICE_STATUS, name, "read the status of ");
    }

    std::string message(const std::string& name, const std::string& text) override {
        const std::string verb{text.substr(0, text.find(' '))};
        Task task{DM_DEVICE_TARGET_MSG, "send '" + verb + "' to " + name};
        task.require(dm_task_set_name(task.get(), name.c_str()));
        task.require(dm_task_set_sector(task.get(), 0));
        task.require(dm_task_set_message(task.get(), text.c_str()));
        if (const int error = task.try_run(); error != 0)
            throw message_error(error, name, text);
        const char* const answer = dm_task_get_message_response(task.get());
        return answer == nullptr ? "" : answer;
    }

    std::vector<DeviceNumber> dependencies(const std::string& name) override {
        Task task{DM_DEVICE_DEPS, "read the members of " + name};
        task.require(dm_task_set_name(task.get(), name.c_str()));
        task.run();
        std::vector<DeviceNumber> numbers;
        if (const dm_deps* const deps = dm_task_get_deps(task.get()); deps != nullptr)
            for (std::uint32_t i = 0; i < deps->count; ++i)
                numbers.push_back(split_number(deps->device[i]));
        return numbers;
    }

    std::optional<Version> target_version(const std::string& type) override {
        Task task{DM_DEVICE_GET_TARGET_VERSION, "look for the target " + type};
        task.require(dm_task_set_name(task.get(), type.c_str()));
        if (const int error = task.try_run(); error != 0) {
            if (error == EINVAL || error == ENOENT || error == ENXIO)
                return std::nullopt;
            throw os_error(error, "cannot look for the target " + type);
        }
        const dm_versions* const v = dm_task_get_versions(task.get());
        if (v == nullptr)
            return std::nullopt;
        return Version{v->version[0], v->version[1], v->version[2]};
    }

    std::string driver_version() override {
        Task task{DM_DEVICE_VERSION, "ask for the version of device-mapper"};
        task.run();
        char version[64] = "";
        task.require(dm_task_get_driver_version(task.get(), version, sizeof(version)));
        return version;
    }

private:
    // The kernel packs device numbers as new_encode_dev() does: 12 bits of major in
    // the middle, minor around them.
    static DeviceNumber split_number(std::uint64_t device) {
        return {static_cast<unsigned>((device & 0xfff00) >> 8),
                static_cast<unsigned>((device & 0xff) | ((device >> 12) & 0xfff00))};
    }

    static std::optional<DeviceInfo> read_info(Task& task) {
        if (const int error = task.try_run(); error != 0) {
            if (error == ENXIO || error == ENOENT || error == ENODEV)
                return std::nullopt;
            throw os_error(error, "cannot look for a device");
        }
        dm_info raw;
        std::memset(&raw, 0, sizeof(raw));
        task.require(dm_task_get_info(task.get(), &raw));
        if (raw.exists == 0)
            return std::nullopt;
        const char* const name = dm_task_get_name(task.get());
        const char* const uuid = dm_task_get_uuid(task.get());
        DeviceInfo info;
        info.name = name == nullptr ? "" : name;
        info.uuid = uuid == nullptr ? "" : uuid;
        info.number = {raw.major, raw.minor};
        info.suspended = raw.suspended != 0;
        info.read_only = raw.read_only != 0;
        info.has_table = raw.live_table != 0;
        info.open_count = raw.open_count;
        info.event_number = raw.event_nr;
        return info;
    }

    static void set_table(Task& task, const std::vector<Target>& table, bool read_only) {
        for (const Target& target : table)
            task.require(dm_task_add_target(task.get(), target.start.value(), target.length.value(),
                                            target.type.c_str(), target.params.c_str()));
        if (read_only)
            task.require(dm_task_set_ro(task.get()));
    }

    static std::vector<Target> targets(int type, const std::string& name, const char* what) {
        Task task{type, what + name};
        task.require(dm_task_set_name(task.get(), name.c_str()));
        // a status must not flush: it has to work while the device is in trouble
        if (type == DM_DEVICE_STATUS)
            task.require(dm_task_no_flush(task.get()));
        task.run();
        std::vector<Target> result;
        void* next = nullptr;
        do {
            std::uint64_t start = 0;
            std::uint64_t length = 0;
            char* kind = nullptr;
            char* params = nullptr;
            next = dm_get_next_target(task.get(), next, &start, &length, &kind, &params);
            if (kind != nullptr)
                result.push_back(
                    {Sector{start}, Sector{length}, kind, params == nullptr ? "" : params});
        } while (next != nullptr);
        return result;
    }
};

} // namespace

std::unique_ptr<DeviceMapper> make_device_mapper() {
    return std::make_unique<LibDm>();
}

std::string library_version() {
    const LogCapture quiet;
    char version[64] = "";
    if (dm_get_library_version(version, sizeof(version)) == 0)
        return "unknown";
    return version;
}

} // namespace remap::dm
