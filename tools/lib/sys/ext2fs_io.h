// SPDX-License-Identifier: GPL-2.0-only
// Opening a file system with libext2fs through a function of ours, instead of by
// path: reads can be counted, and made to fail. Internal to sys/ext2fs*.cc.
#pragma once

#include <ext2fs/ext2fs.h>
#include <memory>
#include <string>

#include "sys/ext2fs.h"

namespace remap::sys {

struct CloseFileSystem {
    void operator()(ext2_filsys fs) const { ext2fs_free(fs); }
};
using FileSystem = std::unique_ptr<struct_ext2_filsys, CloseFileSystem>;

// read must outlive the result. superblock and block_size: 0, or where a backup of
// the superblock lies. Returns 0 or an error of libext2fs.
[[nodiscard]] errcode_t open_file_system(const ReadAt& read, blk_t superblock, unsigned block_size,
                                         FileSystem& result);

// Message for an error of libext2fs, which may also be an errno.
[[nodiscard]] std::string ext2_error_text(errcode_t error);

// What could not be read, each once: the first ones and how many more there were.
class Problems {
public:
    void add(std::string text);
    [[nodiscard]] std::vector<std::string> take();

private:
    std::vector<std::string> first_;
    std::uint64_t more_ = 0;
};

} // namespace remap::sys
