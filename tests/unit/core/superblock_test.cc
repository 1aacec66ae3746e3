// SPDX-License-Identifier: GPL-2.0-only
#include "sample.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace {

constexpr u64 spare_size = 64 * sample::mib;
constexpr u64 main_size = 2 * sample::tib;

const char* check(const dmr_superblock& sb, unsigned copy = 0) {
    return dmr_sb_check(&sb, dmr_sb_sector(spare_size, copy), spare_size, copy);
}

template <class T>
void fill(T& field, int byte) {
    std::memset(&field, byte, sizeof(field));
}

TEST(Superblock, ValidInBothPlaces) {
    for (const unsigned copy : {0u, 1u}) {
        const dmr_superblock sb = sample::superblock(spare_size, main_size, copy);
        EXPECT_EQ(check(sb, copy), nullptr);
        EXPECT_TRUE(dmr_sb_has_magic(&sb));
    }
}

// The format is fixed: a change of these numbers is a new version.
TEST(Superblock, FieldOffsets) {
    EXPECT_EQ(offsetof(dmr_superblock, csum), 16u);
    EXPECT_EQ(offsetof(dmr_superblock, version), 20u);
    EXPECT_EQ(offsetof(dmr_superblock, seq), 24u);
    EXPECT_EQ(offsetof(dmr_superblock, incompat), 48u);
    EXPECT_EQ(offsetof(dmr_superblock, set_uuid), 56u);
    EXPECT_EQ(offsetof(dmr_superblock, spare_uuid), 72u);
    EXPECT_EQ(offsetof(dmr_superblock, self_sector), 88u);
    EXPECT_EQ(offsetof(dmr_superblock, spare_sectors), 96u);
    EXPECT_EQ(offsetof(dmr_superblock, activation), 112u);
    EXPECT_EQ(offsetof(dmr_superblock, state), 120u);
    EXPECT_EQ(offsetof(dmr_superblock, main_sectors), 144u);
    EXPECT_EQ(offsetof(dmr_superblock, nr_slots), 160u);
    EXPECT_EQ(offsetof(dmr_superblock, table_init), 200u);
    EXPECT_EQ(offsetof(dmr_superblock, main_wwn), 320u);
    EXPECT_EQ(offsetof(dmr_superblock, main_partuuid), 448u);
}

TEST(Superblock, AnyChangedByteIsNoticed) {
    const dmr_superblock good = sample::superblock(spare_size, main_size);
    for (size_t at = 0; at < sizeof(good); at++) {
        dmr_superblock sb = good;
        auto* bytes = reinterpret_cast<unsigned char*>(&sb);
        bytes[at] = static_cast<unsigned char>(bytes[at] ^ (1u << at % 8));
        EXPECT_STREQ(check(sb), at < DMR_MAGIC_SIZE ? "no dm-remap signature" : "checksum mismatch")
            << "byte " << at;
        EXPECT_EQ(dmr_sb_has_magic(&sb), at >= DMR_MAGIC_SIZE);
    }
}

TEST(Superblock, ZeroAndNoiseAreNone) {
    dmr_superblock sb{};
    EXPECT_STREQ(check(sb), "no dm-remap signature");
    fill(sb, 0xff);
    EXPECT_STREQ(check(sb), "no dm-remap signature");
}

// A half-written copy: the first sectors new, the rest old.
TEST(Superblock, TornWriteIsNoticed) {
    const dmr_superblock old = sample::superblock(spare_size, main_size, 0, 7);
    dmr_superblock fresh = old;
    fresh.seq = cpu_to_le64(8);
    std::memcpy(fresh.options, "rescue 5", 8);
    dmr_sb_seal(&fresh, 0);
    for (size_t sectors = 1; sectors < 8; sectors++) {
        dmr_superblock torn = old;
        std::memcpy(&torn, &fresh, sectors * 512);
        // what follows the second sector is the same in both
        EXPECT_STREQ(check(torn), sectors < 2 ? "checksum mismatch" : nullptr) << sectors;
    }
}

// Every field in turn, with a checksum that is right: the tool that wrote it
// was wrong, or an attacker made it.
struct Damage {
    std::string name;
    std::function<void(dmr_superblock&)> apply;
    const char* phrase;
};

void PrintTo(const Damage& d, std::ostream* os) {
    *os << d.name;
}

class SuperblockDamage : public testing::TestWithParam<Damage> {};

TEST_P(SuperblockDamage, Phrase) {
    for (const unsigned copy : {0u, 1u}) {
        dmr_superblock sb = sample::superblock(spare_size, main_size, copy);
        // dmr_sb_seal() sets some of the fields: seal first, damage, sum again
        GetParam().apply(sb);
        const auto self = sb.self_sector;
        const auto where = sb.copy;
        dmr_sb_seal(&sb, copy);
        if (self != sb.self_sector || where != sb.copy) {
            sb.self_sector = self;
            sb.copy = where;
            u32 crc = ~0u;
            sb.csum = 0;
            crc = dmr_crc32c(crc, &sb, sizeof(sb));
            sb.csum = cpu_to_le32(crc);
        }
        EXPECT_STREQ(check(sb, copy), GetParam().phrase) << "copy " << copy;
    }
}

