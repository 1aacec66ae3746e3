// SPDX-License-Identifier: GPL-2.0-only
#include "core/recover_shield.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "core/block_access.h"
#include "core/shield.h"
#include "format/dump.h"
#include "format/shield.h"

namespace remap::core {

namespace {

// Adds the block to the plan if it is one of the shield.
void look_at_block(std::span<const std::byte> raw, BlockNo block, RecoverShieldPlan& plan) {
    const format::FoundShield found = format::look_at_shield(raw, block);
    if (!found.has_magic || found.set_uuid != plan.set_uuid)
        return;
    try {
        plan.blocks.push_back(
            {block, {}, format::unpack_shield(raw, block), {raw.begin(), raw.end()}});
    } catch (const Error& e) {
        plan.damaged.push_back({block, e.reason()});
    }
}

// Block 0 is looked at on its own.
void look_at_run(format::BlockReader& main, BlockNo first, BlockNo end, RecoverShieldPlan& plan) {
    const Sector stop = std::min(first_sector(end), main.size());
    std::vector<std::byte> content(to_bytes(stop - first_sector(first)).value());
    const bool whole = try_read(main, place_of(first), content) == 0;
    for (BlockNo block = first; block < end; block += BlockNo{1}) {
        const auto raw = std::span{content}.subspan((block - first).value() * block_size,
                                                    format::block_length(block, main.size()));
        if (block == BlockNo{0})
            continue;
        // what can't be read may be one of them, or not
        if (const int error = whole ? 0 : try_read(main, place_of(block), raw); error != 0)
            plan.warnings.push_back(plan.main.path + ": block " + number_of(block) +
                                    " can't be read: " + errno_text(error));
        else
            look_at_block(raw, block, plan);
    }
}

// The first block says whose main it is, twice.
void look_at_first_block(format::BlockReader& main, RecoverShieldPlan& plan) {
    const std::vector<std::byte> raw =
        read_bytes(main, Bytes{0}, format::block_length(BlockNo{0}, main.size()), plan.main.path);
    const format::FoundMember member = format::read_member(main);
    const format::FoundShield shield = format::look_at_shield(raw, BlockNo{0});
    if (!member.has_magic && !shield.has_magic)
        throw Error{Code::not_found, plan.main.path + ": carries no shield",
                    "see: remapctl list -a"};
    plan.header = member.header;
    plan.set_uuid = member.header ? member.header->set_uuid : shield.set_uuid;
    if (member.header && member.header->main_size != main.size())
        plan.warnings.push_back(plan.main.path + " does not have the size that its header names");
    look_at_block(raw, BlockNo{0}, plan);
}

void look_everywhere(format::BlockReader& main, RecoverShieldPlan& plan) {
    look_at_first_block(main, plan);
    const std::vector<std::byte> first =
        plan.blocks.empty() ? std::vector<std::byte>{} : plan.blocks.front().original;
    for (const BlockRange& range : shield_places(main.size(), first))
        for (BlockNo at = range.first; at < range.end(); at += BlockNo{format::chunk_blocks})
            look_at_run(main, at, std::min(range.end(), at + BlockNo{format::chunk_blocks}), plan);
}

void check_damaged(const RecoverShieldPlan& plan, bool force) {
    if (plan.damaged.empty())
        return;
    const RecoverShieldPlan::Damaged& first = plan.damaged.front();
    // without its first block nothing is recognised
    const bool lost_start = first.block == BlockNo{0};
    if (lost_start || !force)
        throw Error{Code::damaged,
                    plan.main.path + ": " + count_of(plan.damaged.size(), "block") +
                        " of the shield can't be put back; block " + number_of(first.block) + ": " +
                        first.problem,
                    lost_start ? "nothing was changed"
                               : "--force puts back the others and leaves these as they are"};
}

void write_changed(const OpenMain& main, Bytes place, std::span<const std::byte> content) {
    std::vector<std::byte> there(content.size());
    if (try_read(main.file, place, there) != 0 ||
        !std::equal(there.begin(), there.end(), content.begin()))
        write_verified(main.file, place, content, main.device.path);
}

// With the spare nothing would be lost.
void check_spare_is_gone(sys::Host& host, const RecoverShieldPlan& plan, bool force) {
    for (const FoundSpare& spare : find_spares(host)) {
        if (!spare.record || spare.record->set_uuid != plan.set_uuid ||
            spare.record->state == format::State::retired)
            continue;
        if (!force)
            throw Error{Code::refused,
                        plan.main.path + ": the spare of its set is here: " + spare.device.path,
                        "remapctl dissolve " + printable(spare.record->label) +
                            " brings back everything; --force gives up what is on the spare"};
    }
}

void read_backup(const std::string& path, RecoverShieldPlan& plan) {
    const format::Dump dump = format::read_dump(path);
    const format::SpareRecord record = format::decode(dump.snapshot.sb);
    if (record.set_uuid != plan.set_uuid)
        throw Error{Code::not_found, path + ": is the backup of set " + record.set_uuid.str() +
                                         ", not of " + plan.set_uuid.str()};
    std::vector<SectorRange> gone;
    for (const format::SlotEntry& entry : dump.snapshot.entries) {
        dmr_mapping m;
        dmr_entry_unpack(&entry.raw, &m);
        if (m.state == DMR_E_MAPPED && (m.flags & DMR_F_SHIELD) == 0)
            gone.push_back({first_sector(BlockNo{m.block}), Sector{sectors_per_block}});
    }
    plan.gone = touched_blocks(std::move(gone));
    plan.gone_blocks = total(plan.gone).value();
    plan.warnings.push_back(path + ": what was remapped after this backup was made is not in it");
}

// Block 0 holds the only copy of itself, so this is the reverse of what dissolve does:
// the member header first, for it is in no copy; then what lies behind the copy; and
// the sectors of the copy at last, in one write. For most content that is one sector.
void restore_first_block(const OpenMain& main, const ShieldedBlock& block) {
    const auto content = std::span{block.original};
    const std::size_t copy_end = format::look_at_shield(block.image, block.block).end;
    const std::size_t unit = std::min<std::size_t>(main.device.lbs, content.size());
    const std::size_t end = std::min((copy_end + unit - 1) / unit * unit, content.size());
    const auto put = [&](std::size_t from, std::size_t to) {
        if (from < to)
            write_changed(main, Bytes{from}, content.subspan(from, to - from));
    };
    if (unit == content.size()) {
        put(0, unit);
        return;
    }
    put(0, unit);
    put(end, content.size());
    put(unit, end);
}

void put_back(sys::Host& host, const RecoverShieldPlan& plan) {
    const sys::Lock disk = host.lock_disk(plan.main);
    const auto file = host.open(plan.main, sys::Access::write_exclusive);
    const OpenMain main{*file, plan.main};
    for (const ShieldedBlock& block : plan.blocks)
        if (block.block != BlockNo{0})
            write_changed(main, place_of(block.block), block.original);
    for (const ShieldedBlock& block : plan.blocks)
        if (block.block == BlockNo{0})
            restore_first_block(main, block);
}

} // namespace

RecoverShieldPlan plan_recover_shield(sys::Host& host, const RecoverShieldRequest& request) {
    RecoverShieldPlan plan;
    plan.main = host.inspect(request.main);
    plan.locks = lock_members(host, {plan.main.number});
    require_unused(host, plan.main, "main device");
    if (plan.main.read_only)
        throw Error{Code::refused, plan.main.path + " is read-only"};
    const auto file = host.open(plan.main, sys::Access::read_exclusive);
    look_everywhere(*file, plan);
    check_damaged(plan, request.force);
    check_spare_is_gone(host, plan, request.force);
    if (!request.backup.empty())
        read_backup(request.backup, plan);
    return plan;
}

std::vector<std::string> recover_shield(sys::Host& host, const RecoverShieldPlan& plan) {
    try {
        put_back(host, plan);
    } catch (const Error& e) {
        throw Error{e.code(), e.reason(), "the shield is not off yet: run it again"};
    }
    return show_partitions(host, plan.main);
}

} // namespace remap::core
