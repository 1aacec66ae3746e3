// SPDX-License-Identifier: GPL-2.0-only
#include "format/salvage.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/error.h"
#include "base/text.h"

namespace remap::format {

namespace {

bool is_empty(const dmr_table_block& block) {
    return std::all_of(std::begin(block.entry), std::end(block.entry),
                       [](const dmr_entry& e) { return e.a == 0 && e.b == 0; });
}

SlotEntry pack(std::uint64_t slot, const dmr_mapping& mapping) {
    SlotEntry entry{slot, {}};
    dmr_entry_pack(&entry.raw, &mapping);
    return entry;
}

dmr_mapping unpack(const SlotEntry& entry) {
    dmr_mapping mapping;
    dmr_entry_unpack(&entry.raw, &mapping);
    return mapping;
}

class Salvager {
public:
    Salvager(BlockReader& source, const Dump* dump) : source_{source}, dump_{dump} {}

    Salvage run() {
        choose_superblock();
        extend_table();
        std::uint64_t sound = 0;
        for_each_table_block(source_, sb(), 0, table_init(), [&](const TablePair& pair) {
            sound += pair.sound[0] != nullptr || pair.sound[1] != nullptr;
            table_block(pair);
        });
        if (result_.superblock_from_dump && sound == 0)
            throw Error{Code::not_found, "nothing on it belongs to the spare of the dump",
                        "to write the dump to another device see: remapctl metadata restore"};
        resolve_duplicates();
        give_up_blocks();
        mark_unknown_slots();
        finish_superblock();
        return std::move(result_);
    }

private:
    [[nodiscard]] dmr_superblock& sb() { return result_.snapshot.sb; }
    [[nodiscard]] std::uint64_t table_init() { return le64_to_cpu(sb().table_init); }
    [[nodiscard]] std::uint64_t nr_slots() { return le64_to_cpu(sb().nr_slots); }
    [[nodiscard]] std::uint64_t main_blocks() { return dmr_blocks(le64_to_cpu(sb().main_sectors)); }

    void choose_superblock() {
        const Superblocks sbs = read_superblocks(source_);
        if (sbs.found()) {
            sb() = sbs.best();
            check_dump();
        } else if (dump_ != nullptr) {
            sb() = dump_->snapshot.sb;
            result_.superblock_from_dump = true;
            check_dump_size();
        } else {
            throw Error{sbs.is_member() ? Code::damaged : Code::not_found, sbs.problem,
                        "without a superblock a dump is needed: --from DUMP"};
        }
        bool read_only = false;
        const char* const refusal = dmr_sb_refusal(&sb(), &read_only);
        if ((le64_to_cpu(sb().incompat) & ~DMR_INCOMPAT_KNOWN) != 0)
            throw Error{Code::damaged, refusal};
    }

    void check_dump() {
        if (dump_ == nullptr)
            return;
        const SpareRecord ours = decode(sb());
        const SpareRecord theirs = decode(dump_->snapshot.sb);
        if (theirs.spare_uuid != ours.spare_uuid || theirs.set_uuid != ours.set_uuid)
            throw Error{Code::not_found,
                        "the dump is that of another spare: " + theirs.spare_uuid.str() + ", not " +
                            ours.spare_uuid.str()};
        check_dump_size();
    }

    void check_dump_size() {
        const std::uint64_t size = le64_to_cpu(dump_->snapshot.sb.spare_sectors);
        if (source_.size() != Sector{size})
            throw Error{Code::refused,
                        strf("the dump is that of a spare of %llu sectors, not %llu",
                             static_cast<unsigned long long>(size),
                             static_cast<unsigned long long>(source_.size().value()))};
    }

    // A block in use that the superblock does not count: it is older than the table,
    // which grows by whole extents.
    void extend_table() {
        const std::uint64_t all = le64_to_cpu(sb().table_blocks);
        for (bool used = true; used && table_init() < all;) {
            const std::uint64_t count =
                std::min<std::uint64_t>(DMR_TABLE_EXTENT, all - table_init());
            used = false;
            for_each_table_block(source_, sb(), table_init(), count, [&](const TablePair& pair) {
                for (const dmr_table_block* const block : pair.sound)
                    used = used || (block != nullptr && !is_empty(*block));
            });
            if (used)
                sb().table_init = cpu_to_le64(table_init() + count);
        }
    }

    void table_block(const TablePair& pair) {
        Snapshot& snapshot = result_.snapshot;
        if (pair.conflict) {
            contradiction(pair);
            return;
        }
        if (const dmr_table_block* const block = pair.best(); block != nullptr) {
            snapshot.add_sequence(pair.index, le64_to_cpu(block->seq));
            take_pad(pair.index, *block);
            for (unsigned i = 0; i < DMR_TABLE_ENTRIES; ++i)
                take(pair.index * DMR_TABLE_ENTRIES + i, block->entry[i]);
            return;
        }
        if (!take_from_dump(pair.index))
            give_up_table_block(pair);
    }

