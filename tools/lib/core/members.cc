// SPDX-License-Identifier: GPL-2.0-only
#include "core/members.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace remap::core {

FoundMain look_at_main(sys::Host& host, const sys::BlockDevice& device) {
    const auto file = host.open(device, sys::Access::read);
    return {device, format::read_member(*file)};
}

std::vector<FoundMain> find_mains(sys::Host& host) {
    std::vector<FoundMain> mains;
    for (const sys::BlockDevice& device : host.block_devices()) {
        try {
            FoundMain found = look_at_main(host, device);
            if (found.member.has_magic)
                mains.push_back(std::move(found));
        } catch (const Error&) {
            continue; // find_spares() reports what can't be opened
        }
    }
    drop_lower_paths(host, mains, [](const FoundMain& a, const FoundMain& b) {
        return a.member.header && b.member.header &&
               a.member.header->set_uuid == b.member.header->set_uuid;
    });
    return mains;
}

std::vector<FoundMain> mains_of(const std::vector<FoundMain>& all, const Uuid& set) {
    std::vector<FoundMain> mains;
    std::copy_if(all.begin(), all.end(), std::back_inserter(mains), [&](const FoundMain& main) {
        return main.member.header && main.member.header->set_uuid == set;
    });
    return mains;
}

std::optional<std::string> member_mismatch(const format::MemberHeader& header,
                                           const format::SpareRecord& record) {
    const auto number = [](std::uint64_t value) { return std::to_string(value); };
    if (header.set_uuid != record.set_uuid)
        return "belongs to set " + record.set_uuid.str() + ", main to " + header.set_uuid.str();
    if (record.epoch < header.epoch)
        return "is of generation " + number(record.epoch) + ", main expects generation " +
               number(header.epoch);
    if (header.spare_uuid != record.spare_uuid)
        return "is not the one that main names (" + header.spare_uuid.str() + ")";
    if (record.epoch != header.epoch)
        return "is of generation " + number(record.epoch) + ", main names generation " +
               number(header.epoch);
    if (header.main_size != record.main_size)
        return "was made for a main device of " + number(record.main_size.value()) +
               " sectors, not " + number(header.main_size.value());
    return std::nullopt;
}

std::string describe_spare(const format::MemberHeader& header) {
    std::vector<std::string> parts;
    if (!header.spare_wwn.empty())
        parts.push_back("WWN " + printable(header.spare_wwn));
    if (!header.spare_serial.empty())
        parts.push_back("serial number " + printable(header.spare_serial));
    parts.push_back("UUID " + header.spare_uuid.str());
    return join(parts, ", ");
}

} // namespace remap::core
