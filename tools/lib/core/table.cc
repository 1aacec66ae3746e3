// SPDX-License-Identifier: GPL-2.0-only
#include "core/table.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace remap::core {

namespace {

// Puts lines together from pieces that come in order.
class Lines {
public:
    explicit Lines(const std::function<void(const dm::Target&)>& visit) : visit_{visit} {}

    // length sectors that lie at place of that device; nullptr: nowhere, they are lost.
    void add(Sector length, const std::string* device, Sector place) {
        if (length == Sector{0})
            return;
        const bool continues =
            device == device_ && (device == nullptr || place == place_ + length_);
        if (length_ == Sector{0} || !continues) {
            flush();
            device_ = device;
            place_ = place;
        }
        length_ += length;
    }

    void flush() {
        if (length_ == Sector{0})
            return;
        if (device_ == nullptr)
            visit_({start_, length_, "error", ""});
        else
            visit_({start_, length_, "linear", *device_ + " " + std::to_string(place_.value())});
        start_ += length_;
        length_ = Sector{0};
    }

private:
    const std::function<void(const dm::Target&)>& visit_;
    Sector start_;
    Sector length_;
    const std::string* device_ = nullptr;
    Sector place_;
};

void check_usable(const format::LoadedMap& map, const std::string& spare) {
    bool read_only = false;
    const char* const refusal = dmr_sb_refusal(&map.superblock(), &read_only);
    if (refusal != nullptr)
        throw Error{Code::refused, spare + ": the set can't be used: " + refusal};
}

// dmsetup splits parameters at blanks.
void check_path(const std::string& path) {
    if (path.empty() || words(path).size() != 1 || words(path)[0] != path)
        throw Error{Code::usage, "'" + printable(path) + "' can't stand in a table",
                    "give a path without blanks"};
}

PlainSet from_images(const AssembleRequest& request) {
    sys::BlockFile file{request.spare, sys::Access::read};
    PlainSet set{format::LoadedMap{file}, request.main, request.spare, {}};
    const format::SpareRecord& record = set.map.record();
    if ((request.uuid && record.set_uuid != *request.uuid) ||
        (!request.name.empty() && record.label != request.name))
        throw Error{Code::not_found, request.spare + strf(": belongs to set '%s' (%s)",
                                                          printable(record.label).c_str(),
                                                          record.set_uuid.str().c_str())};
    set.warnings.push_back(request.main + " is not compared with the recorded main device (" +
                           describe_main(record.main) + ")");
    return set;
}

PlainSet of_assembled(sys::Host& host, dm::DeviceMapper& dm, const std::string& name) {
    (void)require_set(dm, name);
    const dm::RemapTable table = dm::RemapTable::parse(dm.table(name).front().params);
    const std::string spare = host.path_of(table.spare);
    const auto file = host.open(host.inspect(spare), sys::Access::read);
    PlainSet set{format::LoadedMap{*file}, host.path_of(table.main), spare, {}};
    set.warnings.push_back(name + " is assembled: the table is right only while nothing is "
                                  "remapped; stop the set before you use it");
    return set;
}

PlainSet of_inactive(sys::Host& host, const AssembleRequest& request) {
    const FoundSpare spare = find_spare(host, request);
    AssemblePlan plan;
    plan.record = *spare.record;
    plan.spare = spare.device;
    plan.name = plan.record.label;
    const sys::BlockDevice main = find_main(host, request, plan);
    const auto file = host.open(spare.device, sys::Access::read);
    return {format::LoadedMap{*file}, main.path, spare.device.path, std::move(plan.warnings)};
}

bool is_assembled(dm::DeviceMapper& dm, const AssembleRequest& request) {
    if (request.name.empty() || !request.main.empty() || !request.spare.empty())
        return false;
    try {
        return dm.info(request.name).has_value();
    } catch (const Error& e) {
        // a table can be made where there is no device-mapper
        if (e.code() == Code::kernel)
            return false;
        throw;
    }
}

} // namespace

PlainSet plain_set(sys::Host& host, dm::DeviceMapper& dm, const AssembleRequest& request) {
    PlainSet set = !request.main.empty() && !request.spare.empty() ? from_images(request)
                   : is_assembled(dm, request) ? of_assembled(host, dm, request.name)
                                               : of_inactive(host, request);
    check_usable(set.map, set.spare);
    check_path(set.main);
    check_path(set.spare);
    return set;
}

void for_each_target(const PlainSet& set, const std::function<void(const dm::Target&)>& visit) {
    const dmr_superblock& sb = set.map.superblock();
    const Sector size = set.map.record().main_size;
    Lines lines{visit};
    Sector at;
    set.map.for_each([&](const format::MapItem& item) {
        const Sector first = first_sector(item.block);
        lines.add(first - at, &set.main, at);
        const Sector slot{dmr_slot_sector(&sb, item.slot)};
        // the last block may be short
        const Sector end = std::min(first + Sector{sectors_per_block}, size);
        for (at = first; at < end; at += Sector{1}) {
            const std::uint64_t i = (at - first).value();
            const bool lost = (item.lost >> i & 1) != 0;
            lines.add(Sector{1}, lost ? nullptr : &set.spare, slot + Sector{i});
        }
        return true;
    });
    lines.add(size - at, &set.main, at);
    lines.flush();
}

} // namespace remap::core
