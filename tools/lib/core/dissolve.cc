// SPDX-License-Identifier: GPL-2.0-only
#include "core/dissolve.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/text.h"
#include "core/block_access.h"
#include "core/copy_set.h"
#include "core/shield.h"
#include "format/shield.h"

namespace remap::core {

namespace {

constexpr std::size_t lost_shown = 1000;
constexpr const char* other_device = "main stays as it is, the set can be assembled again; "
                                     "--to DEV copies everything to another device instead";

void check_state(const format::SpareRecord& record, const std::string& path) {
    if ((record.incompat & ~DMR_INCOMPAT_KNOWN) != 0)
        throw Error{Code::damaged, path + ": the set uses features this version does not know"};
    if (record.state == format::State::creating)
        throw Error{Code::refused, path + ": the creation of the set was not finished",
                    "run remapctl create again, which finishes it or undoes it"};
    if (record.state == format::State::retired)
        throw Error{Code::refused, path + ": was retired: another spare has replaced it"};
}

std::string lost_text(const DissolvePlan& plan) {
    return plan.name + ": " + count_of(plan.lost_sectors, "sector") +
           strf(" of it are lost, the first is sector %llu",
                static_cast<unsigned long long>(plan.lost.front().first.value()));
}

void count(DissolvePlan& plan, const format::LoadedMap& map) {
    plan.blocks = map.count();
    plan.lost_sectors = map.lost_sectors();
    map.for_each([&](const format::MapItem& item) {
        plan.shield_blocks += item.shield ? 1 : 0;
        for (std::uint64_t i = 0; i < sectors_per_block; ++i)
            if ((item.lost >> i & 1) != 0 && plan.lost.size() < lost_shown)
                plan.lost.push_back({first_sector(item.block) + Sector{i}, Sector{1}});
        return true;
    });
    plan.lost = normalised(std::move(plan.lost));
    if (plan.lost_sectors > 0 && !(plan.to && plan.request.force))
        throw Error{Code::refused, lost_text(plan),
                    "write these sectors first, or recover them; --to DEV --force makes a copy "
                    "with zeros in their place"};
}

void inspect_to(sys::Host& host, DissolvePlan& plan) {
    const std::string& path = plan.request.to;
    plan.to = host.inspect(path);
    if (plan.to->number == plan.main.number || plan.to->number == plan.spare.number)
        throw Error{Code::refused, path + ": is a member of the set itself"};
    if (plan.to->size < plan.record.main_size)
        throw Error{Code::refused, path + ": has " + human_size(to_bytes(plan.to->size)) +
                                       ", the copy needs " +
                                       human_size(to_bytes(plan.record.main_size))};
    if (plan.to->read_only)
        throw Error{Code::refused, path + " is read-only"};
    require_unused(host, *plan.to, "device");
    (void)host.open(*plan.to, sys::Access::read_exclusive);
    const bool member = look_at_spare(host, *plan.to).superblocks.is_member() ||
                        format::read_member(*host.open(*plan.to, sys::Access::read)).has_magic;
    plan.to_signatures = host.signatures(*plan.to);
    if ((member || !plan.to_signatures.empty()) && !plan.request.force)
        throw Error{
            Code::refused,
            path + (member ? ": is a member of a set"
                           : ": contains a '" + plan.to_signatures.front().type + "' signature"),
            "use --force to overwrite it"};
}

// An assembled set, which must not be in use.
void find_assembled(sys::Host& host, dm::DeviceMapper& dm, DissolvePlan& plan,
                    const dm::DeviceInfo& info) {
    (void)stop_set(host, dm, info.name, true);
    const std::vector<dm::Target> table = dm.table(info.name);
    if (table.size() != 1 || table[0].type != dm::remap_target)
        throw Error{Code::not_found, info.name + ": has no table of a set"};
    const auto members = dm::RemapTable::parse(table[0].params);
    plan.assembled = true;
    plan.name = info.name;
    plan.main = host.inspect(host.path_of(members.main));
    plan.spare = host.inspect(host.path_of(members.spare));
}

void find_stopped(sys::Host& host, DissolvePlan& plan) {
    const FoundSpare spare = find_spare(host, plan.request.set);
    AssemblePlan found;
    found.record = *spare.record;
    found.spare = spare.device;
    found.name = found.record.label;
    plan.main = find_main(host, plan.request.set, found);
    plan.spare = spare.device;
    plan.name = found.name;
    for (const std::string& warning : found.warnings)
        plan.warnings.push_back(warning);
    plan.locks = lock_members(host, {plan.main.number, plan.spare.number});
    require_unused(host, plan.main, "main device");
    require_unused(host, plan.spare, "spare");
}

std::optional<dm::DeviceInfo> assembled(dm::DeviceMapper& dm, const AssembleRequest& set) {
    if (!set.main.empty() || !set.spare.empty())
        return std::nullopt;
    if (set.uuid)
        return dm.info_by_uuid(dm::device_uuid(*set.uuid));
    const auto info = dm.info(set.name);
    return info && dm::set_of_device(info->uuid) ? info : std::nullopt;
}

// The blocks of the shield with their content, or all others.
class Blocks {
public:
    Blocks(OpenMembers& members, const format::LoadedMap& map) : members_{members}, map_{map} {}

