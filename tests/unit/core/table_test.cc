// SPDX-License-Identifier: GPL-2.0-only
#include "sample.h"

#include <gtest/gtest.h>

#include <limits>
#include <tuple>

namespace {

constexpr u64 spare_size = 64 * sample::mib;
constexpr u64 main_size = 2 * sample::tib;
constexpr u32 seed = 0x12345678;

dmr_table_block block(u64 index, unsigned copy, u64 seq = dmr_seq(3, 1)) {
    dmr_table_block tb;
    dmr_table_init(&tb, index);
    tb.entry[0] = sample::entry(sample::mapping(1234));
    dmr_table_seal(&tb, seed, seq, copy);
    return tb;
}

TEST(TableBlock, ValidWhereItBelongs) {
    for (const u64 index : {u64{0}, u64{255}, u64{1} << 32, std::numeric_limits<u64>::max()})
        for (const unsigned copy : {0u, 1u}) {
            const dmr_table_block tb = block(index, copy);
            EXPECT_EQ(dmr_table_check(&tb, seed, index, copy), nullptr);
            EXPECT_STREQ(dmr_table_check(&tb, seed, index, copy ^ 1),
                         "it was written for another place");
            EXPECT_STREQ(dmr_table_check(&tb, seed, index ^ 1, copy),
                         "it was written for another place");
            EXPECT_STREQ(dmr_table_check(&tb, seed, index ^ (1ull << 63), copy),
                         "it was written for another place");
        }
}

TEST(TableBlock, InitIsEmpty) {
    dmr_table_block tb;
    std::memset(&tb, 0xa5, sizeof(tb));
    dmr_table_init(&tb, 9);
    EXPECT_EQ(le32_to_cpu(tb.magic), DMR_TABLE_MAGIC);
    EXPECT_EQ(le64_to_cpu(tb.index), 9u);
    EXPECT_EQ(tb.seq, 0u);
    for (const dmr_entry& e : tb.entry)
        EXPECT_TRUE(e.a == 0 && e.b == 0);
    for (const u8 byte : tb.pad)
        EXPECT_EQ(byte, 0);
    EXPECT_NE(dmr_table_check(&tb, seed, 9, 0), nullptr) << "not sealed yet";
}

TEST(TableBlock, AllZeroIsDamage) {
    const dmr_table_block tb{};
    EXPECT_STREQ(dmr_table_check(&tb, seed, 0, 0), "no table block signature");
}

// A block that an earlier format left in the same place.
TEST(TableBlock, SeedTellsFormatsApart) {
    dmr_superblock before = sample::superblock(spare_size, main_size);
    dmr_superblock now = before;
    now.spare_uuid[7] ^= 0x40;
    EXPECT_NE(dmr_table_seed(&before), dmr_table_seed(&now));
    EXPECT_EQ(dmr_table_seed(&before),
              dmr_crc32c(~0u, before.spare_uuid, sizeof(before.spare_uuid)));

    dmr_table_block tb;
    dmr_table_init(&tb, 0);
    dmr_table_seal(&tb, dmr_table_seed(&before), 1, 0);
    EXPECT_EQ(dmr_table_check(&tb, dmr_table_seed(&before), 0, 0), nullptr);
    EXPECT_STREQ(dmr_table_check(&tb, dmr_table_seed(&now), 0, 0), "checksum mismatch");
}

// Only the UUID of the spare counts: the set's own may change.
TEST(TableBlock, SeedDependsOnNothingElse) {
    const dmr_superblock a = sample::superblock(spare_size, main_size, 0, 7);
    dmr_superblock b = sample::superblock(2 * spare_size, main_size / 2, 1, 8);
    b.set_uuid[0] ^= 1;
    EXPECT_EQ(dmr_table_seed(&a), dmr_table_seed(&b));
}

TEST(TableBlock, AnyChangedByteIsNoticed) {
    const dmr_table_block good = block(5, 1);
    for (size_t at = 0; at < sizeof(good); at++) {
        dmr_table_block tb = good;
        auto* bytes = reinterpret_cast<unsigned char*>(&tb);
        bytes[at] = static_cast<unsigned char>(bytes[at] ^ (1u << at % 8));
        EXPECT_STREQ(dmr_table_check(&tb, seed, 5, 1),
                     at < 4 ? "no table block signature" : "checksum mismatch")
            << "byte " << at;
    }
}

TEST(TableBlock, ChecksumDefinition) {
    const dmr_table_block tb = block(5, 1);
    dmr_table_block blank = tb;
    blank.csum = 0;
    EXPECT_EQ(le32_to_cpu(tb.csum), dmr_crc32c(seed, &blank, sizeof(blank)));
}

TEST(TableBlock, FieldOffsets) {
    EXPECT_EQ(offsetof(dmr_table_block, csum), 4u);
    EXPECT_EQ(offsetof(dmr_table_block, index), 8u);
    EXPECT_EQ(offsetof(dmr_table_block, seq), 16u);
    EXPECT_EQ(offsetof(dmr_table_block, copy), 24u);
    EXPECT_EQ(offsetof(dmr_table_block, entry), size_t{DMR_TABLE_HEADER});
}

TEST(TableBlock, SeqOrder) {
    EXPECT_LT(dmr_seq(3, 0xffffffffu), dmr_seq(4, 0));
    EXPECT_LT(dmr_seq(0x7fffffff, 0), dmr_seq(0x80000000, 0));
    EXPECT_EQ(dmr_seq(0xfffffffe, 0xffffffffu), 0xfffffffeffffffffull);
}

auto fields(const dmr_mapping& m) {
    return std::make_tuple(m.block, m.gen, m.hours, m.lost, m.state, m.reason, m.flags);
}

TEST(Entry, RoundTripAtLimits) {
    for (const u64 at : {u64{0}, u64{1}, u64{1} << 32, u64{DMR_MAX_BLOCKS} - 1})
        for (const u64 gen : {u64{0}, u64{1} << 32, u64{DMR_GEN_MAX}})
            for (const u32 hours : {0u, DMR_HOURS_MAX})
                for (const u8 lost : {u8{0}, u8{1}, u8{0x80}, u8{0xff}})
                    for (const u8 state : {u8{DMR_E_MAPPED}, u8{DMR_E_BAD}, u8{15}})
                        for (const u8 reason : {u8{0}, u8{DMR_R_SHIELD}, u8{15}})
                            for (const u8 flags : {u8{0}, u8{DMR_F_SHIELD}, u8{15}}) {
                                const dmr_mapping in{at, gen, hours, lost, state, reason, flags};
                                const dmr_entry e = sample::entry(in);
                                dmr_mapping out{};
                                dmr_entry_unpack(&e, &out);
                                EXPECT_EQ(fields(in), fields(out));
                            }
}

// Where the bits are, written out: remap-metadata(5) says the same.
TEST(Entry, BitPositions) {
    const dmr_entry e = sample::entry({.block = 0x0000123456789abc,
                                       .gen = 0x123456789a,
                                       .hours = 0xbcdef,
                                       .lost = 0xa5,
                                       .state = DMR_E_MAPPED,
                                       .reason = DMR_R_SHIELD,
                                       .flags = DMR_F_SHIELD | DMR_F_SLOT_LOST});
    EXPECT_EQ(le64_to_cpu(e.a), 0x71a5123456789abcull);
    EXPECT_EQ(le64_to_cpu(e.b), 0x3bcdef123456789aull);
}

TEST(Entry, FreeIsAllZero) {
    dmr_mapping m = sample::mapping(77);
    m.state = DMR_E_FREE;
    const dmr_entry e = sample::entry(m);
    EXPECT_TRUE(e.a == 0 && e.b == 0);
}

class EntryCheck : public testing::Test {
protected:
    const char* check(const dmr_mapping& m, u64 slot = 0) const {
        const dmr_entry e = sample::entry(m);
        return dmr_entry_check(&sb, &e, slot);
    }

