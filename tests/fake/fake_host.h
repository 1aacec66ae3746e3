// SPDX-License-Identifier: GPL-2.0-only
// A machine whose block devices are plain files in a temporary directory.
#pragma once

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.h"
#include "file_host.h"

namespace remap::test {

class FakeHost final : public FileHost {
public:
    FakeHost() {
        std::string pattern = std::filesystem::temp_directory_path() / "libremap-test-XXXXXX";
        if (::mkdtemp(pattern.data()) == nullptr)
            throw os_error(errno, pattern);
        directory_ = pattern;
        root = pattern + "/root";
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

private:
    std::string directory_;
    unsigned next_minor_ = 0;
};

} // namespace remap::test
