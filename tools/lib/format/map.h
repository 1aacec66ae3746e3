// SPDX-License-Identifier: GPL-2.0-only
// The map of a spare as the kernel would see it: read by the kernel module's own
// loader (dm-remap-load.c), so that what it refuses is refused here, and of two
// entries for one block the same one holds.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "base/units.h"
#include "format/block_io.h"
#include "format/spare.h"

namespace remap::format {

// One remapped block.
struct MapItem {
    BlockNo block;
    std::uint64_t slot = 0;
    std::uint8_t lost = 0; // bit n: sector n of the block is lost
    unsigned reason = 0;   // DMR_R_*
    bool shield = false;
    bool slot_lost = false; // content was once lost on the spare side

    bool operator==(const MapItem&) const = default;
};

// Memory: 8 bytes for each entry and for each 64 MiB of main, as in the kernel.
class LoadedMap {
public:
    // Reads both superblocks and the whole table; writes nothing. The state of the
    // set (creating, retired, ...) is not judged. Throws Code::not_found if there is
    // no metadata, Code::damaged with the loader's words if it is damaged or uses
    // unknown features, Code::failed if it can't be read or this machine can't hold
    // it. device is not used any more when the constructor returns.
    explicit LoadedMap(BlockReader& device);
    LoadedMap(const LoadedMap&) = delete;
    LoadedMap& operator=(const LoadedMap&) = delete;
    LoadedMap(LoadedMap&&) noexcept;
    LoadedMap& operator=(LoadedMap&&) noexcept;
    ~LoadedMap();

    // The newest superblock, raw and decoded.
    [[nodiscard]] const dmr_superblock& superblock() const;
    [[nodiscard]] const SpareRecord& record() const;

    [[nodiscard]] std::uint64_t count() const; // remapped blocks
    [[nodiscard]] std::uint64_t lost_sectors() const;
    [[nodiscard]] std::uint64_t bad_slots() const;
    // The highest generation of an entry.
    [[nodiscard]] std::uint64_t generation() const;
    // Table blocks of which only one copy is good, or newer.
    [[nodiscard]] std::uint64_t one_copy_left() const;
    // Slots whose entry lost against a newer one of the same block.
    [[nodiscard]] std::span<const std::uint64_t> losers() const;

    // Calls visit for each remapped block in [first, end), ascending, until it
    // returns false.
    void for_each(BlockNo first, BlockNo end,
                  const std::function<bool(const MapItem&)>& visit) const;
    // The same for all.
    void for_each(const std::function<bool(const MapItem&)>& visit) const;
    // Nothing if the block is not remapped.
    [[nodiscard]] std::optional<MapItem> find(BlockNo block) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace remap::format
