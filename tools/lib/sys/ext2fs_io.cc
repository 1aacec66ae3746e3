// SPDX-License-Identifier: GPL-2.0-only
#include "sys/ext2fs_io.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "base/text.h"

namespace remap::sys {

namespace {

constexpr std::size_t problems_shown = 20;

// libext2fs hands only a name to the function that opens a channel.
thread_local const ReadAt* opening = nullptr;

struct Channel {
    struct_io_channel base{};
    std::string name;
    const ReadAt* read = nullptr;
};

Channel& channel_of(io_channel channel) {
    return *static_cast<Channel*>(channel->private_data);
}

extern "C" {

static errcode_t channel_open(const char* name, int flags, io_channel* result);

static errcode_t channel_close(io_channel channel) {
    if (--channel->refcount <= 0)
        delete &channel_of(channel);
    return 0;
}

static errcode_t channel_set_blksize(io_channel channel, int size) {
    channel->block_size = size;
    return 0;
}

// A negative count is a number of bytes.
static errcode_t channel_read64(io_channel channel, unsigned long long block, int count,
                                void* data) {
    const auto unit = static_cast<std::uint64_t>(channel->block_size);
    const std::uint64_t length = count < 0 ? static_cast<std::uint64_t>(-static_cast<long>(count))
                                           : static_cast<std::uint64_t>(count) * unit;
    std::uint64_t offset = 0;
    if (__builtin_mul_overflow(block, unit, &offset) || offset > INT64_MAX - length)
        return EXT2_ET_SHORT_READ;
    const std::span<std::byte> buffer{static_cast<std::byte*>(data), length};
    const int error = (*channel_of(channel).read)(Bytes{offset}, buffer);
    if (error != 0)
        std::memset(data, 0, length);
    return error;
}

static errcode_t channel_read(io_channel channel, unsigned long block, int count, void* data) {
    return channel_read64(channel, block, count, data);
}

static errcode_t channel_write(io_channel, unsigned long, int, const void*) {
    return EROFS;
}

static errcode_t channel_write64(io_channel, unsigned long long, int, const void*) {
    return EROFS;
}

static errcode_t channel_flush(io_channel) {
    return 0;
}
}

struct_io_manager make_manager() {
    struct_io_manager m{};
    m.magic = EXT2_ET_MAGIC_IO_MANAGER;
    m.name = "remap";
    m.open = channel_open;
    m.close = channel_close;
    m.set_blksize = channel_set_blksize;
    m.read_blk = channel_read;
    m.write_blk = channel_write;
    m.flush = channel_flush;
    m.read_blk64 = channel_read64;
    m.write_blk64 = channel_write64;
    return m;
}

struct_io_manager& manager() {
    static struct_io_manager m = make_manager();
    return m;
}

errcode_t channel_open(const char* name, int, io_channel* result) {
    auto* const channel = new (std::nothrow) Channel;
    if (channel == nullptr)
        return ENOMEM;
    channel->read = opening;
    io_channel base = &channel->base;
    base->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    base->manager = &manager();
    channel->name = name;
    base->name = channel->name.data();
    base->block_size = 1024;
    base->refcount = 1;
    base->private_data = channel;
    *result = base;
    return 0;
}

} // namespace

errcode_t open_file_system(const ReadAt& read, blk_t superblock, unsigned block_size,
                           FileSystem& result) {
    // as much as can be had: nothing is written, and what is wrong shows in the result
    constexpr int flags = EXT2_FLAG_64BITS | EXT2_FLAG_IGNORE_CSUM_ERRORS;
    opening = &read;
    ext2_filsys fs = nullptr;
    const errcode_t error = ext2fs_open2("device", nullptr, flags, static_cast<int>(superblock),
                                         block_size, &manager(), &fs);
    opening = nullptr;
    if (error == 0)
        result.reset(fs);
    return error;
}

std::string ext2_error_text(errcode_t error) {
    initialize_ext2_error_table();
    return printable(error_message(error));
}

void Problems::add(std::string text) {
    if (std::find(first_.begin(), first_.end(), text) != first_.end())
        return;
    if (first_.size() < problems_shown)
        first_.push_back(std::move(text));
    else
        ++more_;
}

std::vector<std::string> Problems::take() {
    if (more_ > 0)
        first_.push_back("... and " + std::to_string(more_) + " more");
    more_ = 0;
    return std::move(first_);
}

} // namespace remap::sys
