// SPDX-License-Identifier: GPL-2.0-only
#include "format/map.h"

#include <cerrno>
#include <cstdlib>
#include <dm-remap-meta.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"

namespace remap::format {

namespace {

dmr_leaf* new_leaf(void*, u32 nr, bool) {
    auto* const leaf = static_cast<dmr_leaf*>(std::malloc(dmr_leaf_bytes(nr)));
    if (leaf != nullptr)
        leaf->nr = nr;
    return leaf;
}

void free_leaf(void*, dmr_leaf* leaf) {
    std::free(leaf);
}

constexpr dmr_leaf_ops leaf_ops = {.alloc = &new_leaf, .release = &free_leaf};

int read_device(void* context, u64 sector, void* buffer, u32 length) {
    auto& device = *static_cast<BlockReader*>(context);
    return -device.read(to_bytes(Sector{sector}), {static_cast<std::byte*>(buffer), length});
}

// Loading writes nothing; should it ever try, nothing may happen.
int refuse_write(void*, u64, const void*, u32, unsigned) {
    return -EIO;
}

int refuse_flush(void*) {
    return -EIO;
}

constexpr dmr_meta_ops reading_ops = {
    .read = &read_device, .write = &refuse_write, .flush = &refuse_flush};

Code code_of(int error) {
    switch (error) {
    case -ENODATA:
        return Code::not_found;
    case -EUCLEAN:
        return Code::damaged;
    default:
        return Code::failed;
    }
}

// The index and the loader's counters have one pointer and one number for each
// region, whatever main holds. A recorded size that is damage, or a lie, must not
// bring this machine down.
bool too_large(std::uint64_t regions) {
    const long pages = ::sysconf(_SC_PHYS_PAGES);
    const long page = ::sysconf(_SC_PAGESIZE);
    if (pages <= 0 || page <= 0)
        return false;
    constexpr std::uint64_t bytes = sizeof(void*) + sizeof(u32);
    return regions / static_cast<std::uint64_t>(pages) * bytes >= static_cast<std::uint64_t>(page);
}

MapItem unpack(BlockNo block, u64 x) {
    return {block,           dmr_x_slot(x),           dmr_x_lost(x),
            dmr_x_reason(x), (x & DMR_X_SHIELD) != 0, (x & DMR_X_SLOT_LOST) != 0};
}

} // namespace

// Everything starts out zeroed, so that the destructor also suits what failed to
// open or to load.
struct LoadedMap::State {
    State() = default;
    ~State() {
        dmr_index_exit(&index);
        dmr_meta_close(&meta);
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    void open(BlockReader& device) {
        const int error =
            dmr_meta_open(&meta, &reading_ops, &device, device.size().value(), memory.data());
        if (error != 0)
            throw Error{code_of(error), meta.problem};
        record = decode(*meta.sb);
        bool read_only = false;
        const char* const refusal = dmr_sb_refusal(meta.sb, &read_only);
        if ((record.incompat & ~DMR_INCOMPAT_KNOWN) != 0)
            throw Error{Code::damaged, refusal};
    }

    void load() {
        const u64 blocks = blocks_in(record.main_size).value();
        if (too_large(dmr_regions(blocks)) ||
            dmr_index_init(&index, blocks, &leaf_ops, nullptr) != 0)
            throw Error{Code::failed, "not enough memory for the map of a main device of " +
                                          human_size(to_bytes(record.main_size))};
        const int error = dmr_meta_load(&meta, &index, &totals);
        if (error == -ENOMEM)
            throw Error{Code::failed, meta.problem};
        if (error != 0)
            throw Error{code_of(error), strf("%s (table block %llu)", meta.problem,
                                             static_cast<unsigned long long>(meta.problem_index))};
    }

    AlignedBuffer memory{DMR_META_PAGES * block_size};
    SpareRecord record;
    dmr_meta meta{};
    dmr_index index{};
    dmr_totals totals{};
};

LoadedMap::LoadedMap(BlockReader& device) : state_{std::make_unique<State>()} {
    state_->open(device);
    state_->load();
}
LoadedMap::LoadedMap(LoadedMap&&) noexcept = default;
LoadedMap& LoadedMap::operator=(LoadedMap&&) noexcept = default;
LoadedMap::~LoadedMap() = default;

const dmr_superblock& LoadedMap::superblock() const {
    return *state_->meta.sb;
}

const SpareRecord& LoadedMap::record() const {
    return state_->record;
}

std::uint64_t LoadedMap::count() const {
    return state_->totals.entries;
}

std::uint64_t LoadedMap::lost_sectors() const {
    return state_->totals.lost;
}

std::uint64_t LoadedMap::bad_slots() const {
    return state_->totals.bad;
}

std::uint64_t LoadedMap::generation() const {
    return state_->meta.gen;
}

std::uint64_t LoadedMap::one_copy_left() const {
    return state_->meta.frozen;
}

std::span<const std::uint64_t> LoadedMap::losers() const {
    return {state_->meta.losers, state_->meta.nr_losers};
}

void LoadedMap::for_each(BlockNo first, BlockNo end,
                         const std::function<bool(const MapItem&)>& visit) const {
    u64 block = first.value();
    while (block < end.value() && block < state_->index.nr_blocks) {
        const u64 x = dmr_index_next(&state_->index, &block);
        if (x == 0 || block >= end.value() || !visit(unpack(BlockNo{block}, x)))
            return;
        ++block;
    }
}

void LoadedMap::for_each(const std::function<bool(const MapItem&)>& visit) const {
    for_each(BlockNo{0}, BlockNo{state_->index.nr_blocks}, visit);
}

std::optional<MapItem> LoadedMap::find(BlockNo block) const {
    if (block.value() >= state_->index.nr_blocks)
        return std::nullopt;
    const u64 x = dmr_index_get(&state_->index, block.value());
    if (x == 0)
        return std::nullopt;
    return unpack(block, x);
}

} // namespace remap::format
