// SPDX-License-Identifier: GPL-2.0-only
// A disk in memory that remembers what was written in which order, so that a
// test can ask what a power cut would have left of it.
#pragma once

#include "dm-remap-meta.h"

#include <array>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <vector>

class SimDisk {
public:
    using Block = std::array<unsigned char, DMR_BLOCK_SIZE>;
    // By block number; a block that is not there is all zero.
    using Image = std::map<u64, Block>;

    struct Write {
        u64 block;
        Block data;
        unsigned flags;    // DMR_IO_*; flush_only: no data
        bool failed;       // the caller got an error; the data may have landed
        u8 sectors = 0xff; // which of the block's eight are written
    };

    static constexpr unsigned flush_only = 0x80;

    explicit SimDisk(u64 size) : sectors(size) {}

    // What a test may set: an error for a read or write of one block.
    enum class Op { read, write, flush };
    std::function<bool(Op, u64 block)> fails; // block: 0 for a flush
    // Blocks that can't be read until they are written.
    std::set<u64> unreadable;
    // A failed write still reaches the disk.
    bool failed_writes_land = false;

    u64 sectors;
    Image image;
    bool logging = false;
    std::vector<Write> log; // since logging was switched on

    static u64 block_of(u64 sector) { return sector / DMR_BLOCK_SECTORS; }

    template <class T>
    T load(u64 sector) const {
        static_assert(sizeof(T) == DMR_BLOCK_SIZE);
        T out{};
        const auto it = image.find(block_of(sector));
        if (it != image.end())
            std::memcpy(&out, it->second.data(), sizeof(out));
        return out;
    }

    template <class T>
    void store(u64 sector, const T& content) {
        static_assert(sizeof(T) == DMR_BLOCK_SIZE);
        std::memcpy(image[block_of(sector)].data(), &content, sizeof(content));
    }

    // What a write that arrives does, whole or some of its sectors.
    void put(const Write& w, u8 mask = 0xff) {
        mask &= w.sectors;
        Block& to = image[w.block];
        for (size_t s = 0; s < DMR_BLOCK_SECTORS; s++)
            if (mask & (1u << s))
                std::memcpy(to.data() + s * 512, w.data.data() + s * 512, 512);
        if (mask == 0xff)
            unreadable.erase(w.block);
    }

    // As the driver writes the content of slots.
    int write_block(const Write& w) {
        Write logged = w;
        logged.failed = fails && fails(Op::write, w.block);
        if (!logged.failed || failed_writes_land)
            put(w);
        if (logging)
            log.push_back(logged);
        return logged.failed ? -EIO : 0;
    }

    static const dmr_meta_ops ops;

private:
    int read(u64 sector, void* buf, u32 len) const {
        if (!inside(sector, len))
            return -EIO;
        for (u32 at = 0; at < len; at += DMR_BLOCK_SIZE) {
            const u64 block = block_of(sector) + at / DMR_BLOCK_SIZE;
            if (unreadable.contains(block) || (fails && fails(Op::read, block)))
                return -EIO;
            auto* to = static_cast<char*>(buf) + at;
            const auto it = image.find(block);
            if (it == image.end())
                std::memset(to, 0, DMR_BLOCK_SIZE);
            else
                std::memcpy(to, it->second.data(), DMR_BLOCK_SIZE);
        }
        return 0;
    }

    int write(u64 sector, const void* buf, u32 len, unsigned flags) {
        if (!inside(sector, len))
            return -EIO;
        bool failed = false;
        for (u32 at = 0; at < len; at += DMR_BLOCK_SIZE)
            failed |= fails && fails(Op::write, block_of(sector) + at / DMR_BLOCK_SIZE);
        for (u32 at = 0; at < len; at += DMR_BLOCK_SIZE) {
            Write w{block_of(sector) + at / DMR_BLOCK_SIZE, {}, flags, failed};
            std::memcpy(w.data.data(), static_cast<const char*>(buf) + at, DMR_BLOCK_SIZE);
            if (!failed || failed_writes_land)
                put(w);
            if (logging)
                log.push_back(w);
        }
        return failed ? -EIO : 0;
    }

    int flush() {
        const bool failed = fails && fails(Op::flush, 0);
        if (logging)
            log.push_back({0, {}, flush_only, failed});
        return failed ? -EIO : 0;
    }

    // Metadata I/O is in whole blocks and never leaves the device.
    bool inside(u64 sector, u32 len) const {
        const bool ok = sector % DMR_BLOCK_SECTORS == 0 && len && len % DMR_BLOCK_SIZE == 0 &&
                        len / 512 <= sectors && sector <= sectors - len / 512;
        if (!ok)
            outside++;
        return ok;
    }

public:
    mutable unsigned outside = 0; // I/O that a driver must not issue
};

inline const dmr_meta_ops SimDisk::ops = {
    .read = [](void* disk, u64 sector, void* buf,
               u32 len) { return static_cast<SimDisk*>(disk)->read(sector, buf, len); },
    .write =
        [](void* disk, u64 sector, const void* buf, u32 len, unsigned flags) {
            return static_cast<SimDisk*>(disk)->write(sector, buf, len, flags);
        },
    .flush = [](void* disk) { return static_cast<SimDisk*>(disk)->flush(); }};