    // Write back what is no part of the shield, make it durable, compare.
    void write_back(const OnProgress& progress) {
        for_each_run(progress, [&](Bytes place, const std::vector<std::byte>& content) {
            // what an earlier attempt has brought back stays
            if (!is_on_main(place, content))
                write(place, content);
        });
        if (const int error = members_.main().sync(); error != 0)
            throw os_error(error, "cannot write to " + members_.main_device.path);
        for_each_run(progress, [&](Bytes place, const std::vector<std::byte>& content) {
            if (!is_on_main(place, content))
                throw Error{Code::failed,
                            members_.main_device.path +
                                strf(": sector %llu does not hold what was written to it",
                                     static_cast<unsigned long long>(place.value() / sector_size))};
        });
    }

    [[nodiscard]] std::vector<format::StoredShield> shield() {
        std::vector<format::StoredShield> blocks;
        map_.for_each([&](const format::MapItem& item) {
            if (item.shield)
                blocks.push_back({item.block, slot(item), on_main(item.block)});
            return true;
        });
        return blocks;
    }

private:
    [[nodiscard]] std::vector<std::byte> slot(const format::MapItem& item) {
        return read_bytes(members_.spare(),
                          to_bytes(Sector{dmr_slot_sector(&map_.superblock(), item.slot)}),
                          length(item.block), members_.spare_device.path);
    }
    [[nodiscard]] std::vector<std::byte> on_main(BlockNo block) {
        std::vector<std::byte> content(length(block));
        if (try_read(members_.main(), place_of(block), content) != 0)
            content.clear();
        return content;
    }
    [[nodiscard]] std::size_t length(BlockNo block) const {
        return format::block_length(block, map_.record().main_size);
    }

    using OnRun = std::function<void(Bytes place, const std::vector<std::byte>& content)>;

    // The blocks that are no part of the shield, in runs. Called twice.
    void for_each_run(const OnProgress& progress, const OnRun& visit) {
        std::vector<format::MapItem> run;
        const auto flush = [&] {
            if (run.empty())
                return;
            std::vector<std::byte> content;
            for (const format::MapItem& item : run) {
                const std::vector<std::byte> block = slot(item);
                content.insert(content.end(), block.begin(), block.end());
            }
            visit(place_of(run.front().block), content);
            done_ += run.size();
            run.clear();
            if (progress)
                progress(done_ / 2, map_.count());
        };
        map_.for_each([&](const format::MapItem& item) {
            if (item.shield)
                return true;
            const bool continues = !run.empty() && run.size() < format::chunk_blocks &&
                                   run.back().block + BlockNo{1} == item.block;
            if (!continues)
                flush();
            run.push_back(item);
            return true;
        });
        flush();
    }

    [[nodiscard]] bool is_on_main(Bytes place, const std::vector<std::byte>& content) {
        std::vector<std::byte> there(content.size());
        return try_read(members_.main(), place, there) == 0 && there == content;
    }

    void write(Bytes place, const std::vector<std::byte>& content) {
        format::AlignedBuffer buffer{content.size()};
        std::memcpy(buffer.data(), content.data(), content.size());
        const int error = members_.main().write(place, buffer.span().first(content.size()));
        if (error != 0)
            throw os_error(error, strf("cannot write sector %llu of %s",
                                       static_cast<unsigned long long>(place.value() / sector_size),
                                       members_.main_device.path.c_str()));
    }

