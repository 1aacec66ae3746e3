// SPDX-License-Identifier: GPL-2.0-only
// Two disks whose main has signatures in three blocks, the last of them a short one,
// and what a set of them shows.
#pragma once

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>

#include "core/create.h"
#include "core/dissolve.h"
#include "dm/fake.h"
#include "fake_host.h"
#include "format/map.h"
#include "format/member.h"
#include "remap_model.h"

namespace remap::test {

inline std::string file_content(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

inline void set_content(const std::string& path, const std::string& content) {
    std::fstream file{path, std::ios::binary | std::ios::in | std::ios::out};
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
}

class ShieldMachine {
public:
    ShieldMachine() {
        main = host.add_disk("sda", Sector{3'201}, "0x5000c500a");
        spare = host.add_disk("sdb", Sector{1'600}, "0x5000c500b");
        host.devices[main].probe = true;
        set_content(main, new_content());
        original = file_content(main);
    }

    core::CreateRequest create_request() const { return {"r0", main, spare, true, false}; }
    void create() { core::create_set(host, dm, core::plan_create(host, dm, create_request())); }
    static core::AssembleRequest named() {
        core::AssembleRequest request;
        request.name = "r0";
        return request;
    }
    void assemble() { core::assemble_set(host, dm, core::plan_assemble(host, dm, named())); }
    void dissolve() {
        (void)core::dissolve(host, dm, core::plan_dissolve(host, dm, {named(), {}}));
    }

    // What has happened while the set was in use: some blocks are remapped and have
    // other content, a block of the shield as well.
    void use() {
        TargetState state;
        const dm::Target line = dm.devices.at("r0").live.front();
        RemapModel model{host, line, false, state};
        model.construct();
        model.resume();
        (void)model.message("add 20 30+3 399");
        const format::LoadedMap map{*open(spare)};
        for (const std::uint64_t block : {4ULL, 20ULL, 31ULL, 399ULL}) {
            const auto item = map.find(BlockNo{block});
            ASSERT_TRUE(item);
            std::string text = "new content of " + std::to_string(block);
            std::fstream file{spare, std::ios::binary | std::ios::in | std::ios::out};
            const std::uint64_t slot = dmr_slot_sector(&map.superblock(), item->slot);
            file.seekp(static_cast<std::streamoff>(slot * 512 + 100));
            file << text;
        }
    }

    // What the remap device shows, or main alone if it is no member.
    std::string view() {
        std::string shown = file_content(main);
        const auto file = open(main);
        if (!format::read_member(*file).header)
            return shown;
        const format::LoadedMap map{*open(spare)};
        const std::string slots = file_content(spare);
        map.for_each([&](const format::MapItem& item) {
            const std::uint64_t at = item.block.value() * 4096;
            const std::uint64_t slot = dmr_slot_sector(&map.superblock(), item.slot) * 512;
            const std::size_t length = std::min<std::size_t>(4096, shown.size() - at);
            shown.replace(at, length, slots, slot, length);
            return true;
        });
        return shown;
    }

    bool has_header() { return format::read_member(*open(main)).header.has_value(); }
    bool has_magic() { return format::read_member(*open(main)).has_magic; }
    core::FoundSpare found_spare() { return core::look_at_spare(host, host.inspect(spare)); }

    std::unique_ptr<format::BlockWriter> open(const std::string& path) {
        return host.open(host.inspect(path), sys::Access::read);
    }

    FakeHost host;
    dm::FakeDeviceMapper dm;
    std::string main;
    std::string spare;
    std::string original;

private:
    // Text everywhere; a swap area, a second header of LUKS2, a backup GPT.
    static std::string new_content() {
        std::string content;
        for (int i = 0; content.size() < 3'201 * sector_size; ++i)
            content += "line " + std::to_string(i) + " of the data on main\n";
        content.resize(3'201 * sector_size);
        const auto put = [&](std::size_t at, const std::string& bytes) {
            content.replace(at, bytes.size(), bytes);
        };
        put(1024, std::string{"\1\0\0\0\x8f\1\0\0\0\0\0\0", 12} + std::string(28, 'u'));
        put(4086, "SWAPSPACE2");
        put(4 * block_size, "SKUL\xba\xbe");
        put(3'200 * sector_size, "EFI PART");
        return content;
    }
};

} // namespace remap::test
