// SPDX-License-Identifier: GPL-2.0-only
#include "progress.h"

#include "base/text.h"

namespace remap::ctl {

namespace {

constexpr std::chrono::milliseconds redraw{500};

} // namespace

void Progress::at(std::uint64_t done, std::uint64_t total) {
    if (const int signal = sys::Interrupts::received(); signal != 0 && done < total)
        throw Error{
            signal == SIGTERM ? Code::terminated : Code::interrupted,
            what_ + strf(" was interrupted after %llu of ", static_cast<unsigned long long>(done)) +
                count_of(total, unit_),
            hint_};
    const auto now = std::chrono::steady_clock::now();
    if (now - shown_ < redraw)
        return;
    shown_ = now;
    const double percent =
        total == 0 ? 100 : 100.0 * static_cast<double>(done) / static_cast<double>(total);
    context_.show_progress(
        what_ + strf(": %.1f %%, %llu of ", percent, static_cast<unsigned long long>(done)) +
        count_of(total, unit_));
}

} // namespace remap::ctl
