// SPDX-License-Identifier: GPL-2.0-only
#include "core/where.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/text.h"
#include "core/entries.h"
#include "core/status.h"

namespace remap::core {

namespace {

constexpr std::array layer_names = {"device", "main", "disk", "spare"};

sys::BlockDevice inspect_member(sys::Host& host, sys::DeviceNumber number, const char* role,
                                const std::string& name) {
    const std::string path = host.path_of(number);
    try {
        return host.inspect(path);
    } catch (const Error& e) {
        if (e.code() != Code::not_found)
            throw;
        throw Error{Code::not_found,
                    name + ": its " + role + " device " + path + " is gone: " + e.reason()};
    }
}

// Volumes whose content may lie anywhere, and on several disks.
bool is_volume(const sys::BlockDevice& device) {
    static constexpr std::array prefixes = {"dm-", "md", "bcache", "drbd"};
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](const char* prefix) { return device.whole_name.starts_with(prefix); });
}

Place place_on(const sys::BlockDevice& device, Sector sector) {
    return {device.path, sector, to_bytes(sector).value() / device.lbs, device.lbs};
}

Error behind_end(Sector sector, const std::string& path, Sector size) {
    return {Code::usage, strf("sector %llu lies behind the end of %s, which has %llu sectors",
                              ull(sector.value()), path.c_str(), ull(size.value()))};
}

bool lies_in(Sector sector, Sector first, Sector count) {
    return sector >= first && sector - first < count;
}

// Is any sector of the logical block lost? It can't be read in parts.
bool is_lost(const dm::MapEntry& entry, Sector sector, std::uint32_t logical_block) {
    const std::uint64_t unit =
        std::clamp<std::uint64_t>(logical_block / sector_size, 1, sectors_per_block);
    const std::uint64_t first = sector.value() % sectors_per_block / unit * unit;
    return (entry.lost_mask &
            dmr_sector_mask(static_cast<unsigned>(first), static_cast<unsigned>(unit))) != 0;
}

void set_content(Where& where, const dm::MapEntry& entry, Sector sector, std::uint32_t lbs) {
    where.entry = entry;
    where.content = is_lost(entry, sector, lbs) ? Content::lost
                    : entry.shield              ? Content::shield
                                                : Content::remapped;
}

void set_device(Where& where, const Layout& layout, Sector sector) {
    where.device = {"/dev/mapper/" + layout.name, sector,
                    to_bytes(sector).value() / layout.main.lbs, layout.main.lbs};
    where.main = place_on(layout.main, sector);
    if (layout.disk)
        where.disk = place_on(*layout.disk, layout.main.start + sector);
}

void locate_on_spare(Where& where, const Layout& layout, const EntrySource& entries,
                     const BadSlot& is_bad) {
    const SparePart& part = *where.part;
    if (part.kind != SparePart::Kind::slot) {
        where.content = part.kind == SparePart::Kind::unused ? Content::unused : Content::metadata;
        return;
    }
    where.content = Content::free_slot;
    entries(BlockNo{0}, blocks_in(layout.size), [&](const dm::MapEntry& entry) {
        if (entry.slot != part.index)
            return true;
        const Sector sector = first_sector(entry.block) + part.within;
        where.block = entry.block;
        set_content(where, entry, sector, layout.main.lbs);
        if (sector < layout.size)
            set_device(where, layout, sector);
        else
            where.content = Content::no_sector;
        return false;
    });
    if (where.content == Content::free_slot && is_bad(part.index))
        where.content = Content::bad_slot;
}

// What the table on the spare says of a slot that no entry names.
bool slot_is_bad(sys::Host& host, const Layout& layout, std::uint64_t slot) {
    const auto file = host.open(layout.spare, sys::Access::read);
    bool bad = false;
    format::for_each_table_block(
        *file, *layout.superblock, slot / DMR_TABLE_ENTRIES, 1, [&](const format::TablePair& pair) {
            if (pair.best() == nullptr)
                return;
            dmr_mapping m{};
            dmr_entry_unpack(&pair.best()->entry[slot % DMR_TABLE_ENTRIES], &m);
            bad = m.state == DMR_E_BAD;
        });
    return bad;
}

