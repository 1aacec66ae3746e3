// SPDX-License-Identifier: GPL-2.0-only
// Which files of an ext2, ext3 or ext4 file system own a sector. Reads only, and
// goes on where something can't be read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/units.h"

namespace remap::sys {

// False if this program was built without libext2fs.
[[nodiscard]] bool have_ext2fs();

// Fills the buffer from a place on the device; returns 0 or an errno.
using ReadAt = std::function<int(Bytes offset, std::span<std::byte> buffer)>;

struct BlockOwner {
    enum class Role {
        content,
        block_map,  // indirect block, or extent tree
        attributes, // extended attributes
    };
    std::uint32_t inode = 0;
    std::string type; // "file", "directory", "symbolic link", or what the system uses it for
    Role role = Role::content;
    std::optional<Bytes> offset;    // of the sector within the content
    std::vector<std::string> paths; // all names, from the root of the file system, printable
};

struct BlockUse {
    enum class Kind {
        owned,    // see owners
        metadata, // of the file system itself
        free,
        outside, // behind the end of the file system
        unknown, // marked as in use, no owner was found
    };
    Kind kind = Kind::unknown;
    std::uint64_t block = 0; // of the file system
    std::uint32_t block_size = 0;
    std::string what; // metadata: "block group 3, inode table"
    std::vector<BlockOwner> owners;
    std::vector<std::string> problems; // what could not be read on the way
};
// "owned", "metadata", "free", "outside", "unknown".
[[nodiscard]] const char* kind_name(BlockUse::Kind kind);
// "content", "block_map", "attributes".
[[nodiscard]] const char* role_name(BlockOwner::Role role);

// What the file system on a device uses a sector for; nothing if there is no file
// system of that kind. Throws Code::failed if there is one that can't be opened, or
// without libext2fs.
[[nodiscard]] std::optional<BlockUse> find_block_use(const ReadAt& read, Sector sector);
// The same for a device or file. Not past the page cache: there the metadata of a
// mounted file system is newer than on the device.
[[nodiscard]] std::optional<BlockUse> find_block_use(const std::string& path, Sector sector);

// In words, for the headline: "block group 3, inode table", "free space", ...
[[nodiscard]] std::string describe(const BlockUse& use);
[[nodiscard]] std::string describe(const BlockOwner& owner);

} // namespace remap::sys
