// SPDX-License-Identifier: GPL-2.0-only
#include "base/ranges.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace remap {

namespace {

Error bad_range(std::string_view text, const char* why) {
    return {Code::usage, "'" + printable(text) + "': " + why,
            "ranges are N, N-M (both included) or N+LEN"};
}

template <class Unit>
std::vector<Range<Unit>> merged(std::vector<Range<Unit>> ranges) {
    const auto less = [](const auto& a, const auto& b) { return a.first < b.first; };
    if (!std::is_sorted(ranges.begin(), ranges.end(), less))
        std::sort(ranges.begin(), ranges.end(), less);
    std::size_t kept = 0;
    for (std::size_t i = 1; i < ranges.size(); ++i) {
        Range<Unit>& last = ranges[kept];
        if (ranges[i].first > last.end())
            ranges[++kept] = ranges[i];
        else
            last.count = std::max(last.end(), ranges[i].end()) - last.first;
    }
    if (!ranges.empty())
        ranges.resize(kept + 1);
    return ranges;
}

} // namespace

SectorRange parse_range(std::string_view text) {
    const auto at = text.find_first_of("-+");
    if (at == 0 || (at != std::string_view::npos && at + 1 == text.size()))
        throw bad_range(text, "a number is missing");
    const Sector first = parse_position(text.substr(0, at));
    Sector count{1};
    if (at != std::string_view::npos) {
        const Sector second = parse_position(text.substr(at + 1));
        if (text[at] == '-') {
            if (second < first)
                throw bad_range(text, "the range ends before it begins");
            count = second - first + Sector{1};
        } else {
            count = second;
        }
    }
    if (count == Sector{0})
        throw bad_range(text, "the range is empty");
    // parse_position() keeps each number below 2^55, so the sum can't wrap
    if (first + count > max_sector)
        throw bad_range(text, "the range is too large");
    return {first, count};
}

std::vector<SectorRange> parse_range_list(std::string_view content, std::string_view name) {
    std::vector<SectorRange> ranges;
    std::size_t number = 0;
    while (!content.empty()) {
        const auto end = content.find('\n');
        std::string_view line = content.substr(0, end);
        content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
        ++number;
        line = trim(line.substr(0, line.find('#')));
        if (line.empty())
            continue;
        try {
            ranges.push_back(parse_range(line));
        } catch (const Error& e) {
            throw Error{e.code(),
                        std::string{name} + ":" + std::to_string(number) + ": " + e.reason(),
                        e.hint()};
        }
    }
    return ranges;
}

std::vector<SectorRange> normalised(std::vector<SectorRange> ranges) {
    return merged(std::move(ranges));
}

std::vector<BlockRange> touched_blocks(std::vector<SectorRange> ranges) {
    std::vector<BlockRange> blocks;
    for (const SectorRange& range : normalised(std::move(ranges))) {
        const BlockNo first = block_of(range.first);
        const BlockNo last = block_of(range.end() - Sector{1});
        blocks.push_back({first, last - first + BlockNo{1}});
    }
    // ranges that were apart as sectors may share a block
    return merged(std::move(blocks));
}

BlockNo total(const std::vector<BlockRange>& ranges) {
    BlockNo sum;
    for (const BlockRange& range : ranges)
        sum += range.count;
    return sum;
}

} // namespace remap
