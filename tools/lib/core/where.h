// SPDX-License-Identifier: GPL-2.0-only
// What lies where: a position on one layer of a set, translated to the others.
//
//   device   the remap device; its sector n is sector n of main
//   main     the device that is protected
//   disk     the whole disk that main is a partition of, as the kernel log and SMART
//            count; main itself if it is no partition
//   spare    metadata and slots
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/set.h"

namespace remap::core {

enum class Layer { device, main, disk, spare };
// "device", "main", "disk", "spare".
[[nodiscard]] const char* layer_name(Layer layer);
// The layer of that name. Throws Code::usage.
[[nodiscard]] Layer parse_layer(const std::string& name);

// The devices of a set and how they lie on each other.
struct Layout {
    std::string name; // of the set
    Sector size;
    sys::BlockDevice main;
    // Nothing if main is a volume of another layer: where that lies on disks is only
    // known to it.
    std::optional<sys::BlockDevice> disk;
    sys::BlockDevice spare;
    // Geometry of the spare; nothing if neither superblock can be read.
    std::optional<dmr_superblock> superblock;
    std::string superblock_problem; // why not
};

// Throws Code::not_found if the set is not assembled or a member is gone.
[[nodiscard]] Layout read_layout(sys::Host& host, dm::DeviceMapper& dm, const std::string& name);

// Size of a logical block of that layer, in bytes.
[[nodiscard]] std::uint32_t logical_block(const Layout& layout, Layer layer);

// A position as people write it: parse_position(), or with lba the number of a
// logical block, which has no unit. Throws Code::usage.
[[nodiscard]] Sector parse_place(const std::string& text, bool lba, std::uint32_t logical_block);

// The sector of the device that a sector of device, main or disk is. Throws
// Code::usage if it lies outside of main, Code::not_found if the disk is not known.
[[nodiscard]] Sector to_device(const Layout& layout, Layer layer, Sector sector);

// What a part of the spare is for.
struct SparePart {
    enum class Kind { superblock, table, slot, unused };
    Kind kind = Kind::unused;
    unsigned copy = 0;       // of superblock and table
    std::uint64_t index = 0; // table block or slot
    Sector within;           // the block or slot
    bool operator==(const SparePart&) const = default;
};
// Throws Code::usage if the spare ends before that sector.
[[nodiscard]] SparePart spare_part(const Layout& layout, Sector sector);
// The first sector of a slot.
[[nodiscard]] Sector slot_sector(const dmr_superblock& sb, std::uint64_t slot);

enum class Content {
    on_main,
    remapped,
    shield,    // remapped for good
    lost,      // remapped, and the content is gone
    free_slot, // of the spare, and so are the rest
    bad_slot,
    no_sector, // a slot's part behind the end of a short last block
    metadata,
    unused,
};
// "main", "remapped", "shield", "lost", "free", "bad", "behind-end", "metadata",
// "unused".
[[nodiscard]] const char* content_name(Content content);

// A position on one device.
struct Place {
    std::string path;
    Sector sector;
    std::uint64_t lba = 0; // the logical block that holds it
    std::uint32_t logical_block = 512;
    bool operator==(const Place&) const = default;
};

struct Where {
    Content content = Content::on_main;
    // Those that the position exists on.
    std::optional<Place> device;
    std::optional<Place> main;
    std::optional<Place> disk;
    std::optional<Place> spare;
    std::optional<BlockNo> block;
    std::optional<SparePart> part;     // of the spare
    std::optional<dm::MapEntry> entry; // of the block
};

// Entries in [first, end), ascending, until visit returns false.
using EntryVisitor = std::function<bool(const dm::MapEntry&)>;
using EntrySource = std::function<void(BlockNo first, BlockNo end, const EntryVisitor& visit)>;
// True if a slot that holds nothing is marked as bad.
using BadSlot = std::function<bool(std::uint64_t slot)>;

// What is at that sector of a layer. Throws as to_device() and spare_part() do, and
// Code::damaged if a position on the spare is asked for and its superblocks can't be read.
[[nodiscard]] Where locate(const Layout& layout, Layer layer, Sector sector,
                           const EntrySource& entries, const BadSlot& is_bad);

// The same for an assembled set, with its present entries.
[[nodiscard]] Where find_place(sys::Host& host, dm::DeviceMapper& dm, const Layout& layout,
                               Layer layer, Sector sector);

// In words: "remapped to the spare (read error)", "lost: ...".
[[nodiscard]] std::string describe(const Where& where);

} // namespace remap::core
