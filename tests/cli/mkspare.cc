// SPDX-License-Identifier: GPL-2.0-only
// Writes the image of a spare: any size, any number of entries, and damage on
// request. For tests only; sets are made with "remapctl create".
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstring>
#include <fcntl.h>
#include <iostream>
#include <numeric>
#include <random>
#include <unistd.h>
#include <vector>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "base/units.h"
#include "damage.h"
#include "format/build.h"
#include "format/member.h"
#include "format/spare.h"
#include "sys/block_file.h"

namespace {

using namespace remap;

struct Options {
    std::string out;
    std::string spare_size;
    std::string main_size;
    std::uint64_t entries = 0;
    std::string pattern = "scattered";
    std::string lost_mask = "0";
    std::uint64_t seed = 1;
    std::string name = "test";
    std::string wwn;
    std::string serial;
    std::string partuuid;
    unsigned main_lbs = 512;
    int state = 2;
    bool fill = false;
    std::string shield; // image of main
    std::uint64_t epoch = 1;
    std::uint64_t bad_slots = 0;
    std::vector<std::string> damage;
};

constexpr std::uint64_t run_length = 64; // blocks, for --pattern runs

Uuid seeded_uuid(std::mt19937_64& random) {
    Uuid uuid;
    for (std::uint8_t& byte : uuid.bytes)
        byte = static_cast<std::uint8_t>(random());
    uuid.bytes[6] = static_cast<std::uint8_t>((uuid.bytes[6] & 0x0f) | 0x40);
    uuid.bytes[8] = static_cast<std::uint8_t>((uuid.bytes[8] & 0x3f) | 0x80);
    return uuid;
}

// The block of main that each slot holds. Scattered: one block somewhere in each
// of n equal parts of main, in random slot order. Runs: groups of 64 neighbours.
std::vector<std::uint64_t> choose_blocks(const Options& options, std::uint64_t main_blocks,
                                         std::mt19937_64& random) {
    const std::uint64_t n = options.entries;
    if (n > main_blocks)
        throw Error{Code::usage, "main has fewer blocks than entries are wanted"};
    std::vector<std::uint64_t> blocks(n);
    const bool runs = options.pattern == "runs";
    const std::uint64_t group = runs ? run_length : 1;
    const std::uint64_t groups = (n + group - 1) / group;
    const std::uint64_t stride = groups == 0 ? 0 : main_blocks / groups;
    for (std::uint64_t g = 0; g < groups; ++g) {
        const std::uint64_t size = std::min(group, n - g * group);
        const std::uint64_t room = stride > size ? stride - size + 1 : 1;
        const std::uint64_t first = g * stride + random() % room;
        for (std::uint64_t i = 0; i < size; ++i)
            blocks[g * group + i] = std::min(first + i, main_blocks - 1);
    }
    if (!runs)
        std::shuffle(blocks.begin(), blocks.end(), random);
    return blocks;
}

format::SpareRecord make_record(const Options& options, std::mt19937_64& random) {
    format::SpareRecord r;
    r.set_uuid = seeded_uuid(random);
    r.spare_uuid = seeded_uuid(random);
    r.label = options.name;
    r.spare_size = Sector{parse_size(options.spare_size).value() / sector_size};
    r.main_size = Sector{parse_size(options.main_size).value() / sector_size};
    r.main_lbs = options.main_lbs;
    r.main_pbs = std::max(options.main_lbs, 4096U);
    r.main = {options.wwn, options.serial, options.partuuid};
    r.epoch = options.epoch;
    if (!options.shield.empty())
        r.incompat = DMR_INCOMPAT_SHIELD;
    r.created = 1700000000;
    r.updated = r.created;
    return r;
}

void check(int error) {
    if (error != 0)
        throw os_error(error, "cannot write the image");
}

void write_tables(format::BlockWriter& file, const dmr_superblock& sb, std::uint64_t table_init,
                  const std::vector<std::uint64_t>& blocks, const Options& options,
                  std::uint8_t lost) {
    const std::uint32_t seed = dmr_table_seed(&sb);
    const std::uint64_t short_block = le64_to_cpu(sb.main_sectors) / sectors_per_block;
    const auto short_mask =
        static_cast<std::uint8_t>((1U << (le64_to_cpu(sb.main_sectors) % sectors_per_block)) - 1);
    format::AlignedBuffer buffer{block_size};
    dmr_table_block block;
    for (std::uint64_t index = 0; index < table_init; ++index) {
        dmr_table_init(&block, index);
        for (std::uint64_t i = 0; i < DMR_TABLE_ENTRIES; ++i) {
            const std::uint64_t slot = index * DMR_TABLE_ENTRIES + i;
            if (slot >= blocks.size() + options.bad_slots)
                break;
            dmr_mapping m{};
            m.state = DMR_E_BAD;
            dmr_entry_pack(&block.entry[i], &m);
            if (slot >= blocks.size())
                continue;
            m.block = blocks[slot];
            m.gen = slot + 1;
            m.state = DMR_E_MAPPED;
            m.reason = lost != 0 ? DMR_R_READ : DMR_R_WRITE;
            if (!options.shield.empty()) {
                m.reason = DMR_R_SHIELD;
                m.flags = DMR_F_SHIELD;
            }
            m.lost = m.block == short_block ? static_cast<std::uint8_t>(lost & short_mask) : lost;
            dmr_entry_pack(&block.entry[i], &m);
        }
        for (unsigned copy = 0; copy < 2; ++copy) {
            dmr_table_seal(&block, seed, dmr_seq(0, 2), copy);
            std::memcpy(buffer.data(), &block, sizeof(block));
            check(file.write(to_bytes(Sector{dmr_table_sector(&sb, index, copy)}), buffer.span()));
        }
    }
}

// Each sector of a slot starts with the number of the sector of main it holds and
// repeats it, so that a wrong mapping shows.
void fill_slots(format::BlockWriter& file, const dmr_superblock& sb,
                const std::vector<std::uint64_t>& blocks) {
    format::AlignedBuffer buffer{block_size};
    for (std::uint64_t slot = 0; slot < blocks.size(); ++slot) {
        for (std::uint64_t at = 0; at < block_size; at += sizeof(std::uint64_t)) {
            const std::uint64_t value =
                htole64(blocks[slot] * sectors_per_block + at / sector_size);
            std::memcpy(buffer.data() + at, &value, sizeof(value));
        }
        check(file.write(to_bytes(Sector{dmr_slot_sector(&sb, slot)}), buffer.span()));
    }
}

// The headers on main. There is no original content behind them.
void write_headers(const Options& options, const format::SpareRecord& record,
                   const std::vector<std::uint64_t>& blocks) {
    sys::BlockFile main{options.shield, sys::Access::write_exclusive};
    format::AlignedBuffer buffer{block_size};
    const dmr_member member = format::encode_member({.set_uuid = record.set_uuid,
                                                     .spare_uuid = record.spare_uuid,
                                                     .epoch = record.epoch,
                                                     .main_size = record.main_size,
                                                     .created = record.created,
                                                     .label = record.label,
                                                     .spare_serial = {},
                                                     .spare_wwn = {}});
    std::memcpy(buffer.data(), &member, sizeof(member));
    check(main.write(Bytes{0}, buffer.span()));
    for (const std::uint64_t block : blocks) {
        dmr_shield header{};
        header.orig_length = htole32(block_size);
        std::memcpy(header.set_uuid, record.set_uuid.bytes.data(), sizeof(header.set_uuid));
        header.block = htole64(block);
        header.epoch = htole64(record.epoch);
        dmr_shield_seal(&header);
        std::memcpy(buffer.data(), &header, sizeof(header));
        check(main.write(to_bytes(first_sector(BlockNo{block})), buffer.span()));
    }
    check(main.sync());
}

void make(const Options& options) {
    std::mt19937_64 random{options.seed};
    format::SpareRecord record = make_record(options, random);
    const auto lost = parse_number<std::uint8_t>(options.lost_mask, 16);
    if (!lost)
        throw Error{Code::usage, "--lost-mask takes two hexadecimal digits"};
    {
        const Fd fd = open_file(options.out, O_RDWR | O_CREAT | O_TRUNC);
        if (::ftruncate(fd.get(), static_cast<off_t>(to_bytes(record.spare_size).value())) != 0)
            throw os_error(errno, "cannot make " + options.out);
    }
    sys::BlockFile file{options.out, sys::Access::write_exclusive};
    record = format::format_spare(file, record);
    if (options.entries + options.bad_slots > record.slots)
        throw Error{Code::usage, strf("the spare has only %llu slots",
                                      static_cast<unsigned long long>(record.slots))};
    const auto blocks = choose_blocks(options, blocks_in(record.main_size).value(), random);
    const std::uint64_t needed =
        (options.entries + options.bad_slots + DMR_TABLE_ENTRIES - 1) / DMR_TABLE_ENTRIES;
    // the table grows by whole extents
    while (record.table_init < needed)
        record.table_init =
            std::min<std::uint64_t>(record.table_init + DMR_TABLE_EXTENT, record.table_blocks);
    record.seq += 1;
    record.state = static_cast<format::State>(options.state);
    const dmr_superblock sb = format::encode(record);
    write_tables(file, sb, record.table_init, blocks, options, *lost);
    for (unsigned copy = 0; copy < 2; ++copy)
        format::write_superblock(file, sb, copy);
    if (options.fill)
        fill_slots(file, sb, blocks);
    if (!options.shield.empty())
        write_headers(options, record, blocks);
    for (const std::string& what : options.damage)
        test::damage(file, what, sb, random);
    check(file.sync());
    std::cout << record.set_uuid.str() << '\n';
}

} // namespace

