// SPDX-License-Identifier: GPL-2.0-only
// A block device or a plain file, read and written in 4 KiB blocks.
#pragma once

#include <string>

#include "base/fd.h"
#include "format/block_io.h"

namespace remap::sys {

enum class Access {
    read,
    read_exclusive,  // nobody else may have claimed the device
    write_exclusive, // the same, for writing
    write_shared,    // a member of an assembled set, which device-mapper has claimed
};

// I/O bypasses the page cache where that is possible: a mounted set writes below
// the cache, which would go on showing old content.
class BlockFile final : public format::BlockWriter {
public:
    // Throws os_error if it can't be opened, Code::not_found if it is neither a
    // block device nor a plain file.
    BlockFile(std::string path, Access access);

    [[nodiscard]] Sector size() const override { return size_; }
    [[nodiscard]] int read(Bytes offset, std::span<std::byte> buffer) override;
    [[nodiscard]] int write(Bytes offset, std::span<const std::byte> buffer) override;
    [[nodiscard]] int sync() override;

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] int fd() const { return fd_.get(); }

private:
    std::string path_;
    Fd fd_;
    Sector size_;
};

} // namespace remap::sys