constexpr auto layout = "the layout does not fit the recorded spare size";
constexpr auto main_impossible = "the recorded size of main is impossible";
constexpr auto blocks_impossible = "the recorded block sizes of main are impossible";
constexpr auto text = "a text field is damaged";

// Field "f" becomes "v".
#define SET(name, f, v, phrase)                                                                    \
    Damage {                                                                                       \
        name, [](dmr_superblock& sb) { sb.f = v; }, phrase                                         \
    }
#define ADD(name, f, v, phrase)                                                                    \
    Damage {                                                                                       \
        name, [](dmr_superblock& sb) { sb.f = cpu_to_le64(le64_to_cpu(sb.f) + v); }, phrase        \
    }

const Damage damages[] = {
    {"magic", [](dmr_superblock& sb) { sb.magic[15] = 1; }, "no dm-remap signature"},
    SET("version_0", version, 0, "unknown format version"),
    SET("version_2", version, cpu_to_le16(2), "unknown format version"),
    {"copy", [](dmr_superblock& sb) { sb.copy = cpu_to_le16(le16_to_cpu(sb.copy) ^ 1); },
     "it is the other copy"},
    SET("copy_2", copy, cpu_to_le16(2), "it is the other copy"),
    ADD("self_sector", self_sector, 8, "it was written for another place"),
    ADD("spare_larger", spare_sectors, 8, "it was written for a device of another size"),
    ADD("spare_smaller", spare_sectors, -8ull, "it was written for a device of another size"),
    ADD("spare_one_sector", spare_sectors, 1, "it was written for a device of another size"),
    SET("spare_zero", spare_sectors, 0, "it was written for a device of another size"),
    SET("state_0", state, 0, "unknown state"),
    SET("state_5", state, cpu_to_le32(5), "unknown state"),
    SET("state_high", state, cpu_to_le32(0x80000002u), "unknown state"),
    SET("main_zero", main_sectors, 0, main_impossible),
    SET("main_most", main_sectors, cpu_to_le64(DMR_MAX_BLOCKS * 8), nullptr),
    SET("main_beyond", main_sectors, cpu_to_le64(DMR_MAX_BLOCKS * 8 + 1), main_impossible),
    SET("main_huge", main_sectors, ~0ull, main_impossible),
    SET("lbs_0", main_lbs, 0, blocks_impossible),
    SET("lbs_256", main_lbs, cpu_to_le32(256), blocks_impossible),
    SET("lbs_513", main_lbs, cpu_to_le32(513), blocks_impossible),
    SET("lbs_4096", main_lbs, cpu_to_le32(4096), nullptr),
    SET("lbs_8192", main_lbs, cpu_to_le32(8192), blocks_impossible),
    SET("pbs_0", main_pbs, 0, blocks_impossible),
    SET("pbs_256", main_pbs, cpu_to_le32(256), blocks_impossible),
    SET("pbs_512", main_pbs, cpu_to_le32(512), nullptr),
    SET("pbs_4097", main_pbs, cpu_to_le32(4097), blocks_impossible),
    SET("pbs_64k", main_pbs, cpu_to_le32(65536), nullptr),
    ADD("nr_slots_more", nr_slots, 1, layout),
    ADD("nr_slots_less", nr_slots, -1ull, layout),
    SET("nr_slots_zero", nr_slots, 0, layout),
    SET("nr_slots_huge", nr_slots, ~0ull, layout),
    ADD("data_start", data_start, 8, layout),
    ADD("table_start_0", table_start[0], -8ull, layout),
    ADD("table_start_1", table_start[1], 8, layout),
    ADD("table_blocks", table_blocks, 1, layout),
    SET("table_blocks_huge", table_blocks, ~0ull, layout),
    ADD("table_init_beyond", table_init, 1, "more table blocks are in use than exist"),
    SET("table_init_huge", table_init, ~0ull, "more table blocks are in use than exist"),
    SET("activation_end", activation, cpu_to_le64(0xffffffffull),
        "the activation counter is exhausted"),
    SET("activation_huge", activation, ~0ull, "the activation counter is exhausted"),
    SET("activation_last", activation, cpu_to_le64(0xfffffffeull), nullptr),
    {"label_unterminated", [](dmr_superblock& sb) { fill(sb.label, 'x'); }, text},
    SET("label_control", label[1], '\n', text),
    SET("label_escape", label[0], 0x1b, text),
    SET("label_delete", label[0], 0x7f, text),
    SET("label_utf8", label[0], 0xc3, nullptr),
    {"wwn", [](dmr_superblock& sb) { fill(sb.main_wwn, 'x'); }, text},
    {"serial", [](dmr_superblock& sb) { fill(sb.main_serial, 'x'); }, text},
    {"partuuid", [](dmr_superblock& sb) { fill(sb.main_partuuid, 'x'); }, text},
    {"options", [](dmr_superblock& sb) { fill(sb.options, 'x'); }, text},
    SET("options_tab", options[3], '\t', text),
    // Not judged here: any value may be right.
    {"uuids", [](dmr_superblock& sb) { fill(sb.set_uuid, 0), fill(sb.spare_uuid, 0); }, nullptr},
    SET("seq", seq, ~0ull, nullptr),
    SET("epoch", epoch, ~0ull, nullptr),
    SET("compat", compat, ~0ull, nullptr),
    SET("ro_compat", ro_compat, ~0ull, nullptr),
    SET("incompat", incompat, ~0ull, nullptr),
    SET("created", created, ~0ull, nullptr),
    SET("padding", pad1[100], 1, nullptr),
};

