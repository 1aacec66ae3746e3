// SPDX-License-Identifier: GPL-2.0-only
// From inodes to paths. Internal to sys/ext2fs*.cc.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sys/ext2fs_io.h"

namespace remap::sys {

class NameFinder {
public:
    // directories: all of them, by inode.
    NameFinder(ext2_filsys fs, std::vector<ext2_ino_t> directories, Problems& problems)
        : fs_{fs}, directories_{std::move(directories)}, problems_{problems} {}

    // Every path of each inode, printable and sorted. Where a directory on the way
    // can't be read, the path begins with "<inode 12>".
    [[nodiscard]] std::map<ext2_ino_t, std::vector<std::string>>
    paths_of(const std::vector<ext2_ino_t>& inodes);

private:
    struct Name {
        ext2_ino_t directory = 0;
        std::string name;
    };
    using Visitor = std::function<void(ext2_ino_t inode, std::string_view name)>;

    void for_each_entry(ext2_ino_t directory, const Visitor& visit);
    void visit_block(ext2_ino_t directory, blk64_t block, const Visitor& visit);
    // In every directory: all names of each.
    [[nodiscard]] std::multimap<ext2_ino_t, Name>
    find_everywhere(const std::vector<ext2_ino_t>& inodes);
    [[nodiscard]] Name name_of_directory(ext2_ino_t directory);
    [[nodiscard]] std::string path_of_directory(ext2_ino_t directory);

    ext2_filsys fs_;
    std::vector<ext2_ino_t> directories_;
    Problems& problems_;
    std::map<ext2_ino_t, std::string> known_; // paths of directories
};

} // namespace remap::sys
