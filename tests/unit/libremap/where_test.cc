// SPDX-License-Identifier: GPL-2.0-only
#include "core/where.h"

#include <random>

#include "base/text.h"
#include "dm/fake.h"
#include "expect_error.h"
#include "fake_host.h"
#include "spare_image.h"

namespace remap::core {
namespace {

using test::expect_error;
using testing::HasSubstr;
using Kind = SparePart::Kind;

constexpr std::uint64_t tera = 1ULL << 31; // sectors

// The superblock of a spare of that size, which exists nowhere.
dmr_superblock superblock(Sector size, Sector main_size = Sector{1'000'000}) {
    format::SpareRecord record;
    record.set_uuid = Uuid::random();
    record.spare_uuid = Uuid::random();
    record.label = "r0";
    record.state = format::State::active;
    record.spare_size = size;
    record.main_size = main_size;
    dmr_superblock sb = format::encode(record);
    dmr_sb_seal(&sb, 0);
    EXPECT_EQ(dmr_sb_check(&sb, 0, size.value(), 0), nullptr);
    return sb;
}

// sda1 as main, from sector start of sda, and sdb as spare.
struct Example {
    Layout layout;
    std::vector<dm::MapEntry> entries; // ascending
    std::vector<std::uint64_t> bad_slots;

    explicit Example(std::uint64_t start = 2048, std::uint64_t size = 1'000'000,
                     std::uint32_t lbs = 512, std::uint64_t spare_size = 100'000) {
        layout.name = "r0";
        layout.size = Sector{size};
        sys::BlockDevice disk;
        disk.path = "/dev/sda";
        disk.name = disk.whole_name = "sda";
        disk.size = Sector{start + size + 5000};
        disk.lbs = lbs;
        layout.disk = disk;
        layout.main = disk;
        layout.main.path = "/dev/sda1";
        layout.main.size = Sector{size};
        layout.main.partition = true;
        layout.main.start = Sector{start};
        layout.spare.path = "/dev/sdb";
        layout.spare.size = Sector{spare_size};
        layout.superblock = superblock(layout.spare.size, layout.size);
    }

    void add(std::uint64_t block, std::uint64_t slot, std::uint8_t lost = 0, bool shield = false) {
        dm::MapEntry entry;
        entry.block = BlockNo{block};
        entry.slot = slot;
        entry.lost_mask = lost;
        entry.reason = shield ? dm::Reason::shield : dm::Reason::read_error;
        entry.shield = shield;
        entries.push_back(entry);
    }