INSTANTIATE_TEST_SUITE_P(Fields, SuperblockDamage, testing::ValuesIn(damages),
                         [](const auto& p) { return p.param.name; });

TEST(Superblock, WrongPlaceOrSize) {
    const dmr_superblock head = sample::superblock(spare_size, main_size, 0);
    const dmr_superblock tail = sample::superblock(spare_size, main_size, 1);
    const u64 end = dmr_sb_sector(spare_size, 1);

    // Read as the other copy.
    EXPECT_STREQ(dmr_sb_check(&head, end, spare_size, 1), "it is the other copy");
    EXPECT_STREQ(dmr_sb_check(&tail, 0, spare_size, 0), "it is the other copy");
    // The tail copy of the last partition, found at the end of the disk.
    EXPECT_STREQ(dmr_sb_check(&tail, end + 2048, spare_size + 2048, 1),
                 "it was written for a device of another size");
    // The device has grown or was copied to a larger one.
    EXPECT_STREQ(dmr_sb_check(&head, 0, spare_size * 2, 0),
                 "it was written for a device of another size");
    // The right size, read from elsewhere.
    EXPECT_STREQ(dmr_sb_check(&head, 8, spare_size, 0), "it was written for another place");
    EXPECT_STREQ(dmr_sb_check(&tail, end - 8, spare_size, 1), "it was written for another place");
}

// A size too small for any layout, recorded on a device of that size.
TEST(Superblock, ImpossibleSpareSize) {
    dmr_superblock sb = sample::superblock(spare_size, main_size);
    for (const u64 tiny : {8ull, 64ull, 159ull}) {
        sb.spare_sectors = cpu_to_le64(tiny);
        dmr_sb_seal(&sb, 0);
        EXPECT_STREQ(dmr_sb_check(&sb, 0, tiny, 0), "the recorded spare size is impossible");
    }
    const u64 huge = std::numeric_limits<u64>::max();
    sb.spare_sectors = cpu_to_le64(huge);
    dmr_sb_seal(&sb, 0);
    EXPECT_STREQ(dmr_sb_check(&sb, 0, huge, 0), "the recorded spare size is impossible");
}

TEST(Superblock, SealIsStable) {
    dmr_superblock sb = sample::superblock(spare_size, main_size, 0);
    const dmr_superblock before = sb;
    dmr_sb_seal(&sb, 1);
    EXPECT_EQ(check(sb, 1), nullptr);
    EXPECT_EQ(le64_to_cpu(sb.self_sector), dmr_sb_sector(spare_size, 1));
    dmr_sb_seal(&sb, 0);
    EXPECT_EQ(std::memcmp(&sb, &before, sizeof(sb)), 0);
}

// The checksum covers the block with a zero in its own place.
TEST(Superblock, ChecksumDefinition) {
    const dmr_superblock sb = sample::superblock(spare_size, main_size);
    dmr_superblock blank = sb;
    blank.csum = 0;
    EXPECT_EQ(le32_to_cpu(sb.csum), dmr_crc32c(~0u, &blank, sizeof(blank)));
}

TEST(SuperblockChoose, NewestWins) {
    const dmr_superblock a = sample::superblock(spare_size, main_size, 0, 7);
    const dmr_superblock b = sample::superblock(spare_size, main_size, 1, 8);
    const dmr_superblock c = sample::superblock(spare_size, main_size, 1, 6);
    EXPECT_EQ(dmr_sb_choose(&a, &b), 1);
    EXPECT_EQ(dmr_sb_choose(&a, &c), 0);
    EXPECT_EQ(dmr_sb_choose(&a, nullptr), 0);
    EXPECT_EQ(dmr_sb_choose(nullptr, &b), 1);
    EXPECT_EQ(dmr_sb_choose(nullptr, nullptr), -ENOENT);
}

