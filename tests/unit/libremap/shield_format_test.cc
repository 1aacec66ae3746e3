// SPDX-License-Identifier: GPL-2.0-only
#include "format/shield.h"

#include <cstring>
#include <gtest/gtest.h>
#include <random>

#include "expect_error.h"

namespace remap::format {
namespace {

using Content = std::vector<std::byte>;

Content text_content(std::size_t length) {
    Content content(length);
    for (std::size_t i = 0; i < length; ++i)
        content[i] = static_cast<std::byte>("abcdefgh"[(i + i / 512) % 8]);
    return content;
}

Content random_content(std::size_t length) {
    Content content(length);
    std::mt19937 random{1};
    for (std::byte& b : content)
        b = static_cast<std::byte>(random());
    return content;
}

const ShieldHeader header{.set_uuid = Uuid{{1, 2, 3}}, .block = BlockNo{7}, .epoch = 5};

TEST(Shield, EveryVariantComesBack) {
    for (const std::size_t length : {std::size_t{512}, std::size_t{1536}, std::size_t{4096}})
        for (const std::uint64_t block : {0ULL, 7ULL})
            for (unsigned variant = 0; variant < shield_variants; ++variant) {
                if (block == 0 && length < 4096)
                    continue; // no main is that small
                ShieldHeader h = header;
                h.block = BlockNo{block};
                const Content original = text_content(length);
                const auto raw = pack_shield(h, original, variant);
                ASSERT_TRUE(raw) << length << ' ' << block << ' ' << variant;
                EXPECT_EQ(raw->size(), length);
                const FoundShield found = look_at_shield(*raw, h.block);
                EXPECT_TRUE(found.problem.empty()) << found.problem;
                EXPECT_EQ(found.set_uuid, h.set_uuid);
                EXPECT_EQ(found.epoch, 5U);
                EXPECT_EQ(found.original_csum, content_csum(original));
                EXPECT_EQ(unpack_shield(*raw, h.block), original);
            }
}

TEST(Shield, FirstSectorOfBlock0StaysFree) {
    ShieldHeader h = header;
    h.block = BlockNo{0};
    const auto raw = pack_shield(h, text_content(block_size));
    ASSERT_TRUE(raw);
    EXPECT_TRUE(std::all_of(raw->begin(), raw->begin() + 512,
                            [](std::byte b) { return b == std::byte{0}; }));
}

TEST(Shield, WhatDoesNotCompressIsNotPacked) {
    EXPECT_FALSE(pack_shield(header, random_content(block_size)));
    // 3520 bytes of room instead of 4032
    Content mixed = random_content(3700);
    mixed.resize(block_size);
    EXPECT_TRUE(pack_shield(header, mixed));
    ShieldHeader first = header;
    first.block = BlockNo{0};
    EXPECT_FALSE(pack_shield(first, mixed));
}

TEST(Shield, AnyChangedByteIsNoticed) {
    const Content original = text_content(block_size);
    const auto good = pack_shield(header, original);
    ASSERT_TRUE(good);
    std::size_t used = 0;
    for (std::size_t i = 0; i < good->size(); ++i)
        if ((*good)[i] != std::byte{0})
            used = i + 1;
    ASSERT_LT(used, 1000U);
    for (std::size_t i = 0; i < used; ++i) {
        Content raw = *good;
        raw[i] ^= std::byte{1};
        EXPECT_THROW((void)unpack_shield(raw, header.block), Error) << i;
    }
}

TEST(Shield, AnotherPlaceIsRefused) {
    const auto raw = pack_shield(header, text_content(block_size));
    ASSERT_TRUE(raw);
    test::expect_error(Code::damaged, "another place",
                       [&] { (void)unpack_shield(*raw, BlockNo{8}); });
    Content shorter{raw->begin(), raw->begin() + 1024};
    test::expect_error(Code::damaged, "another length",
                       [&] { (void)unpack_shield(shorter, BlockNo{7}); });
    EXPECT_EQ(look_at_shield({}, BlockNo{7}).problem, "no shield header");
    EXPECT_FALSE(look_at_shield(Content(block_size), BlockNo{7}).has_magic);
}

TEST(Shield, LengthsOfBlocks) {
    EXPECT_EQ(block_length(BlockNo{0}, Sector{17}), 4096U);
    EXPECT_EQ(block_length(BlockNo{2}, Sector{17}), 512U);
    EXPECT_EQ(block_length(BlockNo{1}, Sector{16}), 4096U);
}

} // namespace
} // namespace remap::format