    OpenMembers& members_;
    const format::LoadedMap& map_;
    std::uint64_t done_ = 0;
};

// main has its first sector back unless a crash came just while it was written.
void finish_first_sector(OpenMembers& members, const format::SpareRecord& record,
                         const format::Identity& identity,
                         const std::vector<format::StoredShield>& blocks) {
    const dmr_member raw = format::encode_member(member_header(record, identity));
    for (format::StoredShield block : blocks) {
        if (block.block != BlockNo{0})
            continue;
        block.image = block.original;
        std::memcpy(block.image.data(), &raw, sizeof(raw));
        const Holds what = compare_block(members.main(), block);
        const bool torn = what == Holds::torn || what == Holds::unreadable ||
                          format::read_member(members.main()).has_magic;
        // without identity only the content says that this is main
        if (what == Holds::other && !torn && record.main.empty())
            throw Error{Code::refused,
                        members.main_device.path + ": is not known to be the main device of the "
                                                   "set",
                        "if it is, and works, run: remapctl wipe " + members.spare_device.path};
        // anything else is his who uses main since then
        if (torn)
            put_originals(members.open_main(), {block});
    }
}

void set_state(OpenMembers& members, format::State state) {
    format::change_state(members.spare(), format::read_superblocks(members.spare()), state);
}

// Step 2 in an ACTIVE set. If it fails everything is as it was.
void take_shield_off(OpenMembers& members, const std::vector<format::StoredShield>& blocks) {
    try {
        put_originals(members.open_main(), blocks);
    } catch (const Error& e) {
        try {
            put_images(members.open_main(), blocks);
            set_state(members, format::State::active);
        } catch (const Error& second) {
            throw Error{e.code(), e.reason() + "; nor could it be undone: " + second.reason(),
                        "keep both devices, and run remapctl dissolve again"};
        }
        throw Error{e.code(), e.reason(), other_device};
    }
}

std::vector<BlockNo> numbers(const std::vector<format::StoredShield>& blocks) {
    std::vector<BlockNo> result;
    result.reserve(blocks.size());
    for (const format::StoredShield& block : blocks)
        result.push_back(block.block);
    return result;
}

void dissolve_active(OpenMembers& members, const format::LoadedMap& map,
                     const OnProgress& progress) {
    Blocks blocks{members, map};
    const std::vector<format::StoredShield> shield = blocks.shield();
    try {
        test_blocks(members.open_main(), numbers(shield));
        blocks.write_back(progress);
    } catch (const Error& e) {
        if (e.code() == Code::interrupted || e.code() == Code::terminated)
            throw;
        throw Error{e.code(), e.reason(), other_device};
    }
    set_state(members, format::State::dissolving);
    take_shield_off(members, shield);
}

// A dissolving that was cut off. Without the header main is complete.
void dissolve_further(sys::Host& host, OpenMembers& members, const format::LoadedMap& map) {
    const std::vector<format::StoredShield> shield = Blocks{members, map}.shield();
    if (carries_shield(members.main(), map.record()))
        put_originals(members.open_main(), shield);
    else
        finish_first_sector(members, map.record(), host.identity(members.spare_device), shield);
}

void require_header(OpenMembers& members, const format::SpareRecord& record) {
    if ((record.incompat & DMR_INCOMPAT_SHIELD) != 0 && !carries_shield(members.main(), record))
        throw Error{Code::refused,
                    members.main_device.path + ": carries no member header of this set: it was "
                                               "written to, or is not its main device",
                    "writing the remapped blocks to it could destroy what it holds now"};
}

// Returns the number of blocks that are on main again.
std::uint64_t dissolve_members(sys::Host& host, const DissolvePlan& plan,
                               const OnProgress& progress) {
    OpenMembers members{host, plan.main, plan.spare};
    const format::LoadedMap map{members.spare()};
    const format::SpareRecord& record = map.record();
    check_state(record, plan.spare.path);
    if (record.set_uuid != plan.record.set_uuid)
        throw Error{Code::busy, plan.spare.path + ": changed while it was looked at", "try again"};
    if (record.state == format::State::dissolving) {
        dissolve_further(host, members, map);
    } else {
        // it was in use until it was stopped
        if (map.lost_sectors() > 0)
            throw Error{Code::refused, plan.name + ": sectors were lost meanwhile", "try again"};
        require_header(members, record);
        dissolve_active(members, map, progress);
    }
    try {
        format::clear_superblocks(members.spare(), plan.spare.path);
    } catch (const Error& e) {
        throw Error{e.code(), e.reason(),
                    "main is complete; to clean the spare run: remapctl dissolve " + plan.name};
    }
    return map.count();
}

} // namespace

DissolvePlan plan_dissolve(sys::Host& host, dm::DeviceMapper& dm, const DissolveRequest& request) {
    DissolvePlan plan;
    plan.request = request;
    if (const auto info = assembled(dm, request.set))
        find_assembled(host, dm, plan, *info);
    else
        find_stopped(host, plan);
    const auto file = host.open(plan.spare, sys::Access::read);
    const format::LoadedMap map{*file};
    plan.record = map.record();
    check_state(plan.record, plan.spare.path);
    if (!request.to.empty()) {
        if (plan.record.state != format::State::active)
            throw Error{Code::refused, plan.name + ": is being dissolved already",
                        "finish that without --to"};
        inspect_to(host, plan);
    }
    // of a set that is being dissolved only the shield is left, which has none
    if (plan.record.state == format::State::active)
        count(plan, map);
    return plan;
}

DissolveResult dissolve(sys::Host& host, dm::DeviceMapper& dm, const DissolvePlan& plan,
                        const OnProgress& progress) {
    Locks locks;
    if (plan.assembled) {
        (void)stop_set(host, dm, plan.name, false);
        locks = lock_members(host, {plan.main.number, plan.spare.number});
    }
    DissolveResult result;
    if (plan.to) {
        result = copy_set(host, plan, progress);
        result.warnings = show_partitions(host, *plan.to);
        return result;
    }
    result.blocks = dissolve_members(host, plan, progress);
    result.warnings = show_partitions(host, plan.main);
    return result;
}

} // namespace remap::core
