// SPDX-License-Identifier: GPL-2.0-only
// The messages that work on blocks and on the table.
#include <algorithm>
#include <cerrno>
#include <span>

#include "base/ranges.h"
#include "remap_set.h"

namespace remap::test {

namespace {

constexpr std::uint64_t message_blocks = 4096; // that one message may handle

// Ascending, disjoint ranges of blocks: "5 7+3".
std::vector<BlockRange> parse_ranges(const std::vector<std::string_view>& words,
                                     std::uint64_t blocks) {
    std::vector<BlockRange> ranges;
    std::uint64_t from = 0;
    for (const std::string_view word : words) {
        const auto plus = word.find('+');
        const std::uint64_t first = message_number(word.substr(0, plus));
        const std::uint64_t count =
            plus == std::string_view::npos ? 1 : message_number(word.substr(plus + 1));
        if (count == 0 || first < from || first >= blocks || count > blocks - first)
            throw Refusal{EINVAL};
        ranges.push_back({BlockNo{first}, BlockNo{count}});
        from = first + count;
    }
    if (ranges.empty())
        throw Refusal{EINVAL};
    return ranges;
}

// Goes through the blocks of ranges, as far as one message goes.
class Cursor {
public:
    explicit Cursor(std::vector<BlockRange> ranges) : ranges_{std::move(ranges)} {}

    std::uint64_t done[3] = {};

