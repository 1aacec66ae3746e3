// SPDX-License-Identifier: GPL-2.0-only
#include "core/advice.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace remap::core {

namespace {

constexpr Bytes least_spare{1ULL << 30};
constexpr std::uint64_t mib = 1ULL << 20;
// Too small to be meant for anything.
constexpr Bytes negligible{16ULL << 20};

// Unused and empty: nothing is lost by formatting it. What can't be looked at is no
// candidate.
bool is_free(sys::Host& host, const sys::BlockDevice& device) {
    try {
        if (!host.users(device).empty() || !host.signatures(device).empty())
            return false;
        (void)host.open(device, sys::Access::read_exclusive);
        return !look_at_spare(host, device).superblocks.is_member();
    } catch (const Error&) {
        return false;
    }
}

bool suits(const sys::BlockDevice& device, const sys::BlockDevice& main) {
    return device.whole_disk != main.whole_disk && !device.read_only && device.lbs <= main.lbs &&
           to_bytes(device.size) >= negligible;
}

std::string drawback_of(const sys::BlockDevice& device, Bytes recommended) {
    std::vector<std::string> texts;
    if (to_bytes(device.size) < recommended)
        texts.emplace_back("smaller than recommended");
    if (device.removable)
        texts.emplace_back("removable");
    return join(texts, ", ");
}

} // namespace

Bytes recommended_spare(Sector main_size) {
    const std::uint64_t share = to_bytes(main_size).value() / 100;
    const std::uint64_t wanted = std::max(share, least_spare.value());
    return Bytes{(wanted + mib - 1) / mib * mib};
}

SpareAdvice advise_spare(sys::Host& host, const std::string& main) {
    SpareAdvice advice;
    advice.main = host.inspect(main);
    advice.recommended = recommended_spare(advice.main.size);
    for (const sys::BlockDevice& device : host.block_devices())
        if (suits(device, advice.main) && is_free(host, device))
            advice.candidates.push_back({device, drawback_of(device, advice.recommended)});
    // without drawback, then the smallest that is large enough, then the largest
    std::stable_sort(advice.candidates.begin(), advice.candidates.end(),
                     [&](const SpareCandidate& a, const SpareCandidate& b) {
                         if (a.drawback.empty() != b.drawback.empty())
                             return a.drawback.empty();
                         const bool a_fits = to_bytes(a.device.size) >= advice.recommended;
                         const bool b_fits = to_bytes(b.device.size) >= advice.recommended;
                         if (a_fits != b_fits)
                             return a_fits;
                         return a_fits ? a.device.size < b.device.size
                                       : a.device.size > b.device.size;
                     });
    return advice;
}

} // namespace remap::core