    void take_pad(std::uint64_t index, const dmr_table_block& block) {
        TablePad pad{index, {}};
        std::copy(std::begin(block.pad), std::end(block.pad), pad.bytes.begin());
        if (pad.bytes != TablePad{}.bytes)
            result_.snapshot.pads.push_back(pad);
    }

    void take(std::uint64_t slot, const dmr_entry& entry) {
        if (entry.a == 0 && entry.b == 0)
            return;
        if (entry_problem(sb(), entry, slot) == nullptr)
            result_.snapshot.entries.push_back({slot, entry});
        else if (!doubt(entry))
            unknown(slot);
    }

    // The block of an entry that is not believed is lost; false if it names none.
    bool doubt(const dmr_entry& entry) {
        dmr_mapping m;
        dmr_entry_unpack(&entry, &m);
        if (m.state != DMR_E_MAPPED || m.block >= main_blocks())
            return false;
        auto& known = lost_[m.block];
        known = std::max<std::uint64_t>(known, std::min<std::uint64_t>(m.gen, DMR_GEN_MAX / 2));
        return true;
    }

    void unknown(std::uint64_t slot) {
        if (slot >= nr_slots())
            return; // there is no such slot
        std::vector<SlotRange>& ranges = result_.unknown_slots;
        if (!ranges.empty() && ranges.back().first + ranges.back().count == slot)
            ++ranges.back().count;
        else
            ranges.push_back({slot, 1});
    }

    // Both copies are sound, have the same number and differ: what they agree on holds.
    void contradiction(const TablePair& pair) {
        const dmr_table_block& a = *pair.block[0];
        const dmr_table_block& b = *pair.block[1];
        result_.snapshot.add_sequence(pair.index, le64_to_cpu(a.seq));
        take_pad(pair.index, a);
        for (unsigned i = 0; i < DMR_TABLE_ENTRIES; ++i) {
            const std::uint64_t slot = pair.index * DMR_TABLE_ENTRIES + i;
            if (a.entry[i].a == b.entry[i].a && a.entry[i].b == b.entry[i].b) {
                take(slot, a.entry[i]);
                continue;
            }
            const bool first = doubt(a.entry[i]);
            if (!doubt(b.entry[i]) && !first)
                unknown(slot);
        }
    }

    bool take_from_dump(std::uint64_t index) {
        if (dump_ == nullptr)
            return false;
        const auto& runs = dump_->snapshot.runs;
        const auto run = std::find_if(runs.begin(), runs.end(), [&](const SequenceRun& r) {
            return index >= r.first && index - r.first < r.count;
        });
        if (run == runs.end())
            return false;
        const dmr_table_block block = dump_->snapshot.table_block(index, 0);
        result_.snapshot.add_sequence(index, run->seq);
        take_pad(index, block);
        for (unsigned i = 0; i < DMR_TABLE_ENTRIES; ++i)
            take(index * DMR_TABLE_ENTRIES + i, block.entry[i]);
        result_.table_blocks_from_dump.push_back(index);
        return true;
    }

    // A copy that was given up earlier is sound but old: the blocks that it names were
    // on the spare once and may still be.
    void give_up_table_block(const TablePair& pair) {
        for (const dmr_table_block* const block : pair.sound)
            if (block != nullptr)
                for (const dmr_entry& entry : block->entry)
                    (void)doubt(entry);
        for (unsigned i = 0; i < DMR_TABLE_ENTRIES; ++i)
            unknown(pair.index * DMR_TABLE_ENTRIES + i);
        result_.snapshot.add_sequence(pair.index, dmr_seq(le64_to_cpu(sb().activation), 1));
    }

    // Of several entries for one block the highest generation holds; if two have it,
    // neither is certain.
    void resolve_duplicates() {
        struct Claim {
            std::uint64_t block;
            std::uint64_t gen;
            std::uint64_t slot;
        };
        std::vector<Claim> claims;
        for (const SlotEntry& entry : result_.snapshot.entries)
            if (const dmr_mapping m = unpack(entry); m.state == DMR_E_MAPPED)
                claims.push_back({m.block, m.gen, entry.slot});
        std::sort(claims.begin(), claims.end(), [](const Claim& a, const Claim& b) {
            return std::tuple{a.block, b.gen, a.slot} < std::tuple{b.block, a.gen, b.slot};
        });
        for (std::size_t i = 0; i < claims.size();) {
            const Claim& holder = claims[i];
            std::size_t next = i + 1;
            if (next < claims.size() && claims[next].block == holder.block &&
                claims[next].gen == holder.gen)
                lost_[holder.block] = std::max<std::uint64_t>(lost_[holder.block], holder.gen);
            for (; next < claims.size() && claims[next].block == holder.block; ++next) {
                dropped_.push_back(claims[next].slot);
                result_.superseded += claims[next].gen < holder.gen ? 1U : 0U;
            }
            i = next;
        }
        std::sort(dropped_.begin(), dropped_.end());
    }

