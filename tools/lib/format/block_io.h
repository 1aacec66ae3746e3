// SPDX-License-Identifier: GPL-2.0-only
// Reading and writing whole 4 KiB blocks of a spare, as the format code needs
// it. Implemented by sys::BlockFile and, in tests, by memory.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>

#include "base/units.h"

namespace remap::format {

// Memory for direct I/O, aligned to 4096 bytes and zeroed.
class AlignedBuffer {
public:
    // size is rounded up to a whole number of blocks. Throws std::bad_alloc.
    explicit AlignedBuffer(std::size_t size);
    [[nodiscard]] std::span<std::byte> span() { return {data_.get(), size_}; }
    [[nodiscard]] std::span<const std::byte> span() const { return {data_.get(), size_}; }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::byte* data() { return data_.get(); }

private:
    struct Free {
        void operator()(std::byte* p) const { std::free(p); }
    };
    std::size_t size_;
    std::unique_ptr<std::byte, Free> data_;
};

// Blocks of one large transfer: 1 MiB.
inline constexpr std::size_t chunk_blocks = 256;

class BlockReader {
public:
    virtual ~BlockReader() = default;
    // Size of the device.
    [[nodiscard]] virtual Sector size() const = 0;
    // Fills the buffer from that place on. Offset, length and the buffer's address
    // are multiples of 4096. Returns 0 or an errno; reading behind the end is EIO.
    [[nodiscard]] virtual int read(Bytes offset, std::span<std::byte> buffer) = 0;
};

class BlockWriter : public BlockReader {
public:
    // As read(). What was written is durable only after sync().
    [[nodiscard]] virtual int write(Bytes offset, std::span<const std::byte> buffer) = 0;
    [[nodiscard]] virtual int sync() = 0;
};

} // namespace remap::format
