// SPDX-License-Identifier: GPL-2.0-only
// The headers that a shield writes to main.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "dm-remap-layout.h"

namespace {

dmr_member member() {
    dmr_member m{};
    std::strcpy(reinterpret_cast<char*>(m.text), "for people");
    std::memset(m.set_uuid, 0x11, sizeof(m.set_uuid));
    m.epoch = cpu_to_le64(7);
    std::strcpy(reinterpret_cast<char*>(m.label), "data");
    dmr_member_seal(&m);
    return m;
}

// A shield block as it is on disk: header, data, and what is left of the block.
std::vector<unsigned char> shield(std::size_t length, u64 block, std::size_t room) {
    std::vector<unsigned char> bytes(room, 0xee);
    dmr_shield s{};
    s.length = cpu_to_le16(static_cast<unsigned short>(length));
    s.orig_length = cpu_to_le32(DMR_BLOCK_SIZE);
    s.block = cpu_to_le64(block);
    std::memcpy(bytes.data(), &s, sizeof(s));
    dmr_shield_seal(reinterpret_cast<dmr_shield*>(bytes.data()));
    return bytes;
}

TEST(Member, FieldOffsets) {
    EXPECT_EQ(offsetof(dmr_member, magic), 192u);
    EXPECT_EQ(offsetof(dmr_member, set_uuid), 216u);
    EXPECT_EQ(offsetof(dmr_member, epoch), 248u);
    EXPECT_EQ(offsetof(dmr_member, spare_wwn), 400u);
    EXPECT_EQ(offsetof(dmr_shield, length), 22u);
    EXPECT_EQ(offsetof(dmr_shield, block), 48u);
}

TEST(Member, AnyChangedByteIsNoticed) {
    const dmr_member good = member();
    EXPECT_EQ(dmr_member_check(&good), nullptr);
    for (std::size_t at = 0; at < sizeof(good); at++) {
        dmr_member m = good;
        reinterpret_cast<unsigned char*>(&m)[at] ^= 1;
        const bool magic = at >= offsetof(dmr_member, magic) && at < offsetof(dmr_member, csum);
        EXPECT_STREQ(dmr_member_check(&m), magic ? "no dm-remap signature" : "checksum mismatch")
            << "byte " << at;
        EXPECT_EQ(dmr_member_has_magic(&m), !magic);
    }
}

TEST(Member, SoundChecksumIsNotEnough) {
    dmr_member m = member();
    m.label[0] = 0x1b;
    dmr_member_seal(&m);
    EXPECT_STREQ(dmr_member_check(&m), "a text field is damaged");
    m = member();
    std::memset(m.spare_serial, 'x', sizeof(m.spare_serial));
    dmr_member_seal(&m);
    EXPECT_STREQ(dmr_member_check(&m), "a text field is damaged");
}

TEST(Shield, AnyChangedByteIsNoticed) {
    const std::size_t used = sizeof(dmr_shield) + 100;
    const auto good = shield(100, 5, 300);
    EXPECT_EQ(dmr_shield_check(good.data(), good.size(), 5), nullptr);
    for (std::size_t at = 0; at < good.size(); at++) {
        auto bytes = good;
        bytes[at] ^= 1;
        EXPECT_EQ(dmr_shield_check(bytes.data(), bytes.size(), 5) == nullptr, at >= used)
            << "byte " << at;
    }
}

TEST(Shield, LengthStaysInTheBlock) {
    auto bytes = shield(100, 5, 300);
    EXPECT_STREQ(dmr_shield_check(bytes.data(), 163, 5), "its length is damaged");
    EXPECT_EQ(dmr_shield_check(bytes.data(), 164, 5), nullptr);
    EXPECT_STREQ(dmr_shield_check(bytes.data(), 63, 5), "no shield header");
    auto* s = reinterpret_cast<dmr_shield*>(bytes.data());
    for (const unsigned length : {0u, DMR_BLOCK_SIZE + 1u, ~0u}) {
        s->orig_length = cpu_to_le32(length);
        dmr_shield_seal(s);
        EXPECT_STREQ(dmr_shield_check(bytes.data(), bytes.size(), 5), "its length is damaged");
    }
}

TEST(Shield, OnlyInItsPlace) {
    const auto bytes = shield(100, 5, 300);
    EXPECT_STREQ(dmr_shield_check(bytes.data(), bytes.size(), 6),
                 "it was written for another place");
}

} // namespace
