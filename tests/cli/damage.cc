// SPDX-License-Identifier: GPL-2.0-only
#include "damage.h"

#include <algorithm>
#include <cstring>
#include <functional>

#include "base/error.h"
#include "base/text.h"
#include "format/build.h"

namespace remap::test {

namespace {

void check(int error) {
    if (error != 0)
        throw os_error(error, "cannot write the image");
}

[[noreturn]] void unknown(const std::string& what) {
    throw Error{Code::usage, "--damage " + what + ": unknown target or kind"};
}

template <class Block>
Block load(format::BlockReader& file, Sector at) {
    format::AlignedBuffer buffer{block_size};
    check(file.read(to_bytes(at), buffer.span()));
    Block block;
    std::memcpy(&block, buffer.data(), sizeof(block));
    return block;
}

template <class Block>
void store(format::BlockWriter& file, Sector at, const Block& block) {
    format::AlignedBuffer buffer{block_size};
    std::memcpy(buffer.data(), &block, sizeof(block));
    check(file.write(to_bytes(at), buffer.span()));
}

// The part before or after the separator as a number.
std::uint64_t number_after(const std::string& text, char separator, const std::string& what) {
    const auto number = parse_number<std::uint64_t>(
        std::string_view{text}.substr(std::min(text.find(separator), text.size() - 1) + 1));
    if (!number)
        unknown(what);
    return *number;
}

class Damage {
public:
    Damage(format::BlockWriter& file, std::string what, const dmr_superblock& sb,
           std::mt19937_64& random)
        : file_{file}, what_{std::move(what)}, sb_{sb}, random_{random} {
        const auto at = what_.find('=');
        target_ = what_.substr(0, at);
        how_ = at == std::string::npos ? "zero" : what_.substr(at + 1);
    }

    void run() {
        if (target_ == "stale-superblock")
            stale_superblock();
        else if (target_.starts_with("given-up:"))
            give_up(static_cast<unsigned>(number_after(target_, ':', what_)));
        else if (target_.starts_with("entry:"))
            entry(number_after(target_, ':', what_));
        else if (target_ == "sb0" || target_ == "sb1")
            superblock(target_ == "sb1" ? 1 : 0);
        else if (target_.starts_with("table0:") || target_.starts_with("table1:"))
            table(number_after(target_, ':', what_), target_[5] == '1' ? 1 : 0);
        else
            unknown(what_);
    }

private:
    [[nodiscard]] Sector place(std::uint64_t index, unsigned copy) const {
        return Sector{dmr_table_sector(&sb_, index, copy)};
    }

    void raw(Sector at) {
        auto bytes = load<std::array<unsigned char, block_size>>(file_, at);
        const auto noise = [&](std::size_t from) {
            for (std::size_t i = from; i < bytes.size(); ++i)
                bytes[i] = static_cast<unsigned char>(random_());
        };
        if (how_ == "zero")
            bytes.fill(0);
        else if (how_ == "torn")
            noise(block_size / 2);
        else if (how_ == "noise")
            noise(0);
        else if (how_ == "flip")
            bytes[300] ^= 0x10;
        else
            unknown(what_);
        store(file_, at, bytes);
    }

    void superblock(unsigned copy) {
        const Sector at{dmr_sb_sector(le64_to_cpu(sb_.spare_sectors), copy)};
        auto sb = load<dmr_superblock>(file_, at);
        if (how_ == "old")
            sb.seq = cpu_to_le64(le64_to_cpu(sb.seq) - 1);
        else if (how_ == "newer")
            sb.seq = cpu_to_le64(le64_to_cpu(sb.seq) + 1);
        else if (how_ == "other-size")
            sb.spare_sectors = cpu_to_le64(le64_to_cpu(sb.spare_sectors) + sectors_per_block);
        else if (how_ == "other-spare")
            sb.spare_uuid[0] ^= 1;
        else
            return raw(at);
        dmr_sb_seal(&sb, copy);
        store(file_, at, sb);
    }

