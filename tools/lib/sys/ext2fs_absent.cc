// SPDX-License-Identifier: GPL-2.0-only
// Instead of ext2fs.cc where libext2fs was not found.
#include "base/error.h"
#include "sys/ext2fs.h"

namespace remap::sys {

namespace {

Error absent() {
    return {Code::failed, "built without libext2fs: files can't be looked up",
            "look at the position with debugfs(8): icheck and ncheck"};
}

} // namespace

bool have_ext2fs() {
    return false;
}

std::optional<BlockUse> find_block_use(const ReadAt&, Sector) {
    throw absent();
}

std::optional<BlockUse> find_block_use(const std::string&, Sector) {
    throw absent();
}

} // namespace remap::sys
