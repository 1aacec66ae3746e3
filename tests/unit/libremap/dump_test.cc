// SPDX-License-Identifier: GPL-2.0-only
// Metadata as JSON and back, with everything that a spare can hold.
#include "format/dump.h"

#include <fstream>
#include <random>

#include "expect_error.h"
#include "fake_host.h"
#include "format/check.h"
#include "format/map.h"
#include "spare_image.h"

namespace remap::format {
namespace {

constexpr Sector spare_size{65'536};

class DumpFile : public testing::Test {
protected:
    DumpFile() { path = host.add_disk("dump.json", Sector{0}); }

    void write(const Snapshot& snapshot) {
        std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen(path.c_str(), "w"),
                                                             &std::fclose};
        const auto member = [&](const char* name, const Json& value) {
            std::fprintf(file.get(), ", \"%s\": %s\n", name, value.dump().c_str());
        };
        std::fputs("{\"json_format_version\": [1, 0]", file.get());
        member("superblock", superblock_json(snapshot.sb));
        member("complete", true);
        member("table_sequences", sequences_json(snapshot));
        member("table_pads", pads_json(snapshot));
        std::fputs(", \"bad_slots\": ", file.get());
        write_bad_slots(file.get(), snapshot);
        std::fputs(", \"entries\": ", file.get());
        write_entries(file.get(), snapshot);
        std::fputs("}\n", file.get());
    }

    // The same metadata on another device, by way of a dump.
    test::MemoryDevice copy(test::MemoryDevice& from) {
        write(take_snapshot(from, read_superblocks(from).best()));
        const Dump dump = read_dump(path);
        EXPECT_TRUE(dump.complete);
        test::MemoryDevice result{from.size()};
        start_writing(result, dump.snapshot);
        EXPECT_EQ(check_spare(result).record->state, State::creating);
        finish_writing(result, dump.snapshot);
        return result;
    }

    void expect_same(test::MemoryDevice& a, test::MemoryDevice& b) {
        const dmr_superblock sb = read_superblocks(a).best();
        std::vector<std::uint64_t> places;
        for (unsigned c = 0; c < 2; ++c) {
            places.push_back(dmr_sb_sector(a.size().value(), c));
            for (std::uint64_t i = 0; i < le64_to_cpu(sb.table_blocks); ++i)
                places.push_back(dmr_table_sector(&sb, i, c));
        }
        for (const std::uint64_t place : places) {
            std::array<unsigned char, block_size> one;
            std::array<unsigned char, block_size> two;
            test::read_block(a, Sector{place}, one.data());
            test::read_block(b, Sector{place}, two.data());
            ASSERT_TRUE(one == two) << "sector " << place;
        }
    }

    test::FakeHost host;
    std::string path;
    test::MemoryDevice device{spare_size};
};

TEST_F(DumpFile, EveryFieldSurvives) {
    SpareRecord record = test::write_spare(device, 5);
    record.seq = UINT64_MAX - 5;
    record.epoch = 1ULL << 60;
    record.activation = 0xfffffffe;
    record.compat = 1ULL << 63;
    record.ro_compat = 3;
    record.created = UINT64_MAX - 3600; // its entries' time wraps around
    record.label = "gr\xc3\xbc\xc3\x9f";
    record.main = {"w", "s\xff\xfe", "p\"\\"}; // not all of it is UTF-8
    record.options = "rescue=0";
    dmr_superblock sb = encode(record);
    sb.flags = cpu_to_le32(5);
    sb.pad0[0] = 1;
    sb.pad0[39] = 2;
    sb.pad1[2047] = 3;
    sb.label[20] = 'x'; // behind the end of the text
    sb.distrust_since = cpu_to_le64(7);
    sb.distrust[0] = {cpu_to_le64(1), cpu_to_le32(2), cpu_to_le32(1)};
    sb.distrust[5] = {cpu_to_le64(3), cpu_to_le32(1), cpu_to_le32(0)};
    sb.distrust[6] = {cpu_to_le64(4), cpu_to_le32(0), cpu_to_le32(1)};
    for (unsigned c = 0; c < 2; ++c)
        write_superblock(device, sb, c);
    test::MemoryDevice other = copy(device);
    expect_same(device, other);
}

TEST_F(DumpFile, EveryEntrySurvives) {
    test::write_spare(device, 5);
    for (std::uint64_t index = 0; index < 20; ++index)
        test::change_table(
            device, index, {0, 1}, dmr_seq(index % 3, index % 4 + 1), [&](dmr_table_block& block) {
                std::mt19937_64 random{index}; // the same in both copies
                if (index % 5 == 0)
                    block.pad[37] = 9;
                for (unsigned i = 0; i < DMR_TABLE_ENTRIES; ++i) {
                    dmr_mapping m{};
                    m.block = index * DMR_TABLE_ENTRIES + i;
                    m.gen = random() % (DMR_GEN_MAX / 2);
                    m.lost = static_cast<std::uint8_t>(random());
                    m.hours = static_cast<std::uint32_t>(random() % (DMR_HOURS_MAX + 1));
                    m.state = static_cast<std::uint8_t>(random() % 3);
                    m.reason = static_cast<std::uint8_t>(1 + random() % 7);
                    m.flags = static_cast<std::uint8_t>(random() % 4);
                    if (m.state == DMR_E_BAD && i % 2 == 0) // the kernel takes anything there
                        m.flags = m.reason = 15;
                    dmr_entry_pack(&block.entry[i], &m);
                }
            });
    ASSERT_EQ(check_spare(device).worst, Severity::note);
    test::MemoryDevice other = copy(device);
    expect_same(device, other);
}

TEST_F(DumpFile, TheBetterCopyIsTaken) {
    test::write_spare(device, 5);
    test::change_table(device, 0, {1}, 9, [](auto& block) { test::set_entry(block, 9, 77, 9); });
    test::corrupt(device, Sector{0});
    test::MemoryDevice other = copy(device);
    const CheckReport report = check_spare(other);
    EXPECT_EQ(report.worst, Severity::note);
    EXPECT_EQ(report.entries, 6U);
}

TEST_F(DumpFile, DamageIsLeftOutAndCounted) {
    test::write_spare(device, 5);
    test::change_table(device, 0, {0, 1}, 3,
                       [](auto& block) { test::set_entry(block, 9, 125'000, 9); });
    const dmr_superblock sb = read_superblocks(device).best();
    for (unsigned c = 0; c < 2; ++c)
        test::corrupt(device, Sector{dmr_table_sector(&sb, 3, c)});
    const Snapshot snapshot = take_snapshot(device, sb);
    EXPECT_EQ(snapshot.damaged, 2U);
    EXPECT_EQ(snapshot.entries.size(), 5U);
    EXPECT_FALSE(snapshot.has_all_blocks());
    write(snapshot); // and claims to be complete
    test::expect_error(Code::damaged, "does not cover the whole table",
                       [&] { (void)read_dump(path); });
}

// Remembers writes and where they were made durable.
class Recorder final : public BlockWriter {
public:
    struct Write {
        Bytes offset;
        std::vector<std::byte> data;
    };

    explicit Recorder(Sector size) : size_{size} {}

    std::vector<std::vector<Write>> epochs{1}; // between two syncs the order is open

    [[nodiscard]] Sector size() const override { return size_; }
    [[nodiscard]] int read(Bytes, std::span<std::byte>) override { return EIO; }
    [[nodiscard]] int write(Bytes offset, std::span<const std::byte> data) override {
        epochs.back().push_back({offset, {data.begin(), data.end()}});
        return 0;
    }
    [[nodiscard]] int sync() override {
        epochs.emplace_back();
        return 0;
    }

private:
    Sector size_;
};

// Entries of a device that would be activated, or nothing.
std::optional<std::uint64_t> activated(test::MemoryDevice& device) {
    try {
        const LoadedMap map{device};
        return map.record().state == State::active ? std::optional{map.count()} : std::nullopt;
    } catch (const Error&) {
        return std::nullopt;
    }
}

// A crash at any moment, with any of the writes that were not durable yet.
TEST_F(DumpFile, CrashesLeaveTheOldTheNewOrNothing) {
    test::write_spare(device, 5);
    const Snapshot snapshot = take_snapshot(device, read_superblocks(device).best());
    Recorder recorder{spare_size};
    start_writing(recorder, snapshot);
    finish_writing(recorder, snapshot);
    ASSERT_TRUE(recorder.epochs.back().empty());
    recorder.epochs.pop_back();
    // over another spare, and over a later state of the same
    for (const std::uint64_t old_seq : {1U, 2U, 3U, 1000U, 101U, 102U, 103U, 1100U}) {
        const bool same = old_seq > 100 && old_seq != 1000;
        test::MemoryDevice target = same ? device : test::MemoryDevice{spare_size};
        SpareRecord old = same ? decode(snapshot.sb) : test::write_spare(target, 9);
        if (same)
            test::change_table(target, 0, {0, 1}, 9, [](dmr_table_block& block) {
                for (unsigned i = 5; i < 9; ++i)
                    test::set_entry(block, i, 1000 + i, 9);
            });
        old.seq = same ? old_seq - 100 : old_seq;
        for (unsigned copy = 0; copy < 2; ++copy)
            write_superblock(target, encode(old), copy);
        unsigned ends = 0;
        for (const auto& epoch : recorder.epochs) {
            for (unsigned subset = 0; subset < 1U << epoch.size(); ++subset) {
                test::MemoryDevice crashed = target;
                for (std::size_t i = 0; i < epoch.size(); ++i) {
                    if ((subset >> i & 1) != 0)
                        (void)crashed.write(epoch[i].offset, epoch[i].data);
                }
                const auto entries = activated(crashed);
                EXPECT_TRUE(!entries || entries == 5U || entries == 9U) << *entries;
                ends += entries == 5U ? 1U : 0U;
            }
            for (const auto& write : epoch)
                ASSERT_EQ(target.write(write.offset, write.data), 0);
        }
        EXPECT_EQ(activated(target), 5U);
        EXPECT_GE(ends, 3U);
    }
}

} // namespace
} // namespace remap::format
