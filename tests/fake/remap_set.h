// SPDX-License-Identifier: GPL-2.0-only
// A set as the model of the target loads it, for one call.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <dm-remap-meta.h>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "format/block_io.h"
#include "remap_model.h"

namespace remap::test {

// A number in a message. Throws Refusal.
inline std::uint64_t message_number(std::string_view text) {
    const auto value = parse_number<std::uint64_t>(text);
    if (!value)
        throw Refusal{EINVAL};
    return *value;
}

// A loaded set: the devices, the metadata and the map.
class RemapModel::Set {
public:
    Set(FileHost& host, const dm::RemapTable& table)
        : main{host.open_for_target(table.main)},
          spare{host.open_for_target(table.spare)},
          memory_{DMR_META_PAGES * DMR_BLOCK_SIZE} {
        if (!main || !spare)
            throw Refusal{ENXIO};
        check(dmr_meta_open(&meta, &meta_ops, spare.get(), spare->size().value(), memory_.data()));
        open_ = true;
    }
    ~Set() {
        dmr_index_exit(&index);
        if (open_)
            dmr_meta_close(&meta);
    }
    Set(const Set&) = delete;
    Set& operator=(const Set&) = delete;

    void load() {
        const std::uint64_t sectors = le64_to_cpu(meta.sb->main_sectors);
        check(dmr_index_init(&index, dmr_blocks(sectors), &leaf_ops, nullptr));
        check(dmr_meta_load(&meta, &index, &totals));
    }

    static void check(int result) {
        if (result < 0)
            throw Refusal{-result};
    }

    [[nodiscard]] std::uint64_t entry(std::uint64_t block) const {
        return dmr_index_get(&index, block);
    }
    // Sectors of a block: the last one may be short.
    [[nodiscard]] unsigned sectors(std::uint64_t block) const {
        const std::uint64_t rest = le64_to_cpu(meta.sb->main_sectors) - block * DMR_BLOCK_SECTORS;
        return static_cast<unsigned>(std::min<std::uint64_t>(rest, DMR_BLOCK_SECTORS));
    }
    [[nodiscard]] Bytes slot_place(std::uint64_t slot) const {
        return to_bytes(Sector{dmr_slot_sector(meta.sb, slot)});
    }
    // A new entry of a block.
    [[nodiscard]] dmr_mapping mapping(std::uint64_t block, std::uint8_t lost, std::uint8_t reason) {
        const std::uint64_t created = le64_to_cpu(meta.sb->created);
        const auto now = static_cast<std::uint64_t>(std::time(nullptr));
        dmr_mapping m{};
        m.block = block;
        m.gen = dmr_meta_next_gen(&meta);
        m.hours = static_cast<std::uint32_t>(
            std::min<std::uint64_t>((now - std::min(created, now)) / 3600, DMR_HOURS_MAX));
        m.lost = lost;
        m.state = DMR_E_MAPPED;
        m.reason = reason;
        return m;
    }
    // Make changes durable; each tells afterwards what became of it.
    void commit(std::vector<dmr_change>& changes) {
        std::sort(changes.begin(), changes.end(),
                  [](const dmr_change& a, const dmr_change& b) { return a.slot < b.slot; });
        for (std::size_t done = 0; done < changes.size();)
            done += dmr_meta_commit(&meta, &changes[done],
                                    static_cast<std::uint32_t>(changes.size() - done));
    }

    std::unique_ptr<format::BlockWriter> main;
    std::unique_ptr<format::BlockWriter> spare;
    dmr_meta meta{};
    dmr_index index{};
    dmr_totals totals{};

private:
    static int read(void* spare, u64 sector, void* buffer, u32 length) {
        return -static_cast<format::BlockWriter*>(spare)->read(
            to_bytes(Sector{sector}), std::span{static_cast<std::byte*>(buffer), length});
    }
    // Nothing is cached that a flag could order: what was written is there.
    static int write(void* spare, u64 sector, const void* buffer, u32 length, unsigned) {
        return -static_cast<format::BlockWriter*>(spare)->write(
            to_bytes(Sector{sector}), std::span{static_cast<const std::byte*>(buffer), length});
    }
    static int flush(void* spare) { return -static_cast<format::BlockWriter*>(spare)->sync(); }
    static constexpr dmr_meta_ops meta_ops = {.read = &read, .write = &write, .flush = &flush};

    static dmr_leaf* new_leaf(void*, u32 nr, bool) {
        auto* const leaf = static_cast<dmr_leaf*>(std::calloc(1, dmr_leaf_bytes(nr)));
        if (leaf != nullptr)
            leaf->nr = nr;
        return leaf;
    }
    static void free_leaf(void*, dmr_leaf* leaf) { std::free(leaf); }
    static constexpr dmr_leaf_ops leaf_ops = {.alloc = &new_leaf, .release = &free_leaf};

    format::AlignedBuffer memory_;
    bool open_ = false;
};

} // namespace remap::test
