// SPDX-License-Identifier: GPL-2.0-only
#include "format/identity.h"

#include "base/text.h"

namespace remap::format {

namespace {

std::optional<std::string> differs(const char* what, const std::string& recorded,
                                   const std::string& found) {
    if (recorded.empty() || to_lower(recorded) == to_lower(found))
        return std::nullopt;
    return strf("its %s is %s, not %s", what, found.empty() ? "unknown" : found.c_str(),
                printable(recorded).c_str());
}

} // namespace

std::optional<std::string> identity_mismatch(const Identity& recorded, Sector recorded_size,
                                             const Candidate& device) {
    if (device.size != recorded_size)
        return strf("it has %llu sectors, not %llu",
                    static_cast<unsigned long long>(device.size.value()),
                    static_cast<unsigned long long>(recorded_size.value()));
    if (recorded.partuuid.empty() && device.partition && !recorded.empty())
        return "it is a partition";
    if (auto text = differs("partition UUID", recorded.partuuid, device.identity.partuuid))
        return text;
    // The disk of a partition may be behind another adapter, which shows no WWN.
    const bool lenient =
        !recorded.partuuid.empty() && !recorded.partuuid.starts_with(Identity::start_prefix);
    if (!lenient || !device.identity.wwn.empty())
        if (auto text = differs("WWN", recorded.wwn, device.identity.wwn))
            return text;
    // A serial number says something only where there is no better name.
    if (recorded.wwn.empty() && !lenient)
        return differs("serial number", recorded.serial, device.identity.serial);
    return std::nullopt;
}

} // namespace remap::format
