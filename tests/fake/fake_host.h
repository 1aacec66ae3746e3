// SPDX-License-Identifier: GPL-2.0-only
// A machine whose block devices are plain files in a temporary directory.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "base/error.h"
#include "sys/host.h"

namespace remap::test {

class FakeHost final : public sys::Host {
public:
    struct Device {
        sys::BlockDevice block;
        format::Identity identity;
        std::vector<std::string> users;
        std::vector<sys::Signature> signatures;
        bool signatures_fail = false;
        bool cannot_open = false;
    };

    std::map<std::string, Device> devices; // by path
    std::vector<std::string> locks;        // of members, in the order they were taken

    FakeHost() {
        std::string pattern = std::filesystem::temp_directory_path() / "libremap-test-XXXXXX";
        if (::mkdtemp(pattern.data()) == nullptr)
            throw os_error(errno, pattern);
        directory_ = pattern;
    }
    ~FakeHost() override {
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }
    FakeHost(const FakeHost&) = delete;
    FakeHost& operator=(const FakeHost&) = delete;

    // A whole disk of that size; returns its path.
    std::string add_disk(const std::string& name, Sector size, const std::string& wwn = {}) {
        const std::string path = directory_ + "/" + name;
        std::ofstream{path}.close();
        std::filesystem::resize_file(path, to_bytes(size).value());
        Device& d = devices[path];
        d.block.path = path;
        d.block.name = name;
        d.block.number = {8, next_minor_++};
        d.block.size = size;
        d.block.whole_disk = d.block.number;
        d.block.whole_name = name;
        d.identity.wwn = wwn;
        return path;
    }

    sys::BlockDevice inspect(const std::string& path) override { return find(path).block; }

    std::string path_of(sys::DeviceNumber number) override {
        for (const auto& [path, device] : devices)
            if (device.block.number == number)
                return path;
        return number.str();
    }

    std::vector<sys::BlockDevice> block_devices() override {
        std::vector<sys::BlockDevice> result;
        for (const auto& [path, device] : devices)
            result.push_back(device.block);
        return result;
    }

    format::Identity identity(const sys::BlockDevice& device) override {
        return find(device.path).identity;
    }

    std::vector<std::string> users(const sys::BlockDevice& device) override {
        const auto it = devices.find(device.path);
        return it == devices.end() ? std::vector<std::string>{} : it->second.users;
    }

    std::vector<sys::Signature> signatures(const sys::BlockDevice& device) override {
        if (find(device.path).signatures_fail)
            throw Error{Code::failed, "cannot look for signatures on " + device.path};
        return find(device.path).signatures;
    }

    void wipe_signatures(const sys::BlockDevice& device) override {
        find(device.path).signatures.clear();
    }

    std::unique_ptr<sys::BlockFile> open(const sys::BlockDevice& device,
                                         sys::Access access) override {
        if (find(device.path).cannot_open)
            throw os_error(EIO, "cannot open " + device.path);
        return std::make_unique<sys::BlockFile>(device.path, access);
    }

    sys::Lock lock_disk(const sys::BlockDevice&) override { return {}; }

    sys::Lock lock_member(sys::DeviceNumber number) override {
        locks.push_back(number.str());
        return {};
    }

private:
    Device& find(const std::string& path) {
        const auto it = devices.find(path);
        if (it == devices.end())
            throw os_error(ENOENT, path);
        return it->second;
    }

    std::string directory_;
    unsigned next_minor_ = 0;
};

} // namespace remap::test