std::string describe_entry(const dm::MapEntry& entry) {
    std::string reason = dm::reason_name(entry.reason);
    std::replace(reason.begin(), reason.end(), '_', ' ');
    return "remapped to the spare (" + reason + ")" + (entry.changing ? ", being changed" : "") +
           (entry.fenced ? ", can't be written until the set is rearmed" : "");
}

std::string describe_part(const SparePart& part) {
    const auto index = static_cast<unsigned long long>(part.index);
    switch (part.kind) {
    case SparePart::Kind::superblock:
        return strf("superblock, copy %u", part.copy);
    case SparePart::Kind::table:
        return strf("slot table, copy %u, block %llu", part.copy, index);
    case SparePart::Kind::slot:
        return strf("slot %llu", index);
    case SparePart::Kind::unused:
        break;
    }
    return "not used";
}

} // namespace

const char* layer_name(Layer layer) {
    return layer_names.at(static_cast<std::size_t>(layer));
}

Layer parse_layer(const std::string& name) {
    const auto* const it = std::find(layer_names.begin(), layer_names.end(), name);
    if (it == layer_names.end())
        throw Error{Code::usage, "there is no layer '" + printable(name) + "'",
                    "layers are device, main, disk and spare"};
    return static_cast<Layer>(it - layer_names.begin());
}

Layout read_layout(sys::Host& host, dm::DeviceMapper& dm, const std::string& name) {
    const SetStatus set = read_status(host, dm, name);
    Layout layout;
    layout.name = name;
    layout.size = set.size;
    layout.main = inspect_member(host, set.table.main, "main", name);
    layout.spare = inspect_member(host, set.table.spare, "spare", name);
    if (!is_volume(layout.main))
        layout.disk = layout.main.partition
                          ? inspect_member(host, layout.main.whole_disk, "main", name)
                          : layout.main;
    try {
        const FoundSpare found = look_at_spare(host, layout.spare);
        if (found.superblocks.found())
            layout.superblock = found.superblocks.best();
        else
            layout.superblock_problem = found.superblocks.problem;
    } catch (const Error& e) {
        layout.superblock_problem = e.reason();
    }
    return layout;
}

std::uint32_t logical_block(const Layout& layout, Layer layer) {
    return layer == Layer::spare ? layout.spare.lbs : layout.main.lbs;
}

Sector parse_place(const std::string& text, bool lba, std::uint32_t logical_block) {
    if (!lba)
        return parse_position(text);
    const bool hex = text.starts_with("0x") || text.starts_with("0X");
    const auto number =
        parse_number<std::uint64_t>(std::string_view{text}.substr(hex ? 2 : 0), hex ? 16 : 10);
    if (!number)
        throw Error{Code::usage, "'" + printable(text) + "' is not the number of a logical block",
                    "with --lba a position has no unit"};
    const std::uint64_t sectors = std::max<std::uint64_t>(logical_block / sector_size, 1);
    if (*number > max_sector.value() / sectors)
        throw Error{Code::usage, "'" + printable(text) + "' is too large"};
    return Sector{*number * sectors};
}

Sector to_device(const Layout& layout, Layer layer, Sector sector) {
    if (layer != Layer::disk) {
        if (sector >= layout.size)
            throw behind_end(sector, layout.name, layout.size);
        return sector;
    }
    if (!layout.disk)
        throw Error{Code::not_found,
                    layout.main.path + " is a volume: where it lies on a disk is not known",
                    "give a position on main: --of main"};
    if (sector >= layout.disk->size)
        throw behind_end(sector, layout.disk->path, layout.disk->size);
    const Sector first = layout.main.partition ? layout.main.start : Sector{0};
    if (!lies_in(sector, first, layout.size))
        throw Error{Code::usage,
                    strf("sector %llu of %s lies outside of %s, which has the sectors %llu to %llu",
                         ull(sector.value()), layout.disk->path.c_str(), layout.main.path.c_str(),
                         ull(first.value()), ull((first + layout.size - Sector{1}).value()))};
    return sector - first;
}

