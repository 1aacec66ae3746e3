// SPDX-License-Identifier: GPL-2.0-only
// Formatting and damaging spares for tests.
#pragma once

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <vector>

#include "format/build.h"
#include "format/spare.h"

namespace remap::test {

// A device in memory that keeps only what was written; reads of some sectors can
// fail.
class MemoryDevice final : public format::BlockWriter {
public:
    explicit MemoryDevice(Sector size) : size_{size} {}

    std::vector<std::uint64_t> unreadable; // sectors

    [[nodiscard]] Sector size() const override { return size_; }
    [[nodiscard]] int read(Bytes offset, std::span<std::byte> buffer) override {
        for (const std::uint64_t sector : unreadable)
            if (sector * sector_size >= offset.value() &&
                sector * sector_size < offset.value() + buffer.size())
                return EIO;
        for (std::size_t at = 0; at < buffer.size(); at += block_size) {
            const auto it = blocks_.find(offset.value() + at);
            if (it == blocks_.end())
                std::memset(buffer.data() + at, 0, block_size);
            else
                std::memcpy(buffer.data() + at, it->second.data(), block_size);
        }
        return 0;
    }
    [[nodiscard]] int write(Bytes offset, std::span<const std::byte> buffer) override {
        for (std::size_t at = 0; at < buffer.size(); at += block_size)
            std::memcpy(blocks_[offset.value() + at].data(), buffer.data() + at, block_size);
        return 0;
    }
    [[nodiscard]] int sync() override { return 0; }

private:
    Sector size_;
    std::map<std::uint64_t, std::array<std::byte, block_size>> blocks_; // by offset in bytes
};

inline void read_block(format::BlockReader& device, Sector at, void* to) {
    format::AlignedBuffer buffer{block_size};
    ASSERT_EQ(device.read(to_bytes(at), buffer.span()), 0);
    std::memcpy(to, buffer.data(), block_size);
}

inline void write_block(format::BlockWriter& device, Sector at, const void* from) {
    format::AlignedBuffer buffer{block_size};
    std::memcpy(buffer.data(), from, block_size);
    ASSERT_EQ(device.write(to_bytes(at), buffer.span()), 0);
}

// Flip a bit of a block.
inline void corrupt(format::BlockWriter& device, Sector at) {
    std::vector<unsigned char> block(block_size);
    read_block(device, at, block.data());
    block[1000] ^= 4;
    write_block(device, at, block.data());
}

// Change a table block of the given copies and seal it again.
inline void change_table(format::BlockWriter& device, std::uint64_t index,
                         const std::vector<unsigned>& copies, std::uint64_t seq,
                         const std::function<void(dmr_table_block&)>& change) {
    const dmr_superblock sb = format::read_superblocks(device).best();
    for (const unsigned copy : copies) {
        dmr_table_block block;
        read_block(device, Sector{dmr_table_sector(&sb, index, copy)}, &block);
        change(block);
        dmr_table_seal(&block, dmr_table_seed(&sb), seq, copy);
        write_block(device, Sector{dmr_table_sector(&sb, index, copy)}, &block);
    }
}

inline void set_entry(dmr_table_block& block, unsigned i, std::uint64_t main_block,
                      std::uint64_t gen, std::uint8_t lost = 0) {
    dmr_mapping m{};
    m.block = main_block;
    m.gen = gen;
    m.lost = lost;
    m.state = DMR_E_MAPPED;
    m.reason = DMR_R_ADMIN;
    dmr_entry_pack(&block.entry[i], &m);
}

// An active spare of a main of a million sectors; slot i holds block 10 * i.
inline format::SpareRecord write_spare(format::BlockWriter& device, std::uint64_t entries) {
    format::SpareRecord record;
    record.set_uuid = Uuid::random();
    record.spare_uuid = Uuid::random();
    record.label = "r0";
    record.spare_size = device.size();
    record.main_size = Sector{1'000'000};
    record = format::format_spare(device, record);
    if (entries > 0)
        change_table(device, 0, {0, 1}, 2, [&](dmr_table_block& block) {
            for (unsigned i = 0; i < entries; ++i)
                set_entry(block, i, std::uint64_t{10} * i, i + 1);
        });
    return record;
}

} // namespace remap::test