    [[nodiscard]] Where at(Layer layer, std::uint64_t sector) const {
        return locate(
            layout, layer, Sector{sector},
            [this](BlockNo first, BlockNo end, const EntryVisitor& visit) {
                for (const dm::MapEntry& entry : entries)
                    if (entry.block >= first && entry.block < end && !visit(entry))
                        return;
            },
            [this](std::uint64_t slot) {
                return std::find(bad_slots.begin(), bad_slots.end(), slot) != bad_slots.end();
            });
    }
};

TEST(Where, OnMainThroughEveryLayer) {
    const Example x;
    const Where where = x.at(Layer::device, 12345);
    EXPECT_EQ(where.content, Content::on_main);
    EXPECT_EQ(where.device, (Place{"/dev/mapper/r0", Sector{12345}, 12345, 512}));
    EXPECT_EQ(where.main, (Place{"/dev/sda1", Sector{12345}, 12345, 512}));
    EXPECT_EQ(where.disk, (Place{"/dev/sda", Sector{14393}, 14393, 512}));
    EXPECT_FALSE(where.spare || where.entry || where.part);
    EXPECT_EQ(where.block, BlockNo{1543});
    EXPECT_EQ(describe(where), "on main");
    for (const auto& same : {x.at(Layer::main, 12345), x.at(Layer::disk, 14393)}) {
        EXPECT_EQ(same.device, where.device);
        EXPECT_EQ(same.main, where.main);
        EXPECT_EQ(same.disk, where.disk);
    }
}

TEST(Where, WholeDiskAsMain) {
    Example x{0};
    x.layout.main.partition = false;
    x.layout.main.path = "/dev/sda";
    x.layout.disk = x.layout.main;
    EXPECT_EQ(x.at(Layer::disk, 777).device->sector, Sector{777});
    EXPECT_EQ(x.at(Layer::main, 777).disk->path, "/dev/sda");
}

TEST(Where, VolumeHasNoKnownDisk) {
    Example x;
    x.layout.disk.reset();
    EXPECT_FALSE(x.at(Layer::device, 5).disk);
    EXPECT_EQ(x.at(Layer::device, 5).main->sector, Sector{5});
    expect_error(Code::not_found, "is not known", [&] { (void)x.at(Layer::disk, 5); });
}

TEST(Where, Remapped) {
    Example x;
    x.add(1543, 17);
    x.add(1544, 18, 0x05);
    x.add(1545, 19, 0, true);
    const Where where = x.at(Layer::disk, 14393);
    const std::uint64_t data = le64_to_cpu(x.layout.superblock->data_start);
    EXPECT_EQ(where.content, Content::remapped);
    EXPECT_EQ(where.spare->sector, Sector{data + 17 * 8 + 1});
    EXPECT_EQ(where.part, (SparePart{Kind::slot, 0, 17, Sector{1}}));
    EXPECT_EQ(describe(where), "remapped to the spare (read error)");
    EXPECT_EQ(x.at(Layer::device, 12352).content, Content::lost);
    EXPECT_EQ(x.at(Layer::device, 12353).content, Content::remapped);
    EXPECT_EQ(x.at(Layer::device, 12354).content, Content::lost);
    EXPECT_THAT(describe(x.at(Layer::device, 12354)), HasSubstr("until it is written again"));
    EXPECT_EQ(x.at(Layer::device, 12360).content, Content::shield);
    EXPECT_THAT(describe(x.at(Layer::device, 12360)), HasSubstr("shield"));
    EXPECT_EQ(x.at(Layer::device, 12343).content, Content::on_main);
    EXPECT_EQ(x.at(Layer::device, 12368).content, Content::on_main);
}

TEST(Where, StatesOfTheMomentAreSaid) {
    Example x;
    x.add(0, 0);
    x.entries[0].changing = true;
    EXPECT_THAT(describe(x.at(Layer::device, 0)), HasSubstr("being changed"));
    x.entries[0].fenced = true;
    EXPECT_THAT(describe(x.at(Layer::device, 0)), HasSubstr("rearmed"));
}

TEST(Where, LostWithLargeLogicalBlocks) {
    Example x{2048, 1'000'000, 4096};
    x.add(5, 0, 0x10);
    // a logical block can't be read in parts
    for (std::uint64_t sector = 40; sector < 48; ++sector)
        EXPECT_EQ(x.at(Layer::device, sector).content, Content::lost);
    x.layout.main.lbs = 1024;
    EXPECT_EQ(x.at(Layer::device, 43).content, Content::remapped);
    EXPECT_EQ(x.at(Layer::device, 44).content, Content::lost);
    EXPECT_EQ(x.at(Layer::device, 45).content, Content::lost);
    EXPECT_EQ(x.at(Layer::device, 46).content, Content::remapped);
}

TEST(Where, LogicalBlocks) {
    // a partition at 1 MiB of a 4Kn disk: sysfs counts its start in sectors
    Example x{2048, 1'000'000, 4096};
    EXPECT_EQ(logical_block(x.layout, Layer::disk), 4096U);
    EXPECT_EQ(logical_block(x.layout, Layer::spare), 512U);
    const Sector sector = parse_place("1000", true, logical_block(x.layout, Layer::disk));
    EXPECT_EQ(sector, Sector{8000});
    const Where where = x.at(Layer::disk, sector.value());
    EXPECT_EQ(where.device->sector, Sector{5952});
    EXPECT_EQ(where.device->lba, 744U);
    EXPECT_EQ(where.disk->lba, 1000U);
    EXPECT_EQ(where.disk->logical_block, 4096U);
    EXPECT_EQ(x.at(Layer::device, 5959).disk->lba, 1000U);
    EXPECT_EQ(x.at(Layer::device, 5960).disk->lba, 1001U);
    // the spare has blocks of its own
    x.add(744, 3);
    const Place spare = *x.at(Layer::device, 5952).spare;
    EXPECT_EQ(spare.logical_block, 512U);
    EXPECT_EQ(spare.lba, spare.sector.value());
}

TEST(Where, ParsePlace) {
    EXPECT_EQ(parse_place("8K", false, 4096), Sector{16});
    EXPECT_EQ(parse_place("0x10", true, 512), Sector{16});
    EXPECT_EQ(parse_place("0X1f", true, 4096), Sector{31 * 8});
    EXPECT_EQ(parse_place("0", true, 4096), Sector{0});
    for (const char* const text : {"8K", "4s", "", "0x", "-1", "1.5", "+3", " 7"})
        expect_error(Code::usage, "not the number of a logical block",
                     [&] { (void)parse_place(text, true, 4096); });
    EXPECT_EQ(parse_place(std::to_string(max_sector.value() / 8), true, 4096).value(),
              max_sector.value() / 8 * 8);
    expect_error(Code::usage, "too large",
                 [] { (void)parse_place(std::to_string(max_sector.value() / 8 + 1), true, 4096); });
    expect_error(Code::usage, "too large",
                 [] { (void)parse_place("18446744073709551615", true, 512); });
    expect_error(Code::usage, "is not the number",
                 [] { (void)parse_place("18446744073709551616", true, 512); });
}

TEST(Where, OutsideIsAUsageError) {
    const Example x{2048, 1001};
    EXPECT_EQ(x.at(Layer::device, 1000).block, BlockNo{125});
    expect_error(Code::usage, "sector 1001 lies behind the end of r0, which has 1001 sectors",
                 [&] { (void)x.at(Layer::device, 1001); });
    expect_error(Code::usage, "lies behind the end of r0", [&] { (void)x.at(Layer::main, 1001); });
    EXPECT_EQ(x.at(Layer::disk, 2048).device->sector, Sector{0});
    EXPECT_EQ(x.at(Layer::disk, 3048).device->sector, Sector{1000});
    for (const std::uint64_t sector : {0U, 2047U, 3049U, 8048U})
        expect_error(Code::usage,
                     strf("sector %llu of /dev/sda lies outside of /dev/sda1, which has the "
                          "sectors 2048 to 3048",
                          static_cast<unsigned long long>(sector)),
                     [&] { (void)x.at(Layer::disk, sector); });
    expect_error(Code::usage, "behind the end of /dev/sda, which has 8049 sectors",
                 [&] { (void)x.at(Layer::disk, 8049); });
    expect_error(Code::usage, "behind the end of /dev/sdb, which has 100000 sectors",
                 [&] { (void)x.at(Layer::spare, 100'000); });
    expect_error(Code::usage, "behind the end",
                 [&] { (void)x.at(Layer::device, max_sector.value()); });
}

// Each sector of the spare has one use, in the order of the format.
TEST(Where, PartsOfTheSpare) {
    const Example x;
    const dmr_superblock& sb = *x.layout.superblock;
    const std::uint64_t tables = le64_to_cpu(sb.table_blocks);
    const std::uint64_t slots = le64_to_cpu(sb.nr_slots);
    std::map<Kind, std::uint64_t> count;
    for (std::uint64_t s = 0; s < 100'000; ++s)
        ++count[spare_part(x.layout, Sector{s}).kind];
    EXPECT_EQ(count[Kind::superblock], 16U);
    EXPECT_EQ(count[Kind::table], 2 * 8 * tables);
    EXPECT_EQ(count[Kind::slot], 8 * slots);
    const auto part = [&](std::uint64_t s) { return spare_part(x.layout, Sector{s}); };
    EXPECT_EQ(part(0), (SparePart{Kind::superblock, 0, 0, Sector{0}}));
    EXPECT_EQ(part(7), (SparePart{Kind::superblock, 0, 0, Sector{7}}));
    EXPECT_EQ(part(8), SparePart{});
    EXPECT_EQ(part(127), SparePart{});
    EXPECT_EQ(part(128), (SparePart{Kind::table, 0, 0, Sector{0}}));
    EXPECT_EQ(part(128 + 8 * tables - 1), (SparePart{Kind::table, 0, tables - 1, Sector{7}}));
    EXPECT_EQ(part(128 + 8 * tables), (SparePart{Kind::slot, 0, 0, Sector{0}}));
    const std::uint64_t tail = le64_to_cpu(sb.table_start[1]);
    EXPECT_EQ(part(tail - 1), (SparePart{Kind::slot, 0, slots - 1, Sector{7}}));
    EXPECT_EQ(part(tail), (SparePart{Kind::table, 1, 0, Sector{0}}));
    EXPECT_EQ(part(99'992), (SparePart{Kind::superblock, 1, 0, Sector{0}}));
    EXPECT_EQ(part(99'999), (SparePart{Kind::superblock, 1, 0, Sector{7}}));
}

TEST(Where, UsesOfTheSpareInWords) {
    Example x{2048, 1'000'000, 512, 100'003};
    x.bad_slots = {9};
    const std::uint64_t data = le64_to_cpu(x.layout.superblock->data_start);
    const auto text = [&](std::uint64_t s) { return describe(x.at(Layer::spare, s)); };
    EXPECT_EQ(text(3), "superblock, copy 0");
    EXPECT_EQ(text(99'997), "superblock, copy 1");
    EXPECT_EQ(text(140), "slot table, copy 0, block 1");
    EXPECT_EQ(text(data + 64), "slot 8, free");
    EXPECT_EQ(text(data + 72), "slot 9, bad: never used again");
    EXPECT_EQ(text(100'002), "not used"); // less than a block at the end
    const Where where = x.at(Layer::spare, data + 64);
    EXPECT_EQ(where.spare->sector, Sector{data + 64});
    EXPECT_FALSE(where.device || where.main || where.disk || where.block || where.entry);
    EXPECT_STREQ(content_name(where.content), "free");
    EXPECT_STREQ(content_name(x.at(Layer::spare, 3).content), "metadata");
    EXPECT_STREQ(content_name(x.at(Layer::spare, 100'002).content), "unused");
}

TEST(Where, ShortLastBlock) {
    Example x{2048, 1003};
    x.add(125, 2);
    const std::uint64_t slot = le64_to_cpu(x.layout.superblock->data_start) + 2 * 8;
    EXPECT_EQ(x.at(Layer::device, 1002).spare->sector, Sector{slot + 2});
    EXPECT_EQ(x.at(Layer::spare, slot + 2).device->sector, Sector{1002});
    const Where behind = x.at(Layer::spare, slot + 3);
    EXPECT_EQ(behind.content, Content::no_sector);
    EXPECT_EQ(behind.block, BlockNo{125});
    EXPECT_FALSE(behind.device || behind.main || behind.disk);
    EXPECT_THAT(describe(behind), HasSubstr("behind the end"));
}

// There and back again, for random sets: small ones, spares just below and above
// 16 TiB (2^32 slots), large mains.
TEST(Where, SpareAndBack) {
    std::mt19937_64 random{20261123};
    const std::uint64_t sizes[] = {4000,          16 * tera - 8, 16 * tera,
                                   16 * tera + 8, 18 * tera,     200 * tera};
    for (const std::uint64_t spare_size : sizes)
        for (const std::uint32_t lbs : {512U, 4096U})
            for (int i = 0; i < 200; ++i) {
                const std::uint64_t size = 1 + random() % (20 * tera) / (lbs / 512) * (lbs / 512);
                Example x{2048 + random() % 1000 * 8, size, lbs, spare_size};
                const std::uint64_t slots = le64_to_cpu(x.layout.superblock->nr_slots);
                const std::uint64_t sector = random() % size;
                const std::uint64_t slot = i % 2 == 0 ? random() % slots : slots - 1 - random() % 3;
                x.add(sector / 8, slot);
                const Where there = x.at(Layer::device, sector);
                ASSERT_TRUE(there.spare);
                const Where back = x.at(Layer::spare, there.spare->sector.value());
                EXPECT_EQ(back.device, there.device);
                EXPECT_EQ(back.main, there.main);
                EXPECT_EQ(back.disk, there.disk);
                EXPECT_EQ(back.spare, there.spare);
                EXPECT_EQ(back.part, there.part);
                EXPECT_EQ(back.content, there.content);
                const Where disk = x.at(Layer::disk, there.disk->sector.value());
                EXPECT_EQ(disk.spare, there.spare);
                // computed another way
                EXPECT_EQ(there.spare->sector.value() % 8, sector % 8);
                EXPECT_EQ((there.spare->sector.value() - x.layout.superblock->data_start) / 8,
                          slot);
            }
    EXPECT_GT(le64_to_cpu(superblock(Sector{18 * tera}).nr_slots), 1ULL << 32);
}

TEST(Where, UnknownGeometry) {
    Example x;
    x.add(5, 7);
    x.layout.superblock.reset();
    x.layout.superblock_problem = "no superblock can be read";
    const Where where = x.at(Layer::device, 41);
    EXPECT_EQ(where.content, Content::remapped);
    EXPECT_EQ(where.part->index, 7U);
    EXPECT_FALSE(where.spare);
    expect_error(Code::damaged, "no superblock can be read", [&] { (void)x.at(Layer::spare, 41); });
}

TEST(Where, LayerNames) {
    for (const Layer layer : {Layer::device, Layer::main, Layer::disk, Layer::spare})
        EXPECT_EQ(parse_layer(layer_name(layer)), layer);
    expect_error(Code::usage, "no layer 'sprae'", [] { (void)parse_layer("sprae"); });
}

// With devices that exist, as plain files.
class AssembledSet : public testing::Test {
protected:
    AssembledSet() {
        disk = host.add_disk("sda", Sector{1'100'000});
        main = host.add_disk("sda1", Sector{1'000'000});
        auto& partition = host.devices[main].block;
        partition.partition = true;
        partition.start = Sector{2048};
        partition.whole_disk = host.devices[disk].block.number;
        partition.whole_name = "sda";
        spare = host.add_disk("sdb", Sector{100'000});
        sys::BlockFile file{spare, sys::Access::write_exclusive};
        record = test::write_spare(file, 3);
        test::change_table(file, 0, {0, 1}, 3, [](dmr_table_block& block) {
            dmr_mapping bad{};
            bad.state = DMR_E_BAD;
            dmr_entry_pack(&block.entry[5], &bad);
        });
        dm.create(
            "r0", dm::device_uuid(record.set_uuid),
            make_table(record, host.devices[main].block.number, host.devices[spare].block.number),
            false);
        dm.on_message = [](const std::string&, const std::string& text) {
            // slot i holds block 10 * i
            const auto from = parse_number<std::uint64_t>(words(text).at(1)).value();
            std::string answer;
            for (std::uint64_t i = 0; i < 3; ++i)
                if (10 * i >= from)
                    answer += strf("%llu %llu 00 w -\n", static_cast<unsigned long long>(10 * i),
                                   static_cast<unsigned long long>(i));
            return answer + "end";
        };
        dm.on_status = [this](const std::string&) {
            return "1 active rw 3/97000 1 3 0 0 0 0 0 3,0,0,0,0,0,0 2 2 0 1 0 0 1 " +
                   record.set_uuid.str();
        };
    }

    Where find(Layer layer, std::uint64_t sector) {
        return find_place(host, dm, read_layout(host, dm, "r0"), layer, Sector{sector});
    }

    test::FakeHost host;
    dm::FakeDeviceMapper dm;
    std::string disk;
    std::string main;
    std::string spare;
    format::SpareRecord record;
};

TEST_F(AssembledSet, IsLookedUp) {
    const Where where = find(Layer::disk, 2048 + 163);
    EXPECT_EQ(where.content, Content::remapped);
    EXPECT_EQ(where.entry->slot, 2U);
    EXPECT_EQ(where.disk->path, disk);
    EXPECT_EQ(where.main->path, main);
    EXPECT_EQ(find(Layer::spare, where.spare->sector.value()).device->sector, Sector{163});
    EXPECT_EQ(find(Layer::device, 8).content, Content::on_main);
    const std::uint64_t first = where.spare->sector.value() - 2 * 8 - 3;
    EXPECT_EQ(find(Layer::spare, first + 4 * 8).content, Content::free_slot);
    EXPECT_EQ(find(Layer::spare, first + 5 * 8).content, Content::bad_slot);
}

TEST_F(AssembledSet, VolumesAreNotGuessedAbout) {
    for (const char* const name : {"dm-7", "md0", "md127p1", "bcache0", "drbd1"}) {
        host.devices[main].block.whole_name = name;
        EXPECT_FALSE(read_layout(host, dm, "r0").disk) << name;
    }
    host.devices[main].block.partition = false;
    host.devices[main].block.whole_name = "nvme0n1";
    EXPECT_EQ(read_layout(host, dm, "r0").disk->path, main);
}

TEST_F(AssembledSet, DamagedSpare) {
    {
        sys::BlockFile file{spare, sys::Access::write_exclusive};
        test::corrupt(file, Sector{0});
    }
    EXPECT_TRUE(read_layout(host, dm, "r0").superblock) << "the other copy";
    {
        sys::BlockFile file{spare, sys::Access::write_exclusive};
        test::corrupt(file, Sector{99'992});
    }
    const Layout layout = read_layout(host, dm, "r0");
    EXPECT_FALSE(layout.superblock);
    EXPECT_FALSE(layout.superblock_problem.empty());
    EXPECT_EQ(find(Layer::device, 0).content, Content::remapped);
    host.devices[spare].cannot_open = true;
    EXPECT_THAT(read_layout(host, dm, "r0").superblock_problem, HasSubstr("cannot open"));
}

TEST_F(AssembledSet, WhatIsMissing) {
    expect_error(Code::not_found, "no such set", [&] { (void)read_layout(host, dm, "r1"); });
    host.devices.erase(main);
    expect_error(Code::not_found, "r0: its main device 8:1 is gone",
                 [&] { (void)read_layout(host, dm, "r0"); });
}

} // namespace
} // namespace remap::core
