// SPDX-License-Identifier: GPL-2.0-only
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "answer.h"
#include "base/fd.h"
#include "fake_host.h"
#include "format/member.h"
#include "look.h"
#include "spare_image.h"

namespace remap::probe {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t size = 32'768;

Seen empty_disk() {
    return {size, Block{}, Block{}, true};
}

template <class Raw>
void put(std::optional<Block>& block, const Raw& raw) {
    std::memcpy(block->data(), &raw, sizeof(raw));
}

format::MemberHeader header() {
    format::MemberHeader h;
    h.set_uuid = *Uuid::parse("0dad5b54-1c5f-4b8f-9f0a-2a8f3d1f7a10");
    h.spare_uuid = *Uuid::parse("11111111-2222-4333-8444-555555555555");
    h.epoch = 1;
    h.main_size = Sector{size};
    h.label = "my data$(reboot)";
    return h;
}

dmr_superblock superblock(std::uint64_t sectors, unsigned copy) {
    format::SpareRecord record;
    record.set_uuid = header().set_uuid;
    record.spare_uuid = header().spare_uuid;
    record.label = "data";
    record.state = format::State::retired;
    record.spare_size = Sector{sectors};
    record.main_size = Sector{1'000'000};
    dmr_superblock raw = format::encode(record);
    dmr_sb_seal(&raw, copy);
    return raw;
}

TEST(ProbeAnswer, OtherDisks) {
    EXPECT_EQ(answer(empty_disk()), "");
    EXPECT_EQ(answer({}), ""); // no device
}

TEST(ProbeAnswer, Main) {
    Seen seen = empty_disk();
    put(seen.head, format::encode_member(header()));
    EXPECT_EQ(answer(seen), "DM_REMAP_ROLE=main\nDM_REMAP_STATE=valid\n"
                            "DM_REMAP_UUID=0dad5b54-1c5f-4b8f-9f0a-2a8f3d1f7a10\n"
                            "DM_REMAP_SPARE_UUID=11111111-2222-4333-8444-555555555555\n"
                            "DM_REMAP_LABEL=my_data__reboot_\nDM_REMAP_VERSION=1\n");
    seen.answered = false; // the header is enough
    seen.tail.reset();
    EXPECT_THAT(answer(seen), HasSubstr("STATE=valid"));
    seen.sectors = size - 1;
    EXPECT_EQ(answer(seen), "DM_REMAP_ROLE=main\nDM_REMAP_STATE=truncated\n");
    (*seen.head)[300] ^= std::byte{1};
    EXPECT_EQ(answer(seen), "DM_REMAP_ROLE=main\nDM_REMAP_STATE=damaged\n");
}

TEST(ProbeAnswer, Spare) {
    for (const unsigned copy : {0U, 1U}) {
        Seen seen = empty_disk();
        put(copy == 0 ? seen.head : seen.tail, superblock(size, copy));
        EXPECT_EQ(answer(seen), "DM_REMAP_ROLE=spare\nDM_REMAP_STATE=retired\n"
                                "DM_REMAP_UUID=0dad5b54-1c5f-4b8f-9f0a-2a8f3d1f7a10\n"
                                "DM_REMAP_SPARE_UUID=11111111-2222-4333-8444-555555555555\n"
                                "DM_REMAP_LABEL=data\nDM_REMAP_VERSION=1\n");
        (copy == 0 ? seen.head : seen.tail)->at(2000) ^= std::byte{1};
        EXPECT_EQ(answer(seen), "DM_REMAP_ROLE=spare\nDM_REMAP_STATE=damaged\n");
    }
}

TEST(ProbeAnswer, LastPartitionOfTheDisk) {
    Seen disk{size + 2048, Block{}, Block{}, true};
    put(disk.tail, superblock(size, 1));
    EXPECT_EQ(answer(disk), "");
    disk.tail->at(2000) ^= std::byte{1};
    EXPECT_EQ(answer(disk), "");
}

TEST(ProbeAnswer, NotReadable) {
    EXPECT_EQ(answer({size, {}, {}, false}), "DM_REMAP_ROLE=unknown\nDM_REMAP_STATE=no_answer\n");
    EXPECT_EQ(answer({0, {}, {}, false}), "DM_REMAP_ROLE=unknown\nDM_REMAP_STATE=no_answer\n");
    EXPECT_EQ(answer({size, {}, Block{}, true}),
              "DM_REMAP_ROLE=unknown\nDM_REMAP_STATE=unreadable\n");
    EXPECT_EQ(answer({size, Block{}, {}, true}), "");
}

class ProbeLook : public testing::Test {
protected:
    test::FakeHost host;
    std::string disk = host.add_disk("sda", Sector{size + 5});
};

TEST_F(ProbeLook, ReadsBothEnds) {
    const Fd fd = open_file(disk, O_WRONLY);
    const Sector tail{dmr_sb_sector(size + 5, 1)};
    ASSERT_EQ(::pwrite(fd.get(), "head", 4, 0), 4);
    ASSERT_EQ(::pwrite(fd.get(), "tail", 4, static_cast<off_t>(to_bytes(tail).value())), 4);
    const Seen seen = look(disk, milliseconds{10'000});
    EXPECT_TRUE(seen.answered);
    EXPECT_EQ(seen.sectors, size + 5);
    ASSERT_TRUE(seen.head && seen.tail);
    EXPECT_EQ(std::memcmp(seen.head->data(), "head", 4), 0);
    EXPECT_EQ(std::memcmp(seen.tail->data(), "tail", 4), 0);
}

TEST_F(ProbeLook, WhatIsNoDisk) {
    for (const char* const path : {"/dev/null", "/nonexistent", "/"}) {
        const Seen seen = look(path, milliseconds{10'000});
        EXPECT_TRUE(seen.answered) << path;
        EXPECT_EQ(seen.sectors, 0U) << path;
    }
    const std::string fifo = disk + ".fifo";
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    EXPECT_EQ(answer(look(fifo, milliseconds{10'000})), "");
}

// The child waits for something that never comes; what it sent before counts.
TEST_F(ProbeLook, NeverWaitsLonger) {
    const auto start = std::chrono::steady_clock::now();
    const Seen seen = look(disk, milliseconds{300}, [](const std::string&, const Send& send) {
        const Block block{std::byte{42}};
        send(Part::size, 77, nullptr);
        send(Part::head, 77, &block);
        for (;;)
            ::pause();
    });
    const auto took = std::chrono::steady_clock::now() - start;
    EXPECT_FALSE(seen.answered);
    EXPECT_EQ(seen.sectors, 77U);
    ASSERT_TRUE(seen.head);
    EXPECT_EQ(seen.head->at(0), std::byte{42});
    EXPECT_FALSE(seen.tail);
    EXPECT_GE(took, milliseconds{300});
    EXPECT_LT(took, milliseconds{10'000});
}

TEST_F(ProbeLook, ChildThatDies) {
    const Seen seen =
        look(disk, milliseconds{10'000}, [](const std::string&, const Send&) { ::_exit(1); });
    EXPECT_TRUE(seen.answered);
    EXPECT_EQ(seen.sectors, 0U);
}

// What the child has open shows /proc: one descriptor, its pipe. It sends the number
// as the size.
TEST_F(ProbeLook, ChildHasNothingOpenButItsPipe) {
    const Fd extra = open_file(disk, O_RDONLY); // with O_CLOEXEC, which fork() ignores
    const Seen seen = look(disk, milliseconds{10'000}, [](const std::string&, const Send& send) {
        std::uint64_t open = 0;
        for (int fd = 0; fd < 256; ++fd)
            open += ::fcntl(fd, F_GETFD) >= 0 ? 1U : 0U;
        send(Part::size, open, nullptr);
        send(Part::end, open, nullptr);
    });
    EXPECT_EQ(seen.sectors, 1U);
}

} // namespace
} // namespace remap::probe
