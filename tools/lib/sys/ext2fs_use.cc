// SPDX-License-Identifier: GPL-2.0-only
// What find_block_use() returns, as text. Built with and without libext2fs.
#include "base/text.h"
#include "sys/ext2fs.h"

namespace remap::sys {

const char* kind_name(BlockUse::Kind kind) {
    switch (kind) {
    case BlockUse::Kind::owned:
        return "owned";
    case BlockUse::Kind::metadata:
        return "metadata";
    case BlockUse::Kind::free:
        return "free";
    case BlockUse::Kind::outside:
        return "outside";
    case BlockUse::Kind::unknown:
        break;
    }
    return "unknown";
}

const char* role_name(BlockOwner::Role role) {
    switch (role) {
    case BlockOwner::Role::content:
        return "content";
    case BlockOwner::Role::block_map:
        return "block_map";
    case BlockOwner::Role::attributes:
        break;
    }
    return "attributes";
}

std::string describe(const BlockUse& use) {
    switch (use.kind) {
    case BlockUse::Kind::owned:
        return "in use";
    case BlockUse::Kind::metadata:
        return "file system metadata (" + use.what + ")";
    case BlockUse::Kind::free:
        return "free space";
    case BlockUse::Kind::outside:
        return "behind the end of the file system";
    case BlockUse::Kind::unknown:
        break;
    }
    return "in use, but no file was found that it belongs to";
}

std::string describe(const BlockOwner& owner) {
    const std::string who = owner.type + strf(", inode %u", owner.inode);
    switch (owner.role) {
    case BlockOwner::Role::content:
        return who + (owner.offset ? strf(", byte %llu of its content",
                                          static_cast<unsigned long long>(owner.offset->value()))
                                   : "");
    case BlockOwner::Role::block_map:
        return who + ", the list of its blocks";
    case BlockOwner::Role::attributes:
        break;
    }
    return who + ", its extended attributes";
}

} // namespace remap::sys