    dmr_superblock sb = sample::superblock(spare_size, main_size);
    u64 slots = le64_to_cpu(sb.nr_slots);
    u64 blocks = dmr_blocks(main_size);
};

TEST_F(EntryCheck, Good) {
    EXPECT_EQ(check(sample::mapping(0)), nullptr);
    EXPECT_EQ(check(sample::mapping(blocks - 1), slots - 1), nullptr);
    for (u8 reason = DMR_R_WRITE; reason < DMR_NR_REASONS; reason++)
        for (u8 flags = 0; flags <= DMR_F_KNOWN; flags++) {
            dmr_mapping m = sample::mapping(5);
            m.reason = reason;
            m.flags = flags;
            EXPECT_EQ(check(m), nullptr);
        }
}

TEST_F(EntryCheck, FreeMustBeEmpty) {
    dmr_entry e{};
    EXPECT_EQ(dmr_entry_check(&sb, &e, 0), nullptr);
    EXPECT_EQ(dmr_entry_check(&sb, &e, slots), nullptr) << "the tail of the last table block";
    e.a = cpu_to_le64(5);
    EXPECT_STREQ(dmr_entry_check(&sb, &e, 0), "a free entry is not empty");
    e = {};
    e.b = cpu_to_le64(5);
    EXPECT_STREQ(dmr_entry_check(&sb, &e, 0), "a free entry is not empty");
}

TEST_F(EntryCheck, State) {
    for (u8 state = DMR_E_BAD + 1; state < 16; state++) {
        dmr_mapping m = sample::mapping(5);
        m.state = state;
        EXPECT_STREQ(check(m), "unknown entry state");
    }
}

TEST_F(EntryCheck, Slot) {
    dmr_mapping m = sample::mapping(5);
    EXPECT_STREQ(check(m, slots), "an entry lies behind the last slot");
    EXPECT_STREQ(check(m, ~0ull), "an entry lies behind the last slot");
    m.state = DMR_E_BAD;
    EXPECT_EQ(check(m, slots - 1), nullptr);
    EXPECT_STREQ(check(m, slots), "an entry lies behind the last slot");
}

TEST_F(EntryCheck, Block) {
    for (const u64 at : {blocks, blocks + 1, u64{DMR_MAX_BLOCKS} - 1})
        EXPECT_STREQ(check(sample::mapping(at)), "an entry names a block behind the end of main");
}

TEST_F(EntryCheck, BlockPast32Bits) {
    sb = sample::superblock(spare_size, 16 * sample::tib + 8);
    EXPECT_EQ(check(sample::mapping((1ull << 32) - 1)), nullptr);
    EXPECT_EQ(check(sample::mapping(1ull << 32)), nullptr);
    EXPECT_STREQ(check(sample::mapping((1ull << 32) + 1)),
                 "an entry names a block behind the end of main");
}

TEST_F(EntryCheck, Reason) {
    for (u8 reason = 0; reason < 16; reason++) {
        dmr_mapping m = sample::mapping(5);
        m.reason = reason;
        const bool known = reason != DMR_R_NONE && reason < DMR_NR_REASONS;
        EXPECT_STREQ(check(m), known ? nullptr : "unknown reason");
    }
}

TEST_F(EntryCheck, Flags) {
    for (u8 flags = DMR_F_KNOWN + 1; flags < 16; flags++) {
        dmr_mapping m = sample::mapping(5);
        m.flags = flags;
        EXPECT_STREQ(check(m), "unknown entry flags");
    }
}

// The last block of main may be short.
TEST_F(EntryCheck, LostBehindTheEnd) {
    for (unsigned extra = 0; extra < DMR_BLOCK_SECTORS; extra++) {
        sb = sample::superblock(spare_size, main_size + extra);
        const u64 last = dmr_blocks(main_size + extra) - 1;
        const unsigned sectors = extra ? extra : DMR_BLOCK_SECTORS;
        dmr_mapping m = sample::mapping(last);

        m.lost = dmr_sector_mask(0, sectors);
        EXPECT_EQ(check(m), nullptr) << extra;
        if (sectors < DMR_BLOCK_SECTORS) {
            m.lost = dmr_sector_mask(sectors, 1);
            EXPECT_STREQ(check(m), "an entry marks sectors behind the end of main as lost");
        }
        m = sample::mapping(last - 1);
        m.lost = 0xff;
        EXPECT_EQ(check(m), nullptr);
    }
}

} // namespace
