// SPDX-License-Identifier: GPL-2.0-only
#include "sys/block_file.h"

#include <cerrno>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

namespace remap::sys {

namespace {

// Some file systems (tmpfs, for one) take O_DIRECT at open and refuse the I/O, so
// both have to fall back.
bool drop_direct(int fd) {
    const int flags = ::fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_DIRECT) != 0 && ::fcntl(fd, F_SETFL, flags & ~O_DIRECT) == 0;
}

Fd open_direct(const std::string& path, int flags) {
    Fd fd{::open(path.c_str(), flags | O_CLOEXEC | O_DIRECT)};
    if (!fd && errno == EINVAL)
        fd.reset(::open(path.c_str(), flags | O_CLOEXEC));
    if (!fd)
        throw os_error(errno, "cannot open " + path);
    return fd;
}

// Runs transfer(done) until the whole length is done. Returns 0 or an errno.
template <class Transfer>
int transfer_all(int fd, std::size_t length, const Transfer& transfer) {
    std::size_t done = 0;
    while (done < length) {
        const ssize_t now = transfer(done);
        if (now > 0)
            done += static_cast<std::size_t>(now);
        else if (now == 0)
            return EIO; // behind the end
        else if (errno != EINTR && !(errno == EINVAL && drop_direct(fd)))
            return errno;
    }
    return 0;
}

} // namespace

BlockFile::BlockFile(std::string path, Access access) : path_{std::move(path)} {
    struct stat st;
    if (::stat(path_.c_str(), &st) != 0)
        throw os_error(errno, "cannot open " + path_);
    const bool block = S_ISBLK(st.st_mode);
    if (!block && !S_ISREG(st.st_mode))
        throw Error{Code::not_found, path_ + " is neither a block device nor a file"};
    const bool exclusive = access == Access::read_exclusive || access == Access::write_exclusive;
    const bool writing = access == Access::write_exclusive || access == Access::write_shared;
    // of a plain file O_EXCL would mean something else
    fd_ = open_direct(path_, (writing ? O_RDWR : O_RDONLY) | (exclusive && block ? O_EXCL : 0));
    std::uint64_t bytes = 0;
    if (block) {
        if (::ioctl(fd_.get(), BLKGETSIZE64, &bytes) != 0)
            throw os_error(errno, "cannot get the size of " + path_);
    } else {
        bytes = static_cast<std::uint64_t>(st.st_size);
    }
    size_ = Sector{bytes / sector_size};
}

int BlockFile::read(Bytes offset, std::span<std::byte> buffer) {
    return transfer_all(fd_.get(), buffer.size(), [&](std::size_t done) {
        return ::pread(fd_.get(), buffer.data() + done, buffer.size() - done,
                       static_cast<off_t>(offset.value() + done));
    });
}

int BlockFile::write(Bytes offset, std::span<const std::byte> buffer) {
    return transfer_all(fd_.get(), buffer.size(), [&](std::size_t done) {
        return ::pwrite(fd_.get(), buffer.data() + done, buffer.size() - done,
                        static_cast<off_t>(offset.value() + done));
    });
}

int BlockFile::sync() {
    return ::fsync(fd_.get()) == 0 ? 0 : errno;
}

} // namespace remap::sys
