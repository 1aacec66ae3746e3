// SPDX-License-Identifier: GPL-2.0-only
#include "sys/locks.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>

#include "base/error.h"

namespace remap::sys {

Lock take_set_lock(const std::string& directory, const std::string& key) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error)
        throw os_error(error.value(), "cannot make " + directory);
    const std::string path = directory + "/" + key + ".lock";
    Lock lock{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!lock)
        throw os_error(errno, "cannot open " + path);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
        throw Error{Code::busy, key + " is locked by another remapctl", "try again"};
    return lock;
}

} // namespace remap::sys
