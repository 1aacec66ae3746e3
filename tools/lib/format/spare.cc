// SPDX-License-Identifier: GPL-2.0-only
#include "format/spare.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/error.h"
#include "base/text.h"

namespace remap::format {

namespace {

template <std::size_t size>
std::string get_text(const std::uint8_t (&field)[size]) {
    const auto* const end = std::find(field, field + size, 0);
    return {field, end};
}

template <std::size_t size>
void put_text(std::uint8_t (&field)[size], const std::string& text, const char* what) {
    if (text.size() >= size)
        throw Error{Code::usage, strf("the %s '%s' is longer than %zu bytes", what,
                                      printable(text).c_str(), size - 1)};
    std::copy(text.begin(), text.end(), field);
}

// Reads one copy of some table blocks; a failed large read is repeated block by
// block, so that a bad sector costs only the block that holds it.
class CopyChunk {
public:
    CopyChunk() : buffer_{chunk_blocks * block_size} {}

    void read(BlockReader& device, Sector start, std::size_t count) {
        const auto all = buffer_.span().first(count * block_size);
        errors_.assign(count, 0);
        if (device.read(to_bytes(start), all) == 0)
            return;
        for (std::size_t i = 0; i < count; ++i)
            errors_[i] = device.read(to_bytes(start + first_sector(BlockNo{i})),
                                     all.subspan(i * block_size, block_size));
    }
    [[nodiscard]] int error(std::size_t i) const { return errors_[i]; }
    [[nodiscard]] const dmr_table_block* block(std::size_t i) {
        return std::launder(
            reinterpret_cast<const dmr_table_block*>(buffer_.data() + i * block_size));
    }

private:
    AlignedBuffer buffer_;
    std::vector<int> errors_;
};

void choose(TablePair& pair) {
    const dmr_table_block* const a = pair.block[0];
    const dmr_table_block* const b = pair.block[1];
    if (a == nullptr || b == nullptr) {
        pair.chosen = a != nullptr ? 0 : b != nullptr ? 1 : -1;
        return;
    }
    const std::uint64_t seq0 = le64_to_cpu(a->seq);
    const std::uint64_t seq1 = le64_to_cpu(b->seq);
    pair.conflict = seq0 == seq1 && std::memcmp(a->entry, b->entry, sizeof(a->entry)) != 0;
    if (!pair.conflict)
        pair.chosen = seq1 > seq0 ? 1 : 0;
}

} // namespace

AlignedBuffer::AlignedBuffer(std::size_t size)
    : size_{(size + block_size - 1) / block_size * block_size},
      data_{static_cast<std::byte*>(std::aligned_alloc(block_size, size_))} {
    if (!data_)
        throw std::bad_alloc{};
    std::memset(data_.get(), 0, size_);
}

const char* state_name(State state) {
    switch (state) {
    case State::creating:
        return "creating";
    case State::active:
        return "active";
    case State::dissolving:
        return "dissolving";
    case State::retired:
        return "retired";
    }
    return "unknown";
}

const char* reason_name(unsigned reason) {
    static constexpr std::array names = {"none", "write_error", "read_error", "admin",
                                         "scan", "weak",        "moved",      "shield"};
    return reason < names.size() ? names[reason] : "unknown";
}

bool tail_is_of(const dmr_superblock& raw, Sector device_size) {
    const std::uint64_t size = device_size.value();
    return le64_to_cpu(raw.spare_sectors) == size &&
           le64_to_cpu(raw.self_sector) == dmr_sb_sector(size, 1);
}

Superblocks read_superblocks(BlockReader& device) {
    Superblocks result;
    dmr_geometry geometry;
    const std::uint64_t size = device.size().value();
    if (dmr_geometry_compute(size, &geometry) != 0) {
        result.problem = "the device is too small for dm-remap metadata";
        for (SuperblockCopy& copy : result.copy)
            copy.problem = result.problem;
        return result;
    }
    AlignedBuffer buffer{block_size};
    for (unsigned i = 0; i < 2; ++i) {
        SuperblockCopy& copy = result.copy[i];
        const std::uint64_t place = dmr_sb_sector(size, i);
        const int error = device.read(to_bytes(Sector{place}), buffer.span());
        if (error != 0) {
            copy.problem = errno_text(error);
            continue;
        }
        copy.readable = true;
        std::memcpy(&copy.raw, buffer.data(), sizeof(copy.raw));
        copy.has_magic =
            dmr_sb_has_magic(&copy.raw) && (i == 0 || tail_is_of(copy.raw, device.size()));
        const char* const problem = dmr_sb_check(&copy.raw, place, size, i);
        copy.problem = problem != nullptr ? problem : "";
    }
    const auto valid = [&](std::size_t i) {
        return result.copy[i].valid() ? &result.copy[i].raw : nullptr;
    };
    const int choice = dmr_sb_choose(valid(0), valid(1));
    if (choice >= 0)
        result.chosen = choice;
    else if (valid(0) != nullptr)
        result.problem = "the two superblock copies contradict each other";
    else if (result.copy[0].problem == result.copy[1].problem)
        result.problem = result.copy[0].problem;
    else
        result.problem =
            "superblock copy 0: " + result.copy[0].problem + "; copy 1: " + result.copy[1].problem;
    return result;
}

SpareRecord decode(const dmr_superblock& raw) {
    SpareRecord r;
    std::copy(std::begin(raw.set_uuid), std::end(raw.set_uuid), r.set_uuid.bytes.begin());
    std::copy(std::begin(raw.spare_uuid), std::end(raw.spare_uuid), r.spare_uuid.bytes.begin());
    r.label = get_text(raw.label);
    r.state = static_cast<State>(le32_to_cpu(raw.state));
    r.seq = le64_to_cpu(raw.seq);
    r.epoch = le64_to_cpu(raw.epoch);
    r.activation = le64_to_cpu(raw.activation);
    r.compat = le64_to_cpu(raw.compat);
    r.ro_compat = le64_to_cpu(raw.ro_compat);
    r.incompat = le64_to_cpu(raw.incompat);
    r.created = le64_to_cpu(raw.created);
    r.updated = le64_to_cpu(raw.updated);
    r.spare_size = Sector{le64_to_cpu(raw.spare_sectors)};
    r.main_size = Sector{le64_to_cpu(raw.main_sectors)};
    r.main_lbs = le32_to_cpu(raw.main_lbs);
    r.main_pbs = le32_to_cpu(raw.main_pbs);
    r.slots = le64_to_cpu(raw.nr_slots);
    r.table_blocks = le64_to_cpu(raw.table_blocks);
    r.table_init = le64_to_cpu(raw.table_init);
    r.main = {get_text(raw.main_wwn), get_text(raw.main_serial), get_text(raw.main_partuuid)};
    r.options = get_text(raw.options);
    return r;
}

dmr_superblock encode(const SpareRecord& r) {
    dmr_geometry g;
    if (dmr_geometry_compute(r.spare_size.value(), &g) != 0)
        throw Error{Code::refused,
                    "the spare is too small: it has " + human_size(to_bytes(r.spare_size))};
    dmr_superblock raw{};
    std::memcpy(raw.magic, DMR_SB_MAGIC, DMR_MAGIC_SIZE);
    raw.version = cpu_to_le16(DMR_VERSION);
    std::copy(r.set_uuid.bytes.begin(), r.set_uuid.bytes.end(), raw.set_uuid);
    std::copy(r.spare_uuid.bytes.begin(), r.spare_uuid.bytes.end(), raw.spare_uuid);
    raw.seq = cpu_to_le64(r.seq);
    raw.compat = cpu_to_le64(r.compat);
    raw.ro_compat = cpu_to_le64(r.ro_compat);
    raw.incompat = cpu_to_le64(r.incompat);
    raw.spare_sectors = cpu_to_le64(r.spare_size.value());
    raw.epoch = cpu_to_le64(r.epoch);
    raw.activation = cpu_to_le64(r.activation);
    raw.state = cpu_to_le32(static_cast<std::uint32_t>(r.state));
    raw.created = cpu_to_le64(r.created);
    raw.updated = cpu_to_le64(r.updated);
    raw.main_sectors = cpu_to_le64(r.main_size.value());
    raw.main_lbs = cpu_to_le32(r.main_lbs);
    raw.main_pbs = cpu_to_le32(r.main_pbs);
    raw.nr_slots = cpu_to_le64(g.nr_slots);
    raw.data_start = cpu_to_le64(g.data_start);
    raw.table_start[0] = cpu_to_le64(g.table_start[0]);
    raw.table_start[1] = cpu_to_le64(g.table_start[1]);
    raw.table_blocks = cpu_to_le64(g.table_blocks);
    raw.table_init = cpu_to_le64(r.table_init);
    put_text(raw.label, r.label, "name");
    put_text(raw.main_wwn, r.main.wwn, "WWN");
    put_text(raw.main_serial, r.main.serial, "serial number");
    put_text(raw.main_partuuid, r.main.partuuid, "partition UUID");
    put_text(raw.options, r.options, "option list");
    return raw;
}

const char* entry_problem(const dmr_superblock& sb, const dmr_entry& entry, std::uint64_t slot) {
    if (const char* const problem = dmr_entry_check(&sb, &entry, slot); problem != nullptr)
        return problem;
    dmr_mapping mapping;
    dmr_entry_unpack(&entry, &mapping);
    // it has to be possible to count on for longer than any disk lives
    return mapping.gen > DMR_GEN_MAX / 2 ? "impossible generation" : nullptr;
}

void for_each_table_block(BlockReader& device, const dmr_superblock& sb, std::uint64_t first,
                          std::uint64_t count, const std::function<void(const TablePair&)>& visit) {
    const std::uint32_t seed = dmr_table_seed(&sb);
    std::array<CopyChunk, 2> chunks;
    for (std::uint64_t done = 0; done < count;) {
        const std::size_t now = std::min<std::uint64_t>(chunk_blocks, count - done);
        for (unsigned c = 0; c < 2; ++c)
            chunks[c].read(device, Sector{dmr_table_sector(&sb, first + done, c)}, now);
        for (std::size_t i = 0; i < now; ++i) {
            TablePair pair;
            pair.index = first + done + i;
            for (unsigned c = 0; c < 2; ++c) {
                const dmr_table_block* const block = chunks[c].block(i);
                const char* problem = nullptr;
                if (const int error = chunks[c].error(i); error != 0)
                    pair.problem[c] = errno_text(error);
                else if (problem = dmr_table_check(block, seed, pair.index, c); problem != nullptr)
                    pair.problem[c] = problem;
                else
                    pair.sound[c] = block;
                if (pair.sound[c] == nullptr)
                    continue;
                if (dmr_distrusted(&sb, block, pair.index, c))
                    pair.problem[c] = "was written before that copy was given up";
                else
                    pair.block[c] = block;
            }
            choose(pair);
            visit(pair);
        }
        done += now;
    }
}

std::vector<Entry> read_entries(BlockReader& device, const dmr_superblock& sb,
                                std::uint64_t* damaged) {
    std::vector<Entry> entries;
    *damaged = 0;
    for_each_table_block(device, sb, 0, le64_to_cpu(sb.table_init), [&](const TablePair& pair) {
        const dmr_table_block* const block = pair.best();
        if (block == nullptr) {
            ++*damaged;
            return;
        }
        for (unsigned i = 0; i < DMR_TABLE_ENTRIES; ++i) {
            Entry entry{pair.index * DMR_TABLE_ENTRIES + i, {}};
            if (entry_problem(sb, block->entry[i], entry.slot) != nullptr) {
                ++*damaged;
                continue;
            }
            dmr_entry_unpack(&block->entry[i], &entry.mapping);
            if (entry.mapping.state == DMR_E_MAPPED)
                entries.push_back(entry);
        }
    });
    return entries;
}

} // namespace remap::format