    // The entries that stay, and for each lost block one that says so. A block with a
    // sound entry elsewhere that is newer than the doubtful one is not lost.
    void give_up_blocks() {
        std::deque<SlotEntry> kept;
        for (const SlotEntry& entry : result_.snapshot.entries) {
            if (std::binary_search(dropped_.begin(), dropped_.end(), entry.slot))
                continue;
            kept.push_back(entry);
            dmr_mapping m = unpack(entry);
            const auto lost = m.state == DMR_E_MAPPED ? lost_.find(m.block) : lost_.end();
            if (lost == lost_.end())
                continue;
            if (lost->second >= m.gen) {
                m.lost = whole_block_mask(sb(), m.block);
                m.flags |= DMR_F_SLOT_LOST;
                m.gen = lost->second;
                kept.back() = pack(entry.slot, m);
                result_.lost_blocks.emplace_back(m.block);
            }
            lost_.erase(lost);
        }
        add_lost_blocks(kept);
        result_.snapshot.entries = std::move(kept);
        std::sort(result_.lost_blocks.begin(), result_.lost_blocks.end());
    }

    // Lost blocks without an entry take free slots, which hold nothing.
    void add_lost_blocks(std::deque<SlotEntry>& kept) {
        std::vector<SlotEntry> added;
        std::uint64_t slot = 0;
        auto used = kept.begin();
        auto range = result_.unknown_slots.begin();
        const std::uint64_t end = std::min(nr_slots(), table_init() * DMR_TABLE_ENTRIES);
        const auto taken = [&] {
            for (; used != kept.end() && used->slot < slot;)
                ++used;
            for (; range != result_.unknown_slots.end() && range->first + range->count <= slot;)
                ++range;
            return (used != kept.end() && used->slot == slot) ||
                   (range != result_.unknown_slots.end() && range->first <= slot);
        };
        for (const auto& [block, gen] : lost_) {
            while (slot < end && taken())
                ++slot;
            if (slot >= end)
                throw Error{Code::damaged, strf("no slot is left to mark block %llu as lost",
                                                static_cast<unsigned long long>(block))};
            dmr_mapping m{};
            m.block = block;
            m.gen = gen;
            m.lost = whole_block_mask(sb(), block);
            m.state = DMR_E_MAPPED;
            m.reason = DMR_R_ADMIN;
            m.flags = DMR_F_SLOT_LOST;
            added.push_back(pack(slot++, m));
            result_.lost_blocks.emplace_back(block);
        }
        merge(kept, added);
    }

    static void merge(std::deque<SlotEntry>& entries, const std::vector<SlotEntry>& added) {
        if (added.empty())
            return;
        entries.insert(entries.end(), added.begin(), added.end());
        std::sort(entries.begin(), entries.end(),
                  [](const SlotEntry& a, const SlotEntry& b) { return a.slot < b.slot; });
    }

    void mark_unknown_slots() {
        dmr_mapping bad{};
        bad.state = DMR_E_BAD;
        std::vector<SlotEntry> added;
        for (const SlotRange& range : result_.unknown_slots)
            for (std::uint64_t i = 0; i < range.count; ++i)
                added.push_back(pack(range.first + i, bad));
        merge(result_.snapshot.entries, added);
    }

    // Both copies of everything will be written: none is given up any more.
    void finish_superblock() {
        std::fill(std::begin(sb().distrust), std::end(sb().distrust), dmr_distrust{});
        sb().distrust_since = 0;
        sb().seq = cpu_to_le64(le64_to_cpu(sb().seq) + 1);
    }

    BlockReader& source_;
    const Dump* dump_;
    Salvage result_;
    std::map<std::uint64_t, std::uint64_t> lost_; // block of main -> generation
    std::vector<std::uint64_t> dropped_;          // slots
};

} // namespace

std::uint8_t whole_block_mask(const dmr_superblock& sb, std::uint64_t block) {
    const std::uint64_t sectors = le64_to_cpu(sb.main_sectors);
    const std::uint64_t rest = sectors - block * sectors_per_block;
    return rest >= sectors_per_block ? 0xff : dmr_sector_mask(0, static_cast<unsigned>(rest));
}

Salvage salvage(BlockReader& source, const Dump* dump) {
    return Salvager{source, dump}.run();
}

} // namespace remap::format