    void table(std::uint64_t index, unsigned copy) {
        auto block = load<dmr_table_block>(file_, place(index, copy));
        std::uint64_t seq = le64_to_cpu(block.seq);
        std::uint32_t seed = dmr_table_seed(&sb_);
        if (how_ == "old") {
            std::memset(block.entry, 0, sizeof(block.entry));
            seq -= 1;
        } else if (how_ == "conflict") {
            // the first entry is gone from this copy only
            block.entry[0] = {};
        } else if (how_ == "moved") {
            block.index = cpu_to_le64(index + 1);
        } else if (how_ == "earlier") {
            // as an earlier format of the same device has left it
            seed ^= 1;
        } else {
            return raw(place(index, copy));
        }
        dmr_table_seal(&block, seed, seq, copy);
        store(file_, place(index, copy), block);
    }

    void change_entry(std::uint64_t slot, const std::function<void(dmr_entry&)>& change) {
        const std::uint64_t index = slot / DMR_TABLE_ENTRIES;
        for (unsigned copy = 0; copy < 2; ++copy) {
            auto block = load<dmr_table_block>(file_, place(index, copy));
            change(block.entry[slot % DMR_TABLE_ENTRIES]);
            dmr_table_seal(&block, dmr_table_seed(&sb_), le64_to_cpu(block.seq), copy);
            store(file_, place(index, copy), block);
        }
    }

    void change_mapping(std::uint64_t slot, const std::function<void(dmr_mapping&)>& change) {
        change_entry(slot, [&](dmr_entry& entry) {
            dmr_mapping m;
            dmr_entry_unpack(&entry, &m);
            change(m);
            dmr_entry_pack(&entry, &m);
        });
    }

    // In both copies, with right checksums: what a bug or an enemy would leave.
    void entry(std::uint64_t slot) {
        if (how_ == "beyond")
            change_mapping(
                slot, [&](dmr_mapping& m) { m.block = dmr_blocks(le64_to_cpu(sb_.main_sectors)); });
        else if (how_ == "state")
            change_mapping(slot, [](dmr_mapping& m) { m.state = 7; });
        else if (how_ == "reason")
            change_mapping(slot, [](dmr_mapping& m) { m.reason = 15; });
        else if (how_ == "generation")
            change_mapping(slot, [](dmr_mapping& m) { m.gen = DMR_GEN_MAX; });
        else if (how_ == "free")
            change_entry(slot, [](dmr_entry& e) { e.a &= ~cpu_to_le64(0xfULL << 56); });
        else if (how_ == "duplicate" || how_ == "same-generation")
            duplicate(slot);
        else
            unknown(what_);
    }

    // The block of the slot before, a generation later or the same.
    void duplicate(std::uint64_t slot) {
        if (slot == 0)
            unknown(what_);
        const auto block = load<dmr_table_block>(file_, place((slot - 1) / DMR_TABLE_ENTRIES, 0));
        dmr_mapping other;
        dmr_entry_unpack(&block.entry[(slot - 1) % DMR_TABLE_ENTRIES], &other);
        change_mapping(slot, [&](dmr_mapping& m) {
            m = other;
            m.gen += how_ == "duplicate" ? 1U : 0U;
        });
    }

    void write_superblocks(dmr_superblock sb) {
        for (unsigned copy = 0; copy < 2; ++copy)
            format::write_superblock(file_, sb, copy);
    }

    // As if the last extension of the table had not been recorded.
    void stale_superblock() {
        dmr_superblock sb = sb_;
        const std::uint64_t all = le64_to_cpu(sb.table_init);
        if (all <= DMR_TABLE_EXTENT)
            throw Error{Code::usage, "--damage stale-superblock: the table has one extent only"};
        sb.table_init = cpu_to_le64((all - 1) / DMR_TABLE_EXTENT * DMR_TABLE_EXTENT);
        write_superblocks(sb);
    }

    // Table block 0 of that copy does not count.
    void give_up(unsigned copy) {
        dmr_superblock sb = sb_;
        sb.distrust[0].nr = cpu_to_le32(1);
        sb.distrust[0].copy = cpu_to_le32(copy);
        sb.distrust_since = cpu_to_le64(1);
        write_superblocks(sb);
    }

    format::BlockWriter& file_;
    std::string what_;
    std::string target_;
    std::string how_;
    const dmr_superblock& sb_;
    std::mt19937_64& random_;
};

} // namespace

void damage(format::BlockWriter& file, const std::string& what, const dmr_superblock& sb,
            std::mt19937_64& random) {
    Damage{file, what, sb, random}.run();
}

} // namespace remap::test
