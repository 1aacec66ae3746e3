// SPDX-License-Identifier: GPL-2.0-only
#include "look.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <dm-remap-layout.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/units.h"
#include "format/block_io.h"

namespace remap::probe {

namespace {

using Clock = std::chrono::steady_clock;

// What goes through the pipe.
struct Message {
    Part part = Part::end;
    std::uint32_t readable = 0;
    std::uint64_t sectors = 0;
    Block data{};
};

void write_all(int fd, const Message& message) {
    const auto* at = reinterpret_cast<const char*>(&message);
    std::size_t left = sizeof(message);
    while (left > 0) {
        const ssize_t done = ::write(fd, at, left);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return; // the parent is gone
        at += done;
        left -= static_cast<std::size_t>(done);
    }
}

// 0 for what is neither a block device nor a file.
std::uint64_t size_in_sectors(int fd) {
    struct stat st;
    if (::fstat(fd, &st) != 0)
        return 0;
    std::uint64_t bytes = 0;
    if (S_ISREG(st.st_mode))
        bytes = static_cast<std::uint64_t>(st.st_size);
    else if (!S_ISBLK(st.st_mode) || ::ioctl(fd, BLKGETSIZE64, &bytes) != 0)
        return 0;
    return bytes / sector_size;
}

// Past the page cache, which may hold what is no longer on the disk, and where a
// read of one block becomes a readahead of many.
bool read_block(int fd, Sector at, format::AlignedBuffer& buffer) {
    std::size_t done = 0;
    while (done < block_size) {
        const ssize_t got = ::pread(fd, buffer.data() + done, block_size - done,
                                    static_cast<off_t>(to_bytes(at).value() + done));
        if (got > 0) {
            done += static_cast<std::size_t>(got);
            continue;
        }
        const int flags = got < 0 && errno == EINVAL ? ::fcntl(fd, F_GETFL) : -1;
        const bool again = got < 0 && errno == EINTR;
        if (!again &&
            (flags < 0 || (flags & O_DIRECT) == 0 || ::fcntl(fd, F_SETFL, flags & ~O_DIRECT) != 0))
            return false;
    }
    return true;
}

[[noreturn]] void run_child(const std::string& path, const Reader& reader, int out) {
    // should udev lose its patience with the parent
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::signal(SIGPIPE, SIG_IGN);
    constexpr int pipe_end = 0;
    if (::dup2(out, pipe_end) < 0 || ::syscall(SYS_close_range, 1U, ~0U, 0U) != 0)
        ::_exit(EXIT_FAILURE);
    reader(path, [](Part part, std::uint64_t sectors, const Block* data) {
        Message message{part, data != nullptr ? 1U : 0U, sectors, {}};
        if (data != nullptr)
            message.data = *data;
        write_all(pipe_end, message);
    });
    ::_exit(EXIT_SUCCESS);
}

void take(const Message& message, Seen& seen) {
    if (message.part == Part::size)
        seen.sectors = message.sectors;
    if (message.readable == 0)
        return;
    if (message.part == Part::head)
        seen.head = message.data;
    if (message.part == Part::tail)
        seen.tail = message.data;
}

// Takes messages until the last one. False: time is up.
bool receive(int fd, Clock::time_point deadline, Seen& seen) {
    Message message;
    std::size_t have = 0;
    for (;;) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
        pollfd wait{fd, POLLIN, 0};
        const int ready = left <= 0 ? 0 : ::poll(&wait, 1, static_cast<int>(left));
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return false;
        const ssize_t got =
            ::read(fd, reinterpret_cast<char*>(&message) + have, sizeof(message) - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return true; // the child ended early: it could not read
        have += static_cast<std::size_t>(got);
        if (have < sizeof(message))
            continue;
        if (message.part == Part::end)
            return true;
        take(message, seen);
        have = 0;
    }
}

} // namespace

void read_device(const std::string& path, const Send& send) {
    constexpr int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
    Fd fd{::open(path.c_str(), flags | O_DIRECT)};
    if (!fd && errno == EINVAL)
        fd.reset(::open(path.c_str(), flags));
    const std::uint64_t sectors = fd ? size_in_sectors(fd.get()) : 0;
    if (sectors == 0)
        return;
    send(Part::size, sectors, nullptr);
    format::AlignedBuffer buffer{block_size};
    const auto send_block = [&](Part part, Sector at) {
        Block block;
        const bool good = read_block(fd.get(), at, buffer);
        if (good)
            std::memcpy(block.data(), buffer.data(), block.size());
        send(part, sectors, good ? &block : nullptr);
    };
    if (sectors >= sectors_per_block)
        send_block(Part::head, Sector{0});
    if (sectors >= 2 * sectors_per_block)
        send_block(Part::tail, Sector{dmr_sb_sector(sectors, 1)});
    send(Part::end, sectors, nullptr);
}

Seen look(const std::string& path, std::chrono::milliseconds limit, const Reader& reader) {
    const Clock::time_point deadline = Clock::now() + limit;
    Seen seen;
    std::array<int, 2> ends;
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        seen.answered = false;
        return seen;
    }
    const Fd in{ends[0]};
    Fd out{ends[1]};
    const pid_t child = ::fork();
    if (child == 0)
        run_child(path, reader, out.get());
    out.reset();
    if (child < 0) {
        seen.answered = false;
        return seen;
    }
    seen.answered = receive(in.get(), deadline, seen);
    // one that waits for the disk stays until it gets an answer: no waiting for that
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, WNOHANG);
    return seen;
}

} // namespace remap::probe
