// SPDX-License-Identifier: GPL-2.0-only
#include "base/fd.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace remap {

int Fd::release() noexcept {
    return std::exchange(fd_, -1);
}

void Fd::reset(int fd) noexcept {
    if (fd_ >= 0)
        ::close(fd_);
    fd_ = fd;
}

Fd open_file(const std::string& path, int flags, unsigned mode) {
    Fd fd{::open(path.c_str(), flags | O_CLOEXEC, mode)};
    if (!fd)
        throw os_error(errno, "cannot open " + path);
    return fd;
}

std::string read_file(const std::string& path, std::size_t limit) {
    const Fd fd = open_file(path, O_RDONLY);
    std::string content;
    std::array<char, 65536> chunk;
    while (content.size() < limit) {
        const ssize_t got =
            ::read(fd.get(), chunk.data(), std::min(chunk.size(), limit - content.size()));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            throw os_error(errno, "cannot read " + path);
        if (got == 0)
            break;
        content.append(chunk.data(), static_cast<std::size_t>(got));
    }
    return content;
}

std::string read_line(const std::string& path) {
    try {
        const std::string content = read_file(path, 4096);
        return std::string{trim(content.substr(0, content.find('\n')))};
    } catch (const Error&) {
        return {};
    }
}

} // namespace remap
