// SPDX-License-Identifier: GPL-2.0-only
#include "core/shield.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/text.h"
#include "core/block_access.h"
#include "format/shield.h"

namespace remap::core {

namespace {

// The first sector as a unit of its own; where sectors are larger the whole block is
// one.
std::size_t first_unit(const sys::BlockDevice& main, std::size_t length) {
    return std::min<std::size_t>(length, main.lbs);
}

void write_part(const OpenMain& main, BlockNo block, std::span<const std::byte> content,
                std::size_t from, std::size_t to) {
    if (from < to)
        write_verified(main.file, place_of(block) + Bytes{from}, content.subspan(from, to - from),
                       main.device.path);
}

void put_header_first(const OpenMain& main, std::span<const std::byte> content) {
    const std::size_t unit = first_unit(main.device, content.size());
    write_part(main, BlockNo{0}, content, 0, unit);
    write_part(main, BlockNo{0}, content, unit, content.size());
}

void put_header_last(const OpenMain& main, std::span<const std::byte> content) {
    const std::size_t unit = first_unit(main.device, content.size());
    write_part(main, BlockNo{0}, content, unit, content.size());
    write_part(main, BlockNo{0}, content, 0, unit);
}

bool holds(format::BlockReader& main, BlockNo block, std::span<const std::byte> content) {
    std::vector<std::byte> there(content.size());
    return try_read(main, place_of(block), there) == 0 &&
           std::equal(there.begin(), there.end(), content.begin());
}

void require_hidden(sys::Host& host, OpenMembers& members) {
    const sys::BlockDevice& main = members.main_device;
    std::vector<sys::Signature> found;
    try {
        found = host.signatures(main);
    } catch (const Error&) {
        // a disk with bad sectors: what can be read of it
        found = visible_signatures(members.main(), main.lbs, main.path);
    }
    if (!found.empty())
        throw Error{Code::refused,
                    main.path + ": still shows a '" + found.front().type + "' signature"};
}

// Throws unless each block is what a crash can have left.
void require_untouched(OpenMembers& members, const std::vector<format::StoredShield>& blocks) {
    for (const format::StoredShield& block : blocks)
        if (compare_block(members.main(), block) == Holds::other)
            throw Error{Code::damaged,
                        members.main_device.path + ": block " + number_of(block.block) +
                            " was changed since the creation of the set was cut off",
                        "see: remapctl recover shield --help"};
}

} // namespace

OpenMembers::OpenMembers(sys::Host& host, const sys::BlockDevice& main,
                         const sys::BlockDevice& spare)
    : main_device{main}, spare_device{spare} {
    // one lock where both are on one disk
    disks_.push_back(host.lock_disk(spare));
    if (main.whole_disk != spare.whole_disk)
        disks_.push_back(host.lock_disk(main));
    main_ = host.open(main, sys::Access::write_exclusive);
    spare_ = host.open(spare, sys::Access::write_exclusive);
}

format::MemberHeader member_header(const format::SpareRecord& record,
                                   const format::Identity& identity) {
    return {.set_uuid = record.set_uuid,
            .spare_uuid = record.spare_uuid,
            .epoch = record.epoch,
            .main_size = record.main_size,
            .created = record.created,
            .label = record.label,
            .spare_serial = identity.serial,
            .spare_wwn = identity.wwn};
}

bool carries_shield(format::BlockReader& main, const format::SpareRecord& record) {
    const format::FoundMember found = format::read_member(main);
    return found.header && found.header->set_uuid == record.set_uuid &&
           found.header->spare_uuid == record.spare_uuid;
}

Holds compare_block(format::BlockReader& main, const format::StoredShield& block) {
    std::vector<std::byte> there(block.original.size());
    if (try_read(main, place_of(block.block), there) != 0)
        return Holds::unreadable;
    if (there == block.original)
        return Holds::original;
    if (there == block.image)
        return Holds::image;
    for (std::size_t i = 0; i < there.size(); ++i)
        if (there[i] != block.original[i] && there[i] != block.image[i])
            return Holds::other;
    return Holds::torn;
}

void put_images(const OpenMain& main, const std::vector<format::StoredShield>& blocks) {
    for (const format::StoredShield& block : blocks) {
        if (holds(main.file, block.block, block.image))
            continue;
        if (block.block == BlockNo{0})
            put_header_first(main, block.image);
        else
            write_part(main, block.block, block.image, 0, block.image.size());
    }
}

void put_originals(const OpenMain& main, const std::vector<format::StoredShield>& blocks) {
    for (const format::StoredShield& block : blocks)
        if (block.block != BlockNo{0} && !holds(main.file, block.block, block.original))
            write_part(main, block.block, block.original, 0, block.original.size());
    for (const format::StoredShield& block : blocks)
        if (block.block == BlockNo{0} && !holds(main.file, block.block, block.original))
            put_header_last(main, block.original);
}

void test_blocks(const OpenMain& main, const std::vector<BlockNo>& blocks) {
    for (const BlockNo block : blocks) {
        const std::size_t length = format::block_length(block, main.device.size);
        write_verified(main.file, place_of(block),
                       read_bytes(main.file, place_of(block), length, main.device.path),
                       main.device.path);
    }
}

void put_shield(sys::Host& host, OpenMembers& members,
                const std::vector<format::StoredShield>& blocks) {
    const std::string& path = members.main_device.path;
    try {
        put_images(members.open_main(), blocks);
        require_hidden(host, members);
    } catch (const Error& e) {
        try {
            put_originals(members.open_main(), blocks);
        } catch (const Error& second) {
            throw Error{e.code(),
                        std::string{e.reason()} + "; and what " + path +
                            " had could not be put back: " + second.reason(),
                        "its content is on " + members.spare_device.path +
                            ": keep both, and run the same command again"};
        }
        throw Error{e.code(), e.reason(), path + " is as it was, the spare is not usable"};
    }
    try {
        change_state(members.spare(), format::read_superblocks(members.spare()),
                     format::State::active);
    } catch (const Error& e) {
        throw Error{e.code(), members.spare_device.path + ": " + e.reason(),
                    "the shield is on " + path + ": run the same command again"};
    }
}

void finish_creation(sys::Host& host, const sys::BlockDevice& main, const sys::BlockDevice& spare) {
    OpenMembers members{host, main, spare};
    const format::Superblocks found = format::read_superblocks(members.spare());
    if (!found.found())
        throw Error{Code::damaged, spare.path + ": " + found.problem};
    const format::SpareRecord record = format::decode(found.best());
    const bool shielded =
        (record.incompat & DMR_INCOMPAT_SHIELD) != 0 && carries_shield(members.main(), record);
    if (record.state == format::State::active && shielded)
        return; // it was only never activated
    if (record.state != format::State::creating || !shielded)
        throw Error{Code::refused, spare.path + ": there is no creation to be finished"};
    const auto blocks = format::read_shield_slots(members.spare(), found.best());
    if (blocks.empty())
        throw Error{Code::damaged, spare.path + ": the slots of the shield can't be read"};
    require_untouched(members, blocks);
    put_shield(host, members, blocks);
}

void undo_creation(const OpenMain& main, const std::vector<format::StoredShield>& blocks) {
    for (const format::StoredShield& block : blocks) {
        // the others are written only while the header is there
        if (block.block != BlockNo{0})
            continue;
        const Holds what = compare_block(main.file, block);
        // what somebody has written since stays: main was his
        if (what == Holds::torn || what == Holds::unreadable)
            put_originals(main, {block});
    }
}

std::vector<std::string> hide_partitions(sys::Host& host, const sys::BlockDevice& main) {
    const int error = main.partition ? 0 : host.reread_partitions(main);
    if (error == 0)
        return {};
    return {main.path + ": the kernel still shows partitions of it, if it had any (" +
            errno_text(error) +
            "): do not use them, they are not complete. To hide them run: "
            "partx --delete " +
            main.path};
}

std::vector<std::string> show_partitions(sys::Host& host, const sys::BlockDevice& main) {
    const int error = main.partition ? 0 : host.reread_partitions(main);
    if (error == 0)
        return {};
    return {main.path + ": the kernel has not read its partition table again (" +
            errno_text(error) + "). If it has one run: blockdev --rereadpt " + main.path};
}

} // namespace remap::core