TEST(SuperblockChoose, SeqComparesAllBits) {
    const dmr_superblock a = sample::superblock(spare_size, main_size, 0, dmr_seq(1, 0xffffffffu));
    const dmr_superblock b = sample::superblock(spare_size, main_size, 1, dmr_seq(2, 0));
    EXPECT_EQ(dmr_sb_choose(&a, &b), 1);
    const dmr_superblock high = sample::superblock(spare_size, main_size, 1, ~0ull);
    EXPECT_EQ(dmr_sb_choose(&a, &high), 1);
}

TEST(SuperblockChoose, EqualSeqEqualContent) {
    const dmr_superblock a = sample::superblock(spare_size, main_size, 0);
    const dmr_superblock b = sample::superblock(spare_size, main_size, 1);
    EXPECT_EQ(dmr_sb_choose(&a, &b), 0);
}

// Nobody can say which is right.
TEST(SuperblockChoose, EqualSeqDifferentContent) {
    const dmr_superblock a = sample::superblock(spare_size, main_size, 0);
    const std::vector<std::function<void(dmr_superblock&)>> changes = {
        [](auto& sb) { sb.compat = cpu_to_le64(1); },
        [](auto& sb) { sb.set_uuid[0] ^= 1; },
        [](auto& sb) { sb.epoch = cpu_to_le64(2); },
        [](auto& sb) { sb.activation = cpu_to_le64(4); },
        [](auto& sb) { sb.state = cpu_to_le32(DMR_STATE_RETIRED); },
        [](auto& sb) { sb.flags = cpu_to_le32(1); },
        [](auto& sb) { sb.table_init = 0; },
        [](auto& sb) { sb.label[0] = 'x'; },
        [](auto& sb) { sb.options[0] = 'x'; },
        [](auto& sb) { sb.pad0[0] = 1; },
        [](auto& sb) { sb.pad1[sizeof(sb.pad1) - 1] = 1; },
    };
    for (size_t i = 0; i < changes.size(); i++) {
        dmr_superblock b = sample::superblock(spare_size, main_size, 1);
        changes[i](b);
        dmr_sb_seal(&b, 1);
        EXPECT_EQ(dmr_sb_choose(&a, &b), -EUCLEAN) << i;
    }
}

// One copy is left of an earlier format of the device.
TEST(SuperblockChoose, DifferentSpares) {
    const dmr_superblock a = sample::superblock(spare_size, main_size, 0, 7);
    dmr_superblock b = sample::superblock(spare_size, main_size, 1, 9);
    b.spare_uuid[15] ^= 1;
    dmr_sb_seal(&b, 1);
    EXPECT_EQ(dmr_sb_choose(&a, &b), -EUCLEAN);
}

TEST(SuperblockRefusal, ByState) {
    const std::pair<u32, const char*> states[] = {
        {DMR_STATE_ACTIVE, nullptr},
        {DMR_STATE_CREATING, "its creation was not finished"},
        {DMR_STATE_DISSOLVING, "it is being dissolved"},
        {DMR_STATE_RETIRED, "it was retired: another spare has replaced it"},
    };
    for (const auto& [state, phrase] : states) {
        dmr_superblock sb = sample::superblock(spare_size, main_size);
        sb.state = cpu_to_le32(state);
        dmr_sb_seal(&sb, 0);
        ASSERT_EQ(check(sb), nullptr);
        bool read_only = true;
        EXPECT_STREQ(dmr_sb_refusal(&sb, &read_only), phrase);
        EXPECT_FALSE(read_only);
    }
}

TEST(SuperblockRefusal, ByFeatureBit) {
    for (unsigned bit = 0; bit < 64; bit++) {
        const u64 word = 1ull << bit;
        dmr_superblock sb = sample::superblock(spare_size, main_size);
        bool read_only = true;

        sb.compat = cpu_to_le64(word);
        EXPECT_EQ(dmr_sb_refusal(&sb, &read_only), nullptr);
        EXPECT_FALSE(read_only);

        sb.ro_compat = cpu_to_le64(word);
        EXPECT_EQ(dmr_sb_refusal(&sb, &read_only), nullptr);
        EXPECT_EQ(read_only, !(word & DMR_RO_COMPAT_KNOWN)) << bit;

        sb.incompat = cpu_to_le64(word);
        if (word & DMR_INCOMPAT_KNOWN)
            EXPECT_EQ(dmr_sb_refusal(&sb, &read_only), nullptr) << bit;
        else
            EXPECT_STREQ(dmr_sb_refusal(&sb, &read_only),
                         "it uses features this version does not know")
                << bit;
    }
}

} // namespace
