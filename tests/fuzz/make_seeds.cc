// SPDX-License-Identifier: GPL-2.0-only
// Writes the inputs that the fuzzers start from: make_seeds DIR makes
// DIR/format, DIR/load, DIR/probe and DIR/shield.
#include "sample.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

using Bytes = std::string;

template <class T>
void append(Bytes& to, const T& value) {
    to.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void write(const fs::path& path, const Bytes& content) {
    std::ofstream file(path, std::ios::binary);
    file << content;
    if (!file.flush())
        throw std::runtime_error("cannot write " + path.string());
}

// fuzz_format: flags, superblock, table block.
Bytes format_seed(u8 flags, const dmr_superblock& sb, const dmr_table_block& tb) {
    Bytes out;
    append(out, flags);
    append(out, sb);
    append(out, tb);
    return out;
}

dmr_table_block table(u64 index) {
    dmr_table_block tb;
    dmr_table_init(&tb, index);
    for (u64 i = 0; i < 200; i += 7) {
        dmr_mapping m = sample::mapping(i * 1000, i + 1);
        m.lost = static_cast<u8>(i);
        m.reason = static_cast<u8>(1 + i % 7);
        m.flags = static_cast<u8>(i % 4);
        tb.entry[i] = sample::entry(m);
    }
    return tb;
}

void make_format(const fs::path& dir) {
    int n = 0;
    for (const u64 size : {u64{160}, 2 * sample::mib, 4 * sample::gib, 20 * sample::tib})
        for (const u8 flags : {u8{0}, u8{5}, u8{7}}) {
            const u64 main = size * 100 + (flags & 2 ? 3 : 0);
            dmr_table_block tb = table(flags / 2);
            const dmr_superblock sb = sample::superblock(size, main, flags >> 1 & 1);
            if (!flags)
                dmr_table_seal(&tb, dmr_table_seed(&sb), 1, 0);
            write(dir / std::to_string(n++), format_seed(flags, sb, tb));
        }
}

// fuzz_load: for each of six blocks what to do, then operations.
struct Change {
    u8 what;
    std::vector<std::pair<u16, Bytes>> pieces;
};

Bytes load_seed(const std::vector<Change>& changes, const Bytes& operations) {
    Bytes out;
    for (const Change& c : changes) {
        append(out, c.what);
        if (c.what != 2 && c.what != 3)
            continue;
        append(out, static_cast<u8>(c.pieces.size()));
        for (const auto& [at, bytes] : c.pieces) {
            append(out, at);
            append(out, static_cast<u8>(bytes.size()));
            out += bytes;
        }
    }
    return out + operations;
}

void make_load(const fs::path& dir) {
    const Bytes operations{"\x10\x00\x01\x20\x00\xff\x30\x00\x02", 9};
    const std::vector<Change> none(6, Change{0, {}});
    int n = 0;
    const auto add = [&](const std::vector<Change>& changes) {
        write(dir / std::to_string(n++), load_seed(changes, operations));
    };
    add(none);
    for (size_t i = 0; i < none.size(); i++)
        for (const u8 what : {u8{1}, u8{4}, u8{5}}) {
            auto changes = none;
            changes[i].what = what;
            add(changes);
        }
    // Patches: a state, an entry, a sequence number.
    dmr_mapping m = sample::mapping(9000, 9);
    m.lost = 0x3c;
    Bytes entry, seq;
    append(entry, sample::entry(m));
    append(seq, u64{5} << 32);
    for (size_t i = 2; i < 6; i++)
        for (const u8 what : {u8{2}, u8{3}}) {
            auto changes = none;
            changes[i] = {what, {{DMR_TABLE_HEADER + 16 * 100, entry}, {16, seq}}};
            add(changes);
        }
    for (size_t i = 0; i < 2; i++) {
        auto changes = none;
        changes[i] = {3, {{120, Bytes(1, '\x04')}, {24, seq}}};
        add(changes);
    }
}

// fuzz_probe: flags, size of the device, first and last block; or a remaptab.
void make_probe(const fs::path& dir) {
    const u64 size = 2 * sample::mib;
    dmr_superblock sb = sample::superblock(size, 100 * size, 0);
    dmr_member member{};
    member.main_sectors = cpu_to_le64(size);
    std::memcpy(member.label, "data", 4);
    dmr_member_seal(&member);
    Bytes head;
    append(head, member);
    head.resize(DMR_BLOCK_SIZE);
    Bytes copies[2];
    for (unsigned copy = 0; copy < 2; copy++) {
        dmr_sb_seal(&sb, copy);
        append(copies[copy], sb);
    }
    int n = 0;
    for (const u8 flags : {u8{0}, u8{1}, u8{8}, u8{48}})
        for (const Bytes& first : {head, copies[0]}) {
            Bytes out;
            append(out, flags);
            append(out, static_cast<u32>(size));
            write(dir / std::to_string(n++), out + first + copies[1]);
        }
    write(dir / "remaptab",
          "\x80# comment\ndata  WWN=0x5000c500a,SERIAL=W\\0401,PARTUUID=a-01,SIZE=99s  "
          "UUID=0dad5b54-1c5f-4b8f-9f0a-2a8f3d1f7a10  noauto,readonly,nofail,timeout=90s\n"
          "other - /dev/sdb\n");
}

// fuzz_shield: flags, block, the block as it is on main.
void make_shield(const fs::path& dir) {
    const char stored[] = "\x4b\x4c\x1a\x05\xa3\x60\x14\x00"; // deflate: many 'a'
    int n = 0;
    for (const u8 flags : {u8{0}, u8{1}, u8{2}, u8{3}})
        for (const u64 block : {u64{0}, u64{9}}) {
            dmr_member member{};
            dmr_member_seal(&member);
            dmr_shield shield{};
            shield.length = cpu_to_le16(sizeof(stored) - 1);
            shield.orig_length = cpu_to_le32(4096);
            shield.block = cpu_to_le64(block);
            Bytes out;
            append(out, flags);
            append(out, block);
            if (block == 0)
                append(out, member);
            append(out, shield);
            out += Bytes(stored, sizeof(stored) - 1);
            out.resize(9 + 4096);
            write(dir / std::to_string(n++), out);
        }
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: make_seeds DIR\n";
        return 2;
    }
    const fs::path dir = argv[1];
    for (const char* name : {"format", "load", "probe", "shield"})
        fs::create_directories(dir / name);
    make_format(dir / "format");
    make_load(dir / "load");
    make_probe(dir / "probe");
    make_shield(dir / "shield");
    return 0;
}
