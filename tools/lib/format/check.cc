// SPDX-License-Identifier: GPL-2.0-only
#include "format/check.h"

#include <algorithm>
#include <bit>

#include "base/error.h"
#include "base/text.h"
#include "format/map.h"

namespace remap::format {

namespace {

class Checker {
public:
    explicit Checker(BlockReader& device) : device_{device} {}

    CheckReport run() {
        if (!superblocks())
            return std::move(report_);
        tables();
        beyond_table();
        duplicates();
        if (report_.worst != Severity::fatal)
            load();
        return std::move(report_);
    }

private:
    // What duplicates are found by; 24 bytes, so a million entries are cheap.
    struct Claim {
        std::uint64_t block;
        std::uint64_t gen;
        std::uint64_t slot;
    };

    void find(Severity severity, const char* kind, std::string where, std::string what) {
        report_.worst = std::max(report_.worst, severity);
        if (report_.findings.size() < CheckReport::max_findings)
            report_.findings.push_back({severity, kind, std::move(where), std::move(what)});
        else
            ++report_.findings_left_out;
    }

    bool superblocks() {
        const Superblocks sbs = read_superblocks(device_);
        dmr_geometry geometry;
        const bool too_small = dmr_geometry_compute(device_.size().value(), &geometry) != 0;
        report_.is_member = sbs.is_member();
        for (std::size_t i = 0; i < 2; ++i) {
            report_.superblock_problem[i] = sbs.copy[i].problem;
            report_.unreadable = report_.unreadable || !(sbs.copy[i].readable || too_small);
        }
        const Severity severity = sbs.found() ? Severity::repairable : Severity::fatal;
        for (std::size_t i = 0; i < 2; ++i)
            if (!sbs.copy[i].valid())
                find(severity, "superblock", strf("superblock copy %zu", i), sbs.copy[i].problem);
        if (!sbs.found()) {
            if (sbs.copy[0].valid())
                find(Severity::fatal, "superblock", "superblocks", sbs.problem);
            return false;
        }
        sb_ = sbs.best();
        report_.record = decode(sb_);
        report_.superblock = sb_;
        const auto other = static_cast<std::size_t>(1 - sbs.chosen);
        if (sbs.copy[other].valid() && sbs.copy[other].raw.seq != sb_.seq)
            find(Severity::repairable, "superblock", strf("superblock copy %zu", other),
                 "older than the other copy");
        bool read_only = false;
        const bool unknown = (report_.record->incompat & ~DMR_INCOMPAT_KNOWN) != 0;
        if (const char* const refusal = dmr_sb_refusal(&sb_, &read_only); refusal != nullptr)
            find(unknown ? Severity::fatal : Severity::note, "state", "superblock", refusal);
        if (read_only)
            find(Severity::note, "state", "superblock",
                 "it uses features that this version can only read");
        return !unknown;
    }

    void tables() {
        for_each_table_block(device_, sb_, 0, report_.record->table_init,
                             [this](const TablePair& pair) { table_block(pair); });
    }

    void table_block(const TablePair& pair) {
        const unsigned long long index = pair.index;
        for (std::size_t c = 0; c < 2; ++c) {
            if (pair.block[c] != nullptr) {
                ++report_.table_blocks_good[c];
                continue;
            }
            const bool fatal = pair.block[1 - c] == nullptr;
            find(fatal ? Severity::fatal : Severity::repairable, "table",
                 strf("table block %llu copy %zu", index, c), pair.problem[c]);
        }
        if (pair.conflict)
            find(Severity::fatal, "table", strf("table block %llu", index),
                 "the two copies have the same sequence number and differ");
        const dmr_table_block* const best = pair.best();
        if (best == nullptr)
            return;
        if (pair.block[0] != nullptr && pair.block[1] != nullptr &&
            pair.block[0]->seq != pair.block[1]->seq)
            find(Severity::repairable, "table",
                 strf("table block %llu copy %d", index, 1 - pair.chosen),
                 "older than the other copy");
        for (unsigned i = 0; i < DMR_TABLE_ENTRIES; ++i)
            entry(best->entry[i], pair.index * DMR_TABLE_ENTRIES + i);
    }

