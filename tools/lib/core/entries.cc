// SPDX-License-Identifier: GPL-2.0-only
#include "core/entries.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include "base/error.h"
#include "base/text.h"

namespace remap::core {

namespace {

using Clock = std::chrono::steady_clock;

// A message does at most 4096 blocks of work; the number of ranges bounds its
// length to about 20 KiB.
constexpr BlockNo message_blocks{4096};
constexpr std::size_t message_ranges_limit = 1024;
// Isolating one block of a dying disk may take this long without progress.
constexpr std::chrono::minutes stall_limit{5};
constexpr std::chrono::milliseconds stall_pause{100};

// What is still to be sent, cut into pieces that fit a message.
class WorkList {
public:
    explicit WorkList(const std::vector<BlockRange>& ranges) : ranges_{ranges} {}

    [[nodiscard]] bool empty() const { return at_ == ranges_.size(); }

    // The next piece; it stays in the list until done_below().
    [[nodiscard]] std::vector<BlockRange> piece() const {
        std::vector<BlockRange> result;
        BlockNo room = message_blocks;
        for (std::size_t i = at_;
             i < ranges_.size() && room > BlockNo{0} && result.size() < message_ranges_limit; ++i) {
            const BlockNo first = std::max(ranges_[i].first, begin_);
            const BlockNo count = std::min(ranges_[i].end() - first, room);
            result.push_back({first, count});
            room = room - count;
        }
        return result;
    }

    // Everything below this block has been dealt with.
    void done_below(BlockNo block) {
        begin_ = std::max(begin_, block);
        while (at_ < ranges_.size() && ranges_[at_].end() <= begin_)
            ++at_;
    }

private:
    const std::vector<BlockRange>& ranges_;
    std::size_t at_ = 0;
    BlockNo begin_;
};

// Send verb with all the ranges and add up the three numbers of each answer.
std::array<std::uint64_t, 3> send_ranges(dm::DeviceMapper& dm, const std::string& name,
                                         const std::string& verb,
                                         const std::vector<BlockRange>& ranges,
                                         const OnProgress& progress) {
    std::array<std::uint64_t, 3> sums{};
    const std::uint64_t all = total(ranges).value();
    WorkList work{ranges};
    Clock::time_point advanced = Clock::now();
    while (!work.empty()) {
        const std::vector<BlockRange> piece = work.piece();
        const dm::WorkAnswer answer =
            dm::parse_work(dm.message(name, verb + dm::message_ranges(piece)), sums.size());
        for (std::size_t i = 0; i < sums.size(); ++i)
            sums[i] += answer.numbers[i];
        const BlockNo done = answer.next ? BlockNo{*answer.next} : piece.back().end();
        if (done > piece.front().first) {
            advanced = Clock::now();
            work.done_below(done);
        } else if (Clock::now() - advanced > stall_limit) {
            throw Error{Code::failed,
                        strf("%s: no progress at block %llu", name.c_str(),
                             static_cast<unsigned long long>(piece.front().first.value())),
                        "see: remapctl status " + name};
        } else {
            std::this_thread::sleep_for(stall_pause);
        }
        if (progress)
            progress(sums[0] + sums[1] + sums[2], all);
    }
    return sums;
}

} // namespace

Sector set_size(dm::DeviceMapper& dm, const std::string& name) {
    (void)require_set(dm, name);
    Sector size;
    for (const dm::Target& target : dm.table(name))
        size = std::max(size, target.start + target.length);
    return size;
}

std::vector<BlockRange> blocks_to_map(std::vector<SectorRange> sectors, Sector size,
                                      const std::string& name) {
    for (const SectorRange& range : sectors)
        if (range.end() > size)
            throw Error{Code::usage,
                        strf("sector %llu lies behind the end of %s, which has %llu sectors",
                             static_cast<unsigned long long>((range.end() - Sector{1}).value()),
                             name.c_str(), static_cast<unsigned long long>(size.value()))};
    return touched_blocks(std::move(sectors));
}

AddResult add_blocks(dm::DeviceMapper& dm, const std::string& name,
                     const std::vector<BlockRange>& blocks, bool lost, const OnProgress& progress) {
    const auto sums = send_ranges(dm, name, lost ? "add lost" : "add", blocks, progress);
    return {total(blocks).value(), sums[0], sums[1], sums[2]};
}

UnmapResult unmap_blocks(dm::DeviceMapper& dm, const std::string& name,
                         const std::vector<BlockRange>& blocks, const OnProgress& progress) {
    const auto sums = send_ranges(dm, name, "unmap", blocks, progress);
    return {total(blocks).value(), sums[0], sums[1], sums[2]};
}

void for_each_entry(dm::DeviceMapper& dm, const std::string& name, BlockNo first, BlockNo end,
                    const std::function<bool(const dm::MapEntry&)>& visit) {
    BlockNo at = first;
    while (at < end) {
        const dm::ListPage page =
            dm::parse_list(dm.message(name, "list " + std::to_string(at.value())));
        for (const dm::MapEntry& entry : page.entries) {
            if (entry.block >= end || !visit(entry))
                return;
        }
        if (!page.next)
            return;
        if (*page.next <= at)
            throw Error{Code::kernel, name + ": the list of entries does not advance"};
        at = *page.next;
    }
}

std::vector<SectorRange> lost_ranges(const dm::MapEntry& entry) {
    std::vector<SectorRange> ranges;
    for (std::uint64_t i = 0; i < sectors_per_block; ++i)
        if ((entry.lost_mask >> i & 1) != 0)
            ranges.push_back({first_sector(entry.block) + Sector{i}, Sector{1}});
    return normalised(std::move(ranges));
}

} // namespace remap::core
