// SPDX-License-Identifier: GPL-2.0-only
#include "core/create.h"

#include <algorithm>
#include <ctime>

#include "base/error.h"
#include "base/text.h"
#include "format/build.h"

namespace remap::core {

namespace {

// Below this the metadata is most of the spare; it works, but hardly on purpose.
constexpr Bytes small_spare{16 << 20};

void check_pair(const sys::BlockDevice& main, const sys::BlockDevice& spare) {
    if (main.number == spare.number)
        throw Error{Code::refused, spare.path + ": main and spare are the same device"};
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
    if (main.lbs > block_size)
        throw Error{Code::refused, strf("%s: logical blocks of %u bytes are not supported",
                                        main.path.c_str(), main.lbs)};
    for (const sys::BlockDevice* const device : {&main, &spare})
        if (device->read_only)
            throw Error{Code::refused, device->path + " is read-only"};
}

void check_old_metadata(sys::Host& host, const CreateRequest& request,
                        const sys::BlockDevice& spare) {
    const auto file = host.open(spare, sys::Access::read);
    const format::Superblocks old = format::read_superblocks(*file);
    if (!old.is_member())
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
    throw Error{Code::refused,
                plan.spare.path + ": contains a " + join(types, " and a ") + " signature",
                looks_swapped(plan) ? "did you mean it to be --main? If not, use --force to "
                                      "overwrite it"
                                    : "use --force to overwrite it"};
}

void add_warnings(CreatePlan& plan) {
    if (plan.main.whole_disk == plan.spare.whole_disk)
        plan.warnings.push_back("main and spare are on the same disk " + plan.main.whole_name +
                                ": when it dies, both are gone");
    if (plan.spare.removable)
        plan.warnings.push_back(plan.spare.path +
                                " is removable: without it the remapped blocks can't be read");
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
        format::format_spare(*file, plan.record);
    } catch (const Error& e) {
        throw Error{e.code(), plan.spare.path + ": " + e.reason(),
                    "the spare is not usable, the main device was not touched"};
    }
}

} // namespace

CreatePlan plan_create(sys::Host& host, dm::DeviceMapper& dm, const CreateRequest& request) {
    check_name(request.name);
    if (request.shield)
        throw Error{Code::refused, request.name + ": this version can't shield the main device yet",
                    "give --no-shield: main stays as it is, and must not be used directly"};
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
    check_old_metadata(host, request, plan.spare);
    check_signatures(host, plan);
    add_warnings(plan);
    if (dm.info(request.name))
        throw Error{Code::busy, request.name + ": a device of that name exists"};
    require_target(dm);
    return plan;
}

void create_set(sys::Host& host, dm::DeviceMapper& dm, const CreatePlan& plan) {
    const std::string& name = plan.request.name;
    format_device(host, plan);
    try {
        dm.create(name, dm::device_uuid(plan.record.set_uuid),
                  make_table(plan.record, plan.main.number, plan.spare.number), false);
    } catch (const Error& e) {
        throw Error{e.code(), name + ": " + e.reason(),
                    "the spare is formatted; see dmesg, then run: remapctl assemble " + name +
                        " --main " + plan.main.path + " --spare " + plan.spare.path};
    }
}

} // namespace remap::core