    [[nodiscard]] bool more() const { return at_ < ranges_.size() && budget_ > 0; }
    [[nodiscard]] std::uint64_t block() const { return ranges_[at_].first.value() + offset_; }
    void step() {
        --budget_;
        if (++offset_ == ranges_[at_].count.value()) {
            ++at_;
            offset_ = 0;
        }
    }
    [[nodiscard]] std::string answer() const {
        const std::string start =
            at_ < ranges_.size() ? "next " + std::to_string(block()) : std::string{"ok"};
        return start + " " + std::to_string(done[0]) + " " + std::to_string(done[1]) + " " +
               std::to_string(done[2]);
    }

private:
    std::vector<BlockRange> ranges_;
    std::size_t at_ = 0;
    std::uint64_t offset_ = 0;
    std::uint64_t budget_ = message_blocks;
};

} // namespace

std::string RemapModel::add(Set& set, Words words) {
    std::uint8_t reason = DMR_R_ADMIN;
    bool lost = false;
    while (!words.empty() && (words[0] == "lost" || words[0].starts_with("reason="))) {
        lost = lost || words[0] == "lost";
        if (words[0] == "reason=scan")
            reason = DMR_R_SCAN;
        else if (words[0] != "lost" && words[0] != "reason=admin")
            throw Refusal{EINVAL};
        words.erase(words.begin());
    }
    Cursor cursor{parse_ranges(words, set.index.nr_blocks)};
    std::vector<dmr_change> changes;
    for (; cursor.more(); cursor.step()) {
        const std::uint64_t block = cursor.block();
        std::uint64_t slot = 0;
        if (set.entry(block) != 0) {
            ++cursor.done[1];
            continue;
        }
        if (const int error = dmr_meta_alloc(&set.meta, &slot); error != 0) {
            if (error == -ENOSPC)
                state_.faults.insert("full");
            ++cursor.done[2];
            continue;
        }
        format::AlignedBuffer content{block_size};
        std::uint8_t mask = 0;
        for (unsigned i = 0; i < set.sectors(block); ++i)
            if (lost || set.main->read(to_bytes(first_sector(BlockNo{block}) + Sector{i}),
                                       content.span().subspan(i * sector_size, sector_size)) != 0)
                mask = static_cast<std::uint8_t>(mask | 1U << i);
        if (set.spare->write(set.slot_place(slot), content.span()) != 0) {
            dmr_meta_unalloc(&set.meta, slot);
            state_.faults.insert("spare-fault");
            ++cursor.done[2];
            continue;
        }
        changes.push_back({slot, set.mapping(block, mask, reason), 0});
    }
    set.commit(changes);
    for (const dmr_change& change : changes)
        ++cursor.done[change.error == 0 ? 0 : 2];
    return cursor.answer();
}

std::string RemapModel::unmap(Set& set, const Words& words) {
    Cursor cursor{parse_ranges(words, set.index.nr_blocks)};
    std::vector<dmr_change> changes;
    for (; cursor.more(); cursor.step()) {
        const std::uint64_t block = cursor.block();
        const std::uint64_t x = set.entry(block);
        if (x == 0) {
            ++cursor.done[1];
            continue;
        }
        format::AlignedBuffer content{block_size};
        const auto used = content.span().first(set.sectors(block) * sector_size);
        const Bytes place = to_bytes(first_sector(BlockNo{block}));
        if ((x & DMR_X_SHIELD) != 0 || dmr_x_lost(x) != 0 || set.meta.frozen > 0 ||
            set.spare->read(set.slot_place(dmr_x_slot(x)), content.span()) != 0 ||
            set.main->write(place, used) != 0) {
            ++cursor.done[2];
            continue;
        }
        changes.push_back({dmr_x_slot(x), {}, 0});
    }
    set.commit(changes);
    for (const dmr_change& change : changes)
        ++cursor.done[change.error == 0 ? 0 : 2];
    return cursor.answer();
}

// Returns the sectors that came back; what is still lost stays in the mask.
std::string RemapModel::retry(Set& set, const Words& words) {
    Cursor cursor{parse_ranges(words, set.index.nr_blocks)};
    std::vector<dmr_change> changes;
    for (; cursor.more(); cursor.step()) {
        const std::uint64_t block = cursor.block();
        const std::uint64_t x = set.entry(block);
        std::uint8_t lost = dmr_x_lost(x);
        if (lost == 0)
            continue;
        const bool on_spare = (x & DMR_X_SLOT_LOST) != 0;
        const Bytes slot = set.slot_place(dmr_x_slot(x));
        for (unsigned i = 0; i < set.sectors(block); ++i) {
            if ((lost >> i & 1) == 0)
                continue;
            const Bytes offset{i * sector_size};
            format::AlignedBuffer content{block_size};
            const auto sector = content.span().first(sector_size);
            const int error =
                on_spare ? set.spare->read(slot + offset, sector)
                         : set.main->read(to_bytes(first_sector(BlockNo{block})) + offset, sector);
            if (error != 0 || set.spare->write(slot + offset, sector) != 0) {
                ++cursor.done[1];
                continue;
            }
            ++cursor.done[0];
            lost = static_cast<std::uint8_t>(lost & ~(1U << i));
        }
        dmr_mapping m = set.mapping(block, lost, dmr_x_reason(x));
        m.flags = on_spare ? DMR_F_SLOT_LOST : 0;
        changes.push_back({dmr_x_slot(x), m, 0});
    }
    set.commit(changes);
    return cursor.answer();
}

std::string RemapModel::verify(Set& set, std::uint64_t from) {
    // what is loaded came from the disk a moment ago: memory knows the same
    const dmr_memory memory = {
        .holds =
            [](void* self, u64 slot, u64 block, u8* lost) {
                const std::uint64_t x = static_cast<Set*>(self)->entry(block);
                *lost = dmr_x_lost(x);
                return dmr_x_mapped(x) && dmr_x_slot(x) == slot;
            },
        .rebuild =
            [](void* self, u64 first, u64 gen, dmr_mapping* entries) {
                const Set& known = *static_cast<Set*>(self);
                for (u64 block = 0; block < known.index.nr_blocks; ++block) {
                    const std::uint64_t x = dmr_index_next(&known.index, &block);
                    if (x == 0)
                        break;
                    const std::uint64_t slot = dmr_x_slot(x);
                    if (slot < first || slot - first >= DMR_TABLE_ENTRIES)
                        continue;
                    dmr_mapping& m = entries[slot - first];
                    m.block = block;
                    m.gen = gen;
                    m.lost = dmr_x_lost(x);
                    m.state = DMR_E_MAPPED;
                    m.reason = dmr_x_reason(x);
                    m.flags = static_cast<u8>(((x & DMR_X_SHIELD) != 0 ? DMR_F_SHIELD : 0) |
                                              ((x & DMR_X_SLOT_LOST) != 0 ? DMR_F_SLOT_LOST : 0));
                }
            },
        .context = &set};
    dmr_verify v{};
    for (std::uint64_t index = from; index < le64_to_cpu(set.meta.sb->table_init); ++index)
        (void)dmr_meta_verify(&set.meta, index, &memory, &v);
    if (set.meta.frozen == 0)
        state_.faults.erase("meta-fault");
    return "ok " + std::to_string(v.checked) + " " + std::to_string(v.repaired) + " " +
           std::to_string(v.damaged);
}

std::string RemapModel::rearm(Set& set) {
    format::AlignedBuffer block{block_size};
    state_.faults.erase("paused");
    state_.faults.erase("full");
    if (set.main->read(Bytes{0}, block.span()) == 0)
        state_.faults.erase("main-fault");
    if (set.spare->read(Bytes{0}, block.span()) == 0)
        state_.faults.erase("spare-fault");
    (void)verify(set, 0);
    return "ok " + mode();
}

} // namespace remap::test