int main(int argc, char** argv) {
    Options o;
    CLI::App app{"Write the image of a dm-remap spare; prints the UUID of the set"};
    app.add_option("OUT", o.out, "File to write")->required();
    app.add_option("--spare-size", o.spare_size, "Size of the image, with a unit")->required();
    app.add_option("--main-size", o.main_size, "Size of the main device")->required();
    app.add_option("--entries", o.entries, "Remapped blocks, in slots 0 to N-1");
    app.add_option("--bad-slots", o.bad_slots, "Bad slots, after those of the entries");
    app.add_option("--pattern", o.pattern)->check(CLI::IsMember({"scattered", "runs"}));
    app.add_option("--lost-mask", o.lost_mask, "Lost mask of each entry, two hex digits");
    app.add_option("--seed", o.seed, "For blocks and UUIDs: the same seed, the same image");
    app.add_option("--name", o.name, "Label");
    app.add_option("--wwn", o.wwn, "WWN of main");
    app.add_option("--serial", o.serial, "Serial number of main");
    app.add_option("--partuuid", o.partuuid, "Partition UUID of main");
    app.add_option("--main-lbs", o.main_lbs, "Logical block size of main");
    app.add_option("--state", o.state, "1 creating, 2 active, 3 dissolving, 4 retired");
    app.add_flag("--fill", o.fill, "Fill slots with the numbers of their sectors of main");
    app.add_option("--shield", o.shield,
                   "Entries are a shield, and this image of main has headers");
    app.add_option("--epoch", o.epoch, "Set epoch");
    app.add_option("--damage", o.damage, test::damage_help);
    try {
        app.parse(argc, argv);
        make(o);
    } catch (const CLI::ParseError& e) {
        return app.exit(e);
    } catch (const Error& e) {
        std::cerr << "mkspare: " << e.what() << '\n';
        return static_cast<int>(e.code());
    }
    return 0;
}
