// SPDX-License-Identifier: GPL-2.0-only
#include "sys/ext2fs_names.h"

#include <algorithm>
#include <exception>

#include "base/text.h"

namespace remap::sys {

namespace {

// C code calls back here, and no exception may pass through it.
struct BlockVisit {
    std::function<void(blk64_t)> visit;
    std::exception_ptr exception;
};

struct EntryVisit {
    std::function<void(const ext2_dir_entry&)> visit;
    std::exception_ptr exception;
};

extern "C" {

static int visit_directory_block(ext2_filsys, blk64_t* block, e2_blkcnt_t, blk64_t, int,
                                 void* data) {
    auto& state = *static_cast<BlockVisit*>(data);
    try {
        state.visit(*block);
    } catch (...) {
        state.exception = std::current_exception();
        return BLOCK_ABORT;
    }
    return 0;
}

static int visit_inline_entry(ext2_ino_t, int, ext2_dir_entry* entry, int, int, char*, void* data) {
    auto& state = *static_cast<EntryVisit*>(data);
    try {
        state.visit(*entry);
    } catch (...) {
        state.exception = std::current_exception();
        return DIRENT_ABORT;
    }
    return 0;
}
}

std::string_view name_in(const ext2_dir_entry& entry) {
    return {entry.name, static_cast<std::size_t>(ext2fs_dirent_name_len(&entry))};
}

std::string no_name(ext2_ino_t inode) {
    return strf("<inode %u>", inode);
}

} // namespace

void NameFinder::visit_block(ext2_ino_t directory, blk64_t block, const Visitor& visit) {
    std::vector<char> buffer(fs_->blocksize);
    const auto problem = [&](const std::string& what) {
        problems_.add(strf("directory with inode %u, block %llu: ", directory,
                           static_cast<unsigned long long>(block)) +
                      what);
    };
    if (const errcode_t error = ext2fs_read_dir_block4(fs_, block, buffer.data(), 0, directory);
        error != 0) {
        problem(ext2_error_text(error));
        return;
    }
    constexpr unsigned header = offsetof(ext2_dir_entry, name);
    for (unsigned at = 0; at + header <= fs_->blocksize;) {
        auto* const entry = reinterpret_cast<ext2_dir_entry*>(buffer.data() + at);
        unsigned length = 0;
        if (ext2fs_get_rec_len(fs_, entry, &length) != 0 || length < header || length % 4 != 0 ||
            length > fs_->blocksize - at) {
            problem("damaged");
            return;
        }
        if (entry->inode != 0 && name_in(*entry).size() <= length - header)
            visit(entry->inode, name_in(*entry));
        at += length;
    }
}

void NameFinder::for_each_entry(ext2_ino_t directory, const Visitor& visit) {
    ext2_inode inode{};
    errcode_t error = ext2fs_read_inode(fs_, directory, &inode);
    std::exception_ptr exception;
    if (error == 0 && (inode.i_flags & EXT4_INLINE_DATA_FL) != 0) {
        EntryVisit state{[&](const ext2_dir_entry& entry) { visit(entry.inode, name_in(entry)); },
                         {}};
        error = ext2fs_dir_iterate2(fs_, directory, 0, nullptr, visit_inline_entry, &state);
        exception = state.exception;
    } else if (error == 0) {
        BlockVisit state{[&](blk64_t block) { visit_block(directory, block, visit); }, {}};
        error = ext2fs_block_iterate3(fs_, directory, BLOCK_FLAG_READ_ONLY | BLOCK_FLAG_DATA_ONLY,
                                      nullptr, visit_directory_block, &state);
        exception = state.exception;
    }
    if (exception)
        std::rethrow_exception(exception);
    if (error != 0)
        problems_.add(strf("directory with inode %u: ", directory) + ext2_error_text(error));
}

std::multimap<ext2_ino_t, NameFinder::Name>
NameFinder::find_everywhere(const std::vector<ext2_ino_t>& inodes) {
    std::multimap<ext2_ino_t, Name> names;
    for (const ext2_ino_t directory : directories_)
        for_each_entry(directory, [&](ext2_ino_t inode, std::string_view name) {
            if (name != "." && name != ".." &&
                std::find(inodes.begin(), inodes.end(), inode) != inodes.end())
                names.emplace(inode, Name{directory, std::string{name}});
        });
    return names;
}

// By its "..", or the long way if that can't be read.
NameFinder::Name NameFinder::name_of_directory(ext2_ino_t directory) {
    ext2_ino_t parent = 0;
    for_each_entry(directory, [&](ext2_ino_t inode, std::string_view name) {
        if (name == "..")
            parent = inode;
    });
    Name result;
    if (parent != 0)
        for_each_entry(parent, [&](ext2_ino_t inode, std::string_view name) {
            if (inode == directory && name != "." && name != "..")
                result = {parent, std::string{name}};
        });
    if (result.directory == 0)
        if (const auto names = find_everywhere({directory}); !names.empty())
            result = names.begin()->second;
    return result;
}

std::string NameFinder::path_of_directory(ext2_ino_t directory) {
    if (directory == EXT2_ROOT_INO)
        return "";
    if (const auto it = known_.find(directory); it != known_.end())
        return it->second;
    // in place before going up: a damaged tree may be a ring
    known_[directory] = no_name(directory);
    const Name name = name_of_directory(directory);
    if (name.directory != 0)
        known_[directory] = path_of_directory(name.directory) + "/" + printable(name.name);
    return known_[directory];
}

std::map<ext2_ino_t, std::vector<std::string>>
NameFinder::paths_of(const std::vector<ext2_ino_t>& inodes) {
    std::map<ext2_ino_t, std::vector<std::string>> paths;
    for (const auto& [inode, name] : find_everywhere(inodes))
        paths[inode].push_back(path_of_directory(name.directory) + "/" + printable(name.name));
    if (std::find(inodes.begin(), inodes.end(), EXT2_ROOT_INO) != inodes.end())
        paths[EXT2_ROOT_INO].emplace_back("/");
    for (auto& [inode, list] : paths)
        std::sort(list.begin(), list.end());
    return paths;
}

} // namespace remap::sys
