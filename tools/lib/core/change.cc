// SPDX-License-Identifier: GPL-2.0-only
#include "core/change.h"

#include <functional>

#include "base/error.h"
#include "base/text.h"
#include "core/assemble.h"
#include "format/build.h"

namespace remap::core {

namespace {

// What failed first is what the user has to know; undoing does its best.
template <class Action>
void try_quietly(const Action& action) noexcept {
    try {
        action();
    } catch (const std::exception&) {
        // the first error is on its way to the user
    }
}

dm::RemapTable remap_table(const ChangeTarget& target) {
    const std::vector<dm::Target>& table = target.table;
    if (table.size() != 1 || table[0].type != dm::remap_target)
        throw Error{Code::kernel, target.name() + ": its table is not that of a remap set"};
    return dm::RemapTable::parse(table[0].params);
}

// Label and options as they are to be; the rest is not looked at.
using Edit = std::function<void(format::SpareRecord&)>;

void edit_superblocks(format::BlockWriter& file, const FoundSpare& spare, const Edit& edit) {
    const format::Superblocks now = format::read_superblocks(file);
    if (!now.found() || format::decode(now.best()).spare_uuid != spare.record->spare_uuid)
        throw Error{Code::damaged, spare.device.path + ": its superblocks can't be read"};
    format::SpareRecord record = format::decode(now.best());
    edit(record);
    format::update_superblocks(file, now, record);
}

std::unique_ptr<format::BlockWriter> open_to_change(sys::Host& host, const ChangeTarget& target) {
    if (target.device && target.device->read_only)
        throw Error{Code::refused, target.name() + ": is read-only"};
    return host.open(target.spare.device,
                     target.device ? sys::Access::write_shared : sys::Access::write_exclusive);
}

// What a change of an assembled set is made of.
struct LiveChange {
    Edit edit;
    Edit undo;
    std::function<void()> undo_table; // may be empty
};

// Makes the change while the device stands still. On failure it is undone.
void change_live(dm::DeviceMapper& dm, const std::string& name, format::BlockWriter& file,
                 const FoundSpare& spare, const LiveChange& change) {
    dm.suspend(name);
    try {
        edit_superblocks(file, spare, change.edit);
        dm.resume(name); // which makes a new table the live one
    } catch (const std::exception& e) {
        try_quietly([&] { edit_superblocks(file, spare, change.undo); });
        if (change.undo_table)
            try_quietly(change.undo_table);
        try_quietly([&] { dm.resume(name); });
        bool suspended = false;
        try_quietly([&] { suspended = dm.info(name).value_or(dm::DeviceInfo{}).suspended; });
        const auto* const error = dynamic_cast<const Error*>(&e);
        if (suspended)
            throw Error{error == nullptr ? Code::failed : error->code(),
                        name + " is left suspended: " + e.what(),
                        "see dmesg, then: dmsetup resume " + name};
        throw;
    }
}

} // namespace

ChangeTarget find_target(sys::Host& host, dm::DeviceMapper& dm, const std::string& set) {
    ChangeTarget target;
    target.device = dm.info(set);
    if (target.device) {
        target.device = require_set(dm, set);
        target.table = dm.table(set);
        const dm::RemapTable table = remap_table(target);
        target.locks = lock_members(host, {table.main, table.spare});
        target.spare = look_at_spare(host, host.inspect(host.path_of(table.spare)));
        if (!target.spare.record)
            throw Error{Code::damaged,
                        target.spare.device.path + ": " + target.spare.superblocks.problem};
        return target;
    }
    target.spare = find_spare(host, wanted_set(set));
    target.locks = lock_members(host, {target.spare.device.number});
    require_unchanged(host, target.spare);
    if (const auto device = dm.info_by_uuid(dm::device_uuid(target.spare.record->set_uuid)))
        throw Error{Code::not_found, printable(set) + ": no set of that name is assembled",
                    "the set is assembled as " + device->name};
    require_unused(host, target.spare.device, "spare");
    if (target.spare.record->state != format::State::active ||
        (target.spare.record->incompat & ~DMR_INCOMPAT_KNOWN) != 0 ||
        (target.spare.record->ro_compat & ~DMR_RO_COMPAT_KNOWN) != 0)
        throw Error{Code::refused, target.spare.device.path + ": the set can't be changed: it is " +
                                       format::state_name(target.spare.record->state) +
                                       " or of a later version"};
    return target;
}

void check_rename(dm::DeviceMapper& dm, const ChangeTarget& target, const std::string& new_name) {
    check_name(new_name);
    if (new_name != target.name() && dm.info(new_name))
        throw Error{Code::busy, new_name + ": a device of that name exists"};
}

void rename_set(sys::Host& host, dm::DeviceMapper& dm, const ChangeTarget& target,
                const std::string& new_name) {
    const auto file = open_to_change(host, target);
    const Edit edit = [&](format::SpareRecord& record) { record.label = new_name; };
    if (!target.device) {
        edit_superblocks(*file, target.spare, edit);
        return;
    }
    const std::string& old_name = target.device->name;
    const std::string label = target.spare.record->label;
    const LiveChange change{edit, [&](format::SpareRecord& record) { record.label = label; }, {}};
    if (old_name != new_name)
        dm.rename(old_name, new_name);
    try {
        change_live(dm, new_name, *file, target.spare, change);
    } catch (...) {
        if (old_name != new_name)
            try_quietly([&] { dm.rename(new_name, old_name); });
        throw;
    }
}

Options options_of(const ChangeTarget& target) {
    if (target.device)
        return Options{remap_table(target).options};
    std::vector<std::string> list;
    for (const std::string_view word : words(target.spare.record->options))
        list.emplace_back(word);
    return Options{list};
}

void set_options(sys::Host& host, dm::DeviceMapper& dm, const ChangeTarget& target,
                 const Options& options) {
    const auto file = open_to_change(host, target);
    const std::string text = join(options.words(), " ");
    const Edit edit = [&](format::SpareRecord& record) { record.options = text; };
    if (!target.device) {
        edit_superblocks(*file, target.spare, edit);
        return;
    }
    const std::string& name = target.device->name;
    const std::string before = target.spare.record->options;
    dm::RemapTable table = remap_table(target);
    table.options = options.words();
    std::vector<dm::Target> wanted = target.table;
    wanted[0].params = table.str();
    // the kernel says now whether it takes them
    dm.reload(name, wanted, false);
    const LiveChange change{edit, [&](format::SpareRecord& record) { record.options = before; },
                            // also right after a failed resume, which leaves the new table in place
                            [&] { dm.reload(name, target.table, false); }};
    try {
        change_live(dm, name, *file, target.spare, change);
    } catch (...) {
        try_quietly([&] { dm.clear(name); });
        throw;
    }
}

} // namespace remap::core
