// SPDX-License-Identifier: GPL-2.0-only
// An owned file descriptor.
#pragma once

#include <string>

namespace remap {

class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) noexcept : fd_{fd} {}
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    Fd(Fd&& other) noexcept : fd_{other.release()} {}
    Fd& operator=(Fd&& other) noexcept {
        if (this != &other)
            reset(other.release());
        return *this;
    }
    ~Fd() { reset(); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }
    // Gives up ownership and returns the descriptor.
    int release() noexcept;
    // Closes what is held and takes over fd.
    void reset(int fd = -1) noexcept;

private:
    int fd_ = -1;
};

// open(2) with O_CLOEXEC. Throws os_error("cannot open <path>") on failure.
[[nodiscard]] Fd open_file(const std::string& path, int flags, unsigned mode = 0644);

// The whole content of a small file, at most limit bytes. Throws on failure.
[[nodiscard]] std::string read_file(const std::string& path, std::size_t limit = 1 << 20);

// The first line of a small text file, trimmed; empty if it can't be read.
[[nodiscard]] std::string read_line(const std::string& path);

} // namespace remap
