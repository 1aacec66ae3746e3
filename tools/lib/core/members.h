// SPDX-License-Identifier: GPL-2.0-only
// Members of sets by what they say themselves.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/set.h"
#include "format/member.h"

namespace remap::core {

// A device that carries a member header, in whatever condition.
struct FoundMain {
    sys::BlockDevice device;
    format::FoundMember member;
};

// Look at one device. Throws os_error if it can't be opened.
[[nodiscard]] FoundMain look_at_main(sys::Host& host, const sys::BlockDevice& device);

// All devices of the machine that carry a member header, as find_spares().
[[nodiscard]] std::vector<FoundMain> find_mains(sys::Host& host);

// Those of one set, with a header that is sound.
[[nodiscard]] std::vector<FoundMain> mains_of(const std::vector<FoundMain>& all, const Uuid& set);

// Why a main with this header and a spare do not belong together, or nothing: a
// phrase about the spare such as "is of generation 1, main expects generation 2".
[[nodiscard]] std::optional<std::string> member_mismatch(const format::MemberHeader& header,
                                                         const format::SpareRecord& record);

// How people find the spare that a header names.
[[nodiscard]] std::string describe_spare(const format::MemberHeader& header);

// Of several paths to one member the device that stands on top of the others, such
// as a multipath device. same(a, b): both show the same member.
template <class Found, class Same>
void drop_lower_paths(sys::Host& host, std::vector<Found>& all, const Same& same) {
    std::vector<Found> kept;
    for (const Found& found : all) {
        bool twice = false;
        for (const Found& other : all)
            twice = twice || (other.device.number != found.device.number &&
                              other.device.name.starts_with("dm-") && same(found, other));
        if (!twice || host.users(found.device).empty())
            kept.push_back(found);
    }
    if (!kept.empty())
        all = std::move(kept);
}

} // namespace remap::core
