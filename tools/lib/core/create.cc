// SPDX-License-Identifier: GPL-2.0-only
#include "core/create.h"

#include <algorithm>
#include <ctime>

#include "base/error.h"
#include "base/text.h"
#include "core/block_access.h"
#include "core/boot_check.h"
#include "core/shield.h"

namespace remap::core {

namespace {

// Below this the metadata is most of the spare; it works, but hardly on purpose.
constexpr Bytes small_spare{16 << 20};

void check_pair(const sys::BlockDevice& main, const sys::BlockDevice& spare) {
    if (main.number == spare.number)
        throw Error{Code::refused, spare.path + ": main and spare are the same device",
                    "the spare has to be another one"};
    const bool inside = main.whole_disk == spare.whole_disk && !(main.partition && spare.partition);
    if (inside)
        throw Error{Code::refused, spare.path + ": main and spare overlap: one is a partition of "
                                                "the other"};
    // an extended partition contains the logical ones
    const auto overlap = [](const sys::BlockDevice& a, const sys::BlockDevice& b) {
        return a.start < b.start + b.size && b.start < a.start + a.size;
    };
    if (main.whole_disk == spare.whole_disk && overlap(main, spare))
        throw Error{Code::refused, spare.path + ": main and spare overlap on the disk"};
    if (spare.lbs > main.lbs)
        throw Error{Code::refused,
                    strf("%s: its logical blocks (%u bytes) are larger than those of %s (%u)",
                         spare.path.c_str(), spare.lbs, main.path.c_str(), main.lbs),
                    "use another spare"};
    if (format::initial_table_blocks(spare.size) == 0)
        throw Error{Code::refused,
                    spare.path + " is too small for a spare: it has " +
                        human_size(to_bytes(spare.size)),
                    "one percent of the size of " + main.path + " is a good size"};
    if (main.lbs > block_size)
        throw Error{Code::refused, strf("%s: logical blocks of %u bytes are not supported",
                                        main.path.c_str(), main.lbs)};
    for (const sys::BlockDevice* const device : {&main, &spare})
        if (device->read_only)
            throw Error{Code::refused, device->path + " is read-only"};
}

// A spare whose first superblocks were being written when the creation of this set was
// cut off: nothing on it counts yet.
bool just_begun(const format::Superblocks& old, const std::string& name) {
    return !old.found() && std::any_of(old.copy.begin(), old.copy.end(), [&](const auto& copy) {
        const format::SpareRecord record = format::decode(copy.raw);
        // a name that did not get there is not the name of another set
        return copy.has_magic && record.state == format::State::creating &&
               name.starts_with(record.label);
    });
}

// True if the spare is that of a creation of the same set that was cut off.
bool find_cut_off(sys::Host& host, CreatePlan& plan, format::BlockReader& spare,
                  const format::Superblocks& old) {
    if (!old.found()) {
        if (!just_begun(old, plan.request.name))
            return false;
        plan.cut_off = CutOff::started;
        return true;
    }
    const format::SpareRecord record = format::decode(old.best());
    // complete, but never activated
    const bool done = record.state == format::State::active && record.activation == 0 &&
                      (record.incompat & DMR_INCOMPAT_SHIELD) != 0;
    if (!(done || record.state == format::State::creating) || record.label != plan.request.name ||
        main_mismatch(record, plan.main, host.identity(plan.main)) ||
        (done && !carries_shield(*host.open(plan.main, sys::Access::read), record)))
        return false;
    plan.cut_off = CutOff::started;
    if ((record.incompat & DMR_INCOMPAT_SHIELD) == 0)
        return true;
    plan.stored = format::read_shield_slots(spare, old.best());
    if (carries_shield(*host.open(plan.main, sys::Access::read), record)) {
        plan.cut_off = CutOff::shielded;
        plan.record = record;
    }
    return true;
}

void check_old_metadata(sys::Host& host, CreatePlan& plan) {
    const CreateRequest& request = plan.request;
    const sys::BlockDevice& spare = plan.spare;
    const auto file = host.open(spare, sys::Access::read);
    const format::Superblocks old = format::read_superblocks(*file);
    if (!old.is_member() || find_cut_off(host, plan, *file, old))
        return;
    std::string what = "contains damaged dm-remap metadata";
    std::uint64_t entries = 0;
    if (old.found()) {
        const format::SpareRecord record = format::decode(old.best());
        std::uint64_t damaged = 0;
        entries = format::read_entries(*file, old.best(), &damaged).size();
        what =
            strf("is the spare of set '%s' (%s, %s), which holds ", printable(record.label).c_str(),
                 record.set_uuid.str().c_str(), format::state_name(record.state)) +
            count_of(entries, "remapped block");
    }
    if (!request.force)
        throw Error{Code::refused, spare.path + ": " + what, "use --force to overwrite it"};
    // the rule of wipe: who gives up the only copy of something says so
    if (entries > 0 && request.discard_remapped != entries)
        throw Error{Code::refused, spare.path + ": " + what,
                    "to give them up use --discard-remapped=" + std::to_string(entries)};
}

// Devices in the wrong order: what has content is meant to be main.
bool looks_swapped(const CreatePlan& plan) {
    return plan.main_signatures_unknown.empty() && plan.main_signatures.empty() &&
           !plan.spare_signatures.empty();
}

// Whoever gives a spare as main has most likely swapped the two.
void check_main_is_no_spare(sys::Host& host, const CreatePlan& plan) {
    if (plan.request.force)
        return;
    format::Superblocks found;
    try {
        found = format::read_superblocks(*host.open(plan.main, sys::Access::read));
    } catch (const Error&) {
        return; // check_signatures() says what can't be read
    }
    if (found.is_member())
        throw Error{Code::refused, plan.main.path + ": is a dm-remap spare itself",
                    "are --main and --spare swapped? If not, use --force"};
}

// Main as it was before a creation that was cut off tore its first block.
class BeforeCutOff final : public format::BlockReader {
public:
    BeforeCutOff(format::BlockReader& main, const std::vector<format::StoredShield>& stored)
        : main_{main} {
        for (const format::StoredShield& block : stored) {
            if (block.block != BlockNo{0})
                continue;
            const Holds what = compare_block(main, block);
            if (what == Holds::torn || what == Holds::unreadable)
                first_ = block.original;
        }
    }
    [[nodiscard]] Sector size() const override { return main_.size(); }
    [[nodiscard]] int read(Bytes offset, std::span<std::byte> buffer) override {
        if (offset >= Bytes{block_size} || first_.empty())
            return main_.read(offset, buffer);
        std::copy_n(first_.begin(), std::min(first_.size(), buffer.size()), buffer.begin());
        if (buffer.size() <= block_size)
            return 0;
        return main_.read(Bytes{block_size}, buffer.subspan(block_size));
    }

private:
    format::BlockReader& main_;
    std::vector<std::byte> first_; // empty: main's own is whole
};

// Nor can it be the main device of another set: half of its content is elsewhere.
void check_main_is_no_member(sys::Host& host, const CreatePlan& plan) {
    const auto file = host.open(plan.main, sys::Access::read);
    BeforeCutOff main{*file, plan.stored};
    const format::FoundMember found = format::read_member(main);
    if (found.has_magic)
        throw Error{Code::refused,
                    plan.main.path + ": is the main device of set '" +
                        (found.header ? printable(found.header->label) : "?") + "' (" +
                        (found.header ? found.header->set_uuid.str() : found.problem) + ")",
                    "dissolve that set first; if its spare is gone, see: remapctl recover shield "
                    "--help"};
}

void make_shield_plan(sys::Host& host, CreatePlan& plan) {
    const auto file = host.open(plan.main, sys::Access::read);
    BeforeCutOff main{*file, plan.stored};
    plan.shield = plan_shield(main, member_header(plan.record, host.identity(plan.spare)),
                              plan.main.lbs, plan.main.path);
    for (const std::string& warning : plan.shield->warnings)
        plan.warnings.push_back(warning);
    const std::size_t slots = 2 * plan.shield->blocks.size();
    if (plan.record.slots < slots)
        throw Error{Code::refused,
                    plan.spare.path +
                        strf(" is too small: the shield alone needs %zu slots, it has %llu", slots,
                             static_cast<unsigned long long>(plan.record.slots)),
                    "one percent of the size of " + plan.main.path + " is a good size"};
    const auto places = shield_places(plan.main.size, plan.shield->blocks.front().original);
    for (const sys::Signature& signature : plan.main_signatures) {
        if (!signature.place)
            continue;
        const BlockNo block = block_of(Sector{signature.place->value() / sector_size});
        if (std::none_of(places.begin(), places.end(), [&](const BlockRange& range) {
                return range.first <= block && block < range.end();
            }))
            throw Error{Code::refused,
                        plan.main.path + ": contains a '" + signature.type +
                            "' signature where the shield does not look: it would stay visible",
                        "--no-shield leaves main as it is: raw main stays visible then, and must "
                        "not be used"};
    }
}

void check_signatures(sys::Host& host, CreatePlan& plan) {
    try {
        plan.main_signatures = host.signatures(plan.main);
    } catch (const Error& e) {
        // a disk with bad sectors is what this is for
        plan.main_signatures_unknown = e.what();
        plan.warnings.push_back(plan.main_signatures_unknown + ": what it contains is not known");
    }
    plan.spare_signatures = host.signatures(plan.spare);
    if (plan.spare_signatures.empty() || plan.request.force)
        return;
    std::vector<std::string> types;
    for (const sys::Signature& signature : plan.spare_signatures)
        types.push_back("'" + signature.type + "'");
    throw Error{
        Code::refused, plan.spare.path + ": contains a " + join(types, " and a ") + " signature",
        looks_swapped(plan) ? "are --main and --spare swapped? If not, use --force to overwrite it"
                            : "use --force to overwrite it"};
}

void add_warnings(CreatePlan& plan) {
    if (plan.main.whole_disk == plan.spare.whole_disk)
        plan.warnings.push_back("main and spare are on the same disk " + plan.main.whole_name +
                                ": when it dies, both are gone");
    if (plan.spare.removable)
        plan.warnings.push_back(plan.spare.path +
                                " is removable: without it the remapped blocks can't be read");
    if (plan.request.shield)
        plan.warnings.push_back("with a shield " + plan.spare.path + " matters as much as " +
                                plan.main.path + ": neither can be used without the other");
    if (plan.spare.size > plan.main.size)
        plan.warnings.push_back(plan.spare.path + " is larger than " + plan.main.path +
                                ": are --main and --spare swapped?");
    if (to_bytes(plan.spare.size) < small_spare)
        plan.warnings.push_back(plan.spare.path + " is small: it has room for " +
                                count_of(plan.record.slots, "block"));
    if (plan.main_signatures_unknown.empty() && plan.main_signatures.empty() &&
        plan.spare.size > plan.main.size)
        plan.warnings.push_back("the spare is larger than the main device, which has no content "
                                "that is known: are they in the right order?");
    if (plan.record.main.empty())
        plan.warnings.push_back(plan.main.path + " has no stable identity: assembling will need "
                                                 "--main");
}

format::SpareRecord new_record(const CreatePlan& plan, const format::Identity& identity) {
    format::SpareRecord record;
    record.set_uuid = Uuid::random();
    record.spare_uuid = Uuid::random();
    record.label = plan.request.name;
    record.spare_size = plan.spare.size;
    record.main_size = plan.main.size;
    record.main_lbs = plan.main.lbs;
    record.main_pbs = std::max(plan.main.pbs, plan.main.lbs);
    record.main = identity;
    record.created = static_cast<std::uint64_t>(std::time(nullptr));
    record.updated = record.created;
    // throws if the spare is too small, and fills in the geometry
    return format::decode(format::encode(record));
}

void format_device(sys::Host& host, const CreatePlan& plan) {
    const sys::Lock disk = host.lock_disk(plan.spare);
    const auto file = host.open(plan.spare, sys::Access::write_exclusive);
    if (!plan.spare_signatures.empty())
        host.wipe_signatures(plan.spare);
    try {
        if (plan.cut_off != CutOff::nothing)
            format::clear_superblocks(*file, plan.spare.path);
        format::format_spare(*file, plan.record);
    } catch (const Error& e) {
        throw Error{e.code(), plan.spare.path + ": " + e.reason(),
                    "the spare is not usable, the main device was not touched"};
    }
}

// Somebody may have used main while the question was on the screen.
void require_same_content(OpenMembers& members, const ShieldPlan& shield) {
    for (const ShieldedBlock& block : shield.blocks) {
        std::vector<std::byte> now(block.original.size());
        if (try_read(members.main(), place_of(block.block), now) != 0 || now != block.original)
            throw Error{Code::busy, members.main_device.path + ": changed while it was looked at",
                        "try again"};
    }
}

void shield_device(sys::Host& host, const CreatePlan& plan) {
    OpenMembers members{host, plan.main, plan.spare};
    undo_creation(members.open_main(), plan.stored);
    require_same_content(members, *plan.shield);
    if (!plan.spare_signatures.empty())
        host.wipe_signatures(plan.spare);
    std::vector<format::ShieldSlot> slots;
    std::vector<format::StoredShield> stored;
    std::vector<BlockNo> numbers;
    for (const ShieldedBlock& block : plan.shield->blocks) {
        slots.push_back({block.block, block.original, block.image});
        stored.push_back({block.block, block.original, block.image});
        numbers.push_back(block.block);
    }
    constexpr const char* untouched =
        "the spare is not usable, the content of main was not changed";
    try {
        // two creations must not be taken for one
        if (plan.cut_off != CutOff::nothing)
            format::clear_superblocks(members.spare(), plan.spare.path);
        (void)format::start_shielded_spare(members.spare(), plan.record, slots);
    } catch (const Error& e) {
        throw Error{e.code(), plan.spare.path + ": " + e.reason(), untouched};
    }
    try {
        test_blocks(members.open_main(), numbers);
    } catch (const Error& e) {
        throw Error{e.code(), e.reason(), untouched};
    }
    put_shield(host, members, stored);
}

std::vector<std::string> write_members(sys::Host& host, const CreatePlan& plan) {
    if (plan.cut_off == CutOff::shielded)
        finish_creation(host, plan.main, plan.spare);
    else if (plan.shield)
        shield_device(host, plan);
    else
        format_device(host, plan);
    return plan.request.shield ? hide_partitions(host, plan.main) : std::vector<std::string>{};
}

} // namespace

CreatePlan plan_create(sys::Host& host, dm::DeviceMapper& dm, const CreateRequest& request) {
    check_name(request.name);
    CreatePlan plan;
    plan.request = request;
    plan.main = host.inspect(request.main);
    plan.spare = host.inspect(request.spare);
    check_pair(plan.main, plan.spare);
    plan.locks = lock_members(host, {plan.main.number, plan.spare.number});
    require_unused(host, plan.main, "main device");
    require_unused(host, plan.spare, "spare");
    // says EBUSY for users that leave no other trace
    (void)host.open(plan.main, sys::Access::read_exclusive);
    (void)host.open(plan.spare, sys::Access::read_exclusive);
    plan.record = new_record(plan, host.identity(plan.main));
    check_old_metadata(host, plan);
    if (plan.cut_off == CutOff::shielded && !request.shield)
        throw Error{Code::refused,
                    plan.main.path + ": has a shield already: this creation was cut off",
                    "run it again without --no-shield"};
    if (plan.cut_off != CutOff::shielded) {
        check_main_is_no_spare(host, plan);
        check_main_is_no_member(host, plan);
        check_signatures(host, plan);
        for (std::string& warning :
             refuse_boot_device(host, plan.main, plan.main_signatures, request.force))
            plan.warnings.push_back(std::move(warning));
        if (request.shield)
            make_shield_plan(host, plan);
    }
    add_warnings(plan);
    if (dm.info(request.name))
        throw Error{Code::busy, request.name + ": a device of that name exists",
                    "choose another name"};
    require_target(dm);
    return plan;
}

std::vector<std::string> create_set(sys::Host& host, dm::DeviceMapper& dm, const CreatePlan& plan) {
    const std::string& name = plan.request.name;
    std::vector<std::string> warnings = write_members(host, plan);
    try {
        dm.create(name, dm::device_uuid(plan.record.set_uuid),
                  make_table(plan.record, plan.main.number, plan.spare.number), false);
    } catch (const Error& e) {
        throw Error{e.code(), name + ": " + e.reason(),
                    (e.hint().empty() ? "" : e.hint() + "; ") + "the spare is formatted" +
                        (plan.request.shield ? " and main has its shield" : "") +
                        "; see dmesg, then run: remapctl assemble " + name + " --main " +
                        plan.main.path + " --spare " + plan.spare.path +
                        (plan.request.shield ? ", or to undo it: remapctl dissolve " + name : "")};
    }
    return warnings;
}

} // namespace remap::core
