// SPDX-License-Identifier: GPL-2.0-only
// A machine whose block devices are plain files.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/ranges.h"
#include "sys/host.h"

namespace remap::test {

class FileHost : public sys::Host {
public:
    struct Device {
        sys::BlockDevice block;
        format::Identity identity;
        std::vector<std::string> users;
        std::vector<sys::Signature> signatures;
        bool signatures_fail = false;
        bool probe = false; // for signatures look at the content instead
        std::string partition_type;
        std::optional<std::string> boot_files = ""; // nothing: can't be looked at
        bool cannot_open = false;
        bool claimed = false; // by somebody who leaves no other trace
        std::vector<SectorRange> unreadable;
        std::vector<SectorRange> unwritable;
    };

    std::map<std::string, Device> devices; // by path
    std::vector<std::string> locks;        // of members, in the order they were taken
    // Called before each operation that can fail with a line such as "open sdb write",
    // "write sdb 0+8" or "lock-member 8:1"; returns the errno to fail with, or 0.
    std::function<int(const std::string&)> on_operation;

    [[nodiscard]] sys::BlockDevice inspect(const std::string& path) override;
    [[nodiscard]] std::string path_of(sys::DeviceNumber number) override;
    [[nodiscard]] std::vector<sys::BlockDevice> block_devices() override;
    [[nodiscard]] format::Identity identity(const sys::BlockDevice& device) override;
    [[nodiscard]] std::vector<std::string> users(const sys::BlockDevice& device) override;
    [[nodiscard]] std::vector<sys::Signature> signatures(const sys::BlockDevice& device) override;
    [[nodiscard]] std::string partition_type(const sys::BlockDevice& device) override;
    [[nodiscard]] std::string boot_files(const sys::BlockDevice& device,
                                         const std::string& type) override;
    void wipe_signatures(const sys::BlockDevice& device) override;
    [[nodiscard]] std::unique_ptr<format::BlockWriter> open(const sys::BlockDevice& device,
                                                            sys::Access access) override;
    [[nodiscard]] int reread_partitions(const sys::BlockDevice& device) override;
    [[nodiscard]] sys::Lock lock_disk(const sys::BlockDevice& device) override;
    [[nodiscard]] sys::Lock lock_member(sys::DeviceNumber number) override;

    // Called before a device is written to, with what is about to be written.
    std::function<void(const std::string& path, Bytes offset, std::span<const std::byte> content)>
        on_write;

    // The device as a target in the kernel has it: for reading and writing, whoever
    // holds it. Its operations are told apart by "target " in front. Nothing if there
    // is no such device.
    [[nodiscard]] std::unique_ptr<format::BlockWriter> open_for_target(sys::DeviceNumber number);

    // Throws as inspect() does.
    [[nodiscard]] Device& find(const std::string& path);
    // 0, or the errno with which the operation has to fail.
    [[nodiscard]] int operation(const std::string& line);

private:
    void require(const std::string& line, const std::string& what);
};

} // namespace remap::test
