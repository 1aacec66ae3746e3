// SPDX-License-Identifier: GPL-2.0-only
#include "file_host.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/error.h"
#include "sys/blkid.h"

namespace remap::test {

namespace {

bool touches(const std::vector<SectorRange>& ranges, Bytes offset, std::size_t length) {
    return std::any_of(ranges.begin(), ranges.end(), [&](const SectorRange& range) {
        return to_bytes(range.first) < offset + Bytes{length} && offset < to_bytes(range.end());
    });
}

// Looks the device up anew each time: what is wrong with it may change while it is
// open.
class OpenFile final : public format::BlockWriter {
public:
    OpenFile(FileHost& host, const std::string& path, std::string who)
        : host_{host}, file_{path, sys::Access::write_exclusive}, who_{std::move(who)} {}

    [[nodiscard]] Sector size() const override { return file_.size(); }

    [[nodiscard]] int read(Bytes offset, std::span<std::byte> buffer) override {
        if (const int error = host_.operation(line("read", offset, buffer.size())); error != 0)
            return error;
        if (touches(device().unreadable, offset, buffer.size()))
            return EIO;
        return file_.read(offset, buffer);
    }

    [[nodiscard]] int write(Bytes offset, std::span<const std::byte> buffer) override {
        if (const int error = host_.operation(line("write", offset, buffer.size())); error != 0)
            return error;
        if (touches(device().unwritable, offset, buffer.size()))
            return EIO;
        if (host_.on_write)
            host_.on_write(file_.path(), offset, buffer);
        return file_.write(offset, buffer);
    }

    [[nodiscard]] int sync() override {
        return host_.operation(who_ + "sync " + device().block.name);
    }

private:
    [[nodiscard]] FileHost::Device& device() const { return host_.find(file_.path()); }
    [[nodiscard]] std::string line(const char* what, Bytes offset, std::size_t length) const {
        return who_ + what + " " + device().block.name + " " +
               std::to_string(offset.value() / sector_size) + "+" +
               std::to_string(length / sector_size);
    }

    FileHost& host_;
    sys::BlockFile file_;
    std::string who_;
};

} // namespace

FileHost::Device& FileHost::find(const std::string& path) {
    const auto it = devices.find(path);
    if (it != devices.end())
        return it->second;
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored))
        throw Error{Code::not_found, path + " is not a block device"};
    throw os_error(ENOENT, path);
}

int FileHost::operation(const std::string& line) {
    return on_operation ? on_operation(line) : 0;
}

void FileHost::require(const std::string& line, const std::string& what) {
    if (const int error = operation(line); error != 0)
        throw os_error(error, what);
}

sys::BlockDevice FileHost::inspect(const std::string& path) {
    return find(path).block;
}

std::string FileHost::path_of(sys::DeviceNumber number) {
    for (const auto& [path, device] : devices)
        if (device.block.number == number)
            return path;
    return number.str();
}

std::vector<sys::BlockDevice> FileHost::block_devices() {
    std::vector<sys::BlockDevice> result;
    for (const auto& [path, device] : devices)
        result.push_back(device.block);
    return result;
}

format::Identity FileHost::identity(const sys::BlockDevice& device) {
    return find(device.path).identity;
}

std::vector<std::string> FileHost::users(const sys::BlockDevice& device) {
    std::vector<std::string> result;
    for (const auto& [path, other] : devices) {
        const bool itself = path == device.path;
        const bool inside = other.block.partition && other.block.whole_disk == device.number;
        if (itself || inside)
            for (const std::string& user : other.users)
                result.push_back((itself ? "" : path + " is ") + user);
    }
    return result;
}

std::vector<sys::Signature> FileHost::signatures(const sys::BlockDevice& device) {
    Device& found = find(device.path);
    require("probe " + found.block.name, "cannot look for signatures on " + device.path);
    if (found.signatures_fail)
        throw Error{Code::failed, "cannot look for signatures on " + device.path};
    return found.probe ? sys::probe_signatures(device.path) : found.signatures;
}

std::string FileHost::partition_type(const sys::BlockDevice& device) {
    return find(device.path).partition_type;
}

std::string FileHost::boot_files(const sys::BlockDevice& device, const std::string& type) {
    const auto& found = find(device.path).boot_files;
    if (!found)
        throw Error{Code::failed, "cannot look into " + device.path + " (" + type + ")"};
    return *found;
}

void FileHost::wipe_signatures(const sys::BlockDevice& device) {
    Device& found = find(device.path);
    require("erase-signatures " + found.block.name,
            "cannot remove the signatures on " + device.path);
    if (found.probe)
        sys::wipe_signatures(device.path);
    found.signatures.clear();
}

std::unique_ptr<format::BlockWriter> FileHost::open(const sys::BlockDevice& device,
                                                    sys::Access access) {
    const Device& found = find(device.path);
    const std::string what = "cannot open " + device.path;
    const bool writing = access == sys::Access::write_exclusive;
    require("open " + found.block.name + (writing ? " write" : " read"), what);
    if (found.cannot_open)
        throw os_error(EIO, what);
    if (writing && found.block.read_only)
        throw os_error(EROFS, what);
    if (access != sys::Access::read && found.claimed)
        throw os_error(EBUSY, what);
    return std::make_unique<OpenFile>(*this, device.path, "");
}

std::unique_ptr<format::BlockWriter> FileHost::open_for_target(sys::DeviceNumber number) {
    const std::string path = path_of(number);
    if (!devices.contains(path))
        return nullptr;
    return std::make_unique<OpenFile>(*this, path, "target ");
}

int FileHost::reread_partitions(const sys::BlockDevice& device) {
    return operation("reread " + device.name);
}

sys::Lock FileHost::lock_disk(const sys::BlockDevice& device) {
    require("lock-disk " + device.whole_name, "cannot lock /dev/" + device.whole_name);
    return {};
}

sys::Lock FileHost::lock_member(sys::DeviceNumber number) {
    const std::string path = path_of(number);
    require("lock-member " + number.str(), "cannot open the lock of " + path);
    locks.push_back(number.str());
    return {};
}

} // namespace remap::test