Sector slot_sector(const dmr_superblock& sb, std::uint64_t slot) {
    return Sector{dmr_slot_sector(&sb, slot)};
}

SparePart spare_part(const Layout& layout, Sector sector) {
    if (sector >= layout.spare.size)
        throw behind_end(sector, layout.spare.path, layout.spare.size);
    if (!layout.superblock)
        throw Error{Code::damaged, layout.spare.path + ": " + layout.superblock_problem,
                    "see: remapctl metadata check " + layout.spare.path};
    const dmr_superblock& sb = *layout.superblock;
    using Kind = SparePart::Kind;
    const auto within = [&](Sector first) {
        return Sector{(sector - first).value() % sectors_per_block};
    };
    const auto index = [&](Sector first) { return (sector - first).value() / sectors_per_block; };
    for (unsigned copy = 0; copy < 2; ++copy) {
        const Sector super{dmr_sb_sector(le64_to_cpu(sb.spare_sectors), copy)};
        if (lies_in(sector, super, Sector{sectors_per_block}))
            return {Kind::superblock, copy, 0, within(super)};
        const Sector table{dmr_table_sector(&sb, 0, copy)};
        if (lies_in(sector, table, first_sector(BlockNo{le64_to_cpu(sb.table_blocks)})))
            return {Kind::table, copy, index(table), within(table)};
    }
    const Sector slots = slot_sector(sb, 0);
    if (lies_in(sector, slots, first_sector(BlockNo{le64_to_cpu(sb.nr_slots)})))
        return {Kind::slot, 0, index(slots), within(slots)};
    return {};
}

const char* content_name(Content content) {
    static constexpr std::array names = {"main", "remapped",   "shield",   "lost",  "free",
                                         "bad",  "behind-end", "metadata", "unused"};
    return names.at(static_cast<std::size_t>(content));
}

Where locate(const Layout& layout, Layer layer, Sector sector, const EntrySource& entries,
             const BadSlot& is_bad) {
    Where where;
    if (layer == Layer::spare) {
        where.part = spare_part(layout, sector);
        where.spare = place_on(layout.spare, sector);
        locate_on_spare(where, layout, entries, is_bad);
        return where;
    }
    const Sector on_device = to_device(layout, layer, sector);
    const BlockNo block = block_of(on_device);
    set_device(where, layout, on_device);
    where.block = block;
    entries(block, block + BlockNo{1}, [&](const dm::MapEntry& entry) {
        set_content(where, entry, on_device, layout.main.lbs);
        const Sector within = on_device - first_sector(block);
        where.part = SparePart{SparePart::Kind::slot, 0, entry.slot, within};
        if (layout.superblock)
            where.spare =
                place_on(layout.spare, slot_sector(*layout.superblock, entry.slot) + within);
        return false;
    });
    return where;
}

Where find_place(sys::Host& host, dm::DeviceMapper& dm, const Layout& layout, Layer layer,
                 Sector sector) {
    return locate(
        layout, layer, sector,
        [&](BlockNo first, BlockNo end, const EntryVisitor& visit) {
            for_each_entry(dm, layout.name, first, end, visit);
        },
        [&](std::uint64_t slot) { return slot_is_bad(host, layout, slot); });
}

std::string describe(const Where& where) {
    switch (where.content) {
    case Content::on_main:
        return "on main";
    case Content::remapped:
        return describe_entry(*where.entry);
    case Content::shield:
        return "shield: remapped to the spare for good";
    case Content::lost:
        return "lost: not readable until it is written again";
    case Content::free_slot:
        return describe_part(*where.part) + ", free";
    case Content::bad_slot:
        return describe_part(*where.part) + ", bad: never used again";
    case Content::no_sector:
        return describe_part(*where.part) + ", behind the end of the short last block";
    case Content::metadata:
    case Content::unused:
        break;
    }
    return describe_part(*where.part);
}

} // namespace remap::core