    void entry(const dmr_entry& raw, std::uint64_t slot) {
        if (const char* const problem = entry_problem(sb_, raw, slot); problem != nullptr) {
            find(Severity::fatal, "entry", strf("slot %llu", static_cast<unsigned long long>(slot)),
                 problem);
            return;
        }
        dmr_mapping mapping;
        dmr_entry_unpack(&raw, &mapping);
        if (mapping.state == DMR_E_BAD)
            ++report_.bad_slots;
        if (mapping.state != DMR_E_MAPPED)
            return;
        ++report_.entries;
        report_.lost_sectors += static_cast<unsigned>(std::popcount(mapping.lost));
        claims_.push_back({mapping.block, mapping.gen, slot});
    }

    // A table block in use that the superblock does not know of means that the
    // superblock is older than the table.
    void beyond_table() {
        const std::uint64_t first = report_.record->table_init;
        const std::uint64_t count =
            std::min<std::uint64_t>(DMR_TABLE_EXTENT, report_.record->table_blocks - first);
        for_each_table_block(device_, sb_, first, count, [this](const TablePair& pair) {
            for (std::size_t c = 0; c < 2; ++c) {
                const dmr_table_block* const block = pair.sound[c];
                if (block == nullptr ||
                    std::none_of(std::begin(block->entry), std::end(block->entry),
                                 [](const auto& e) { return e.a != 0 || e.b != 0; }))
                    continue;
                find(Severity::fatal, "stale_superblock",
                     strf("table block %llu copy %zu", static_cast<unsigned long long>(pair.index),
                          c),
                     "holds entries but the superblock does not count it as in use: the "
                     "superblock is older than the table");
            }
        });
    }

    // As the loader does: in the order of slots, each against the one that holds.
    void duplicates() {
        std::sort(claims_.begin(), claims_.end(), [](const Claim& a, const Claim& b) {
            return a.block != b.block ? a.block < b.block : a.slot < b.slot;
        });
        const Claim* holder = nullptr;
        for (const Claim& claim : claims_) {
            if (holder == nullptr || claim.block != holder->block) {
                holder = &claim;
                continue;
            }
            const Claim& loser = claim.gen > holder->gen ? *holder : claim;
            holder = claim.gen > holder->gen ? &claim : holder;
            duplicate(*holder, loser);
        }
    }

    void duplicate(const Claim& holder, const Claim& other) {
        const std::string where = strf("block %llu", static_cast<unsigned long long>(holder.block));
        const std::string slots = strf("mapped to slot %llu (generation %llu) and slot %llu "
                                       "(generation %llu): ",
                                       static_cast<unsigned long long>(holder.slot),
                                       static_cast<unsigned long long>(holder.gen),
                                       static_cast<unsigned long long>(other.slot),
                                       static_cast<unsigned long long>(other.gen));
        if (holder.gen == other.gen)
            find(Severity::fatal, "duplicate", where, slots + "neither is newer");
        else
            find(Severity::repairable, "duplicate", where,
                 slots +
                     strf("generation %llu holds", static_cast<unsigned long long>(holder.gen)));
    }

    // The last word is the loader's, which also knows what holds.
    void load() {
        claims_ = {}; // the loader needs the memory
        try {
            const LoadedMap map{device_};
            report_.entries = map.count();
            report_.lost_sectors = map.lost_sectors();
        } catch (const Error& e) {
            find(Severity::fatal, "loader", "metadata", e.reason());
        }
    }

    BlockReader& device_;
    CheckReport report_;
    dmr_superblock sb_{};
    std::vector<Claim> claims_;
};

} // namespace

CheckReport check_spare(BlockReader& device) {
    return Checker{device}.run();
}

} // namespace remap::format
