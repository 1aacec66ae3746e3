// SPDX-License-Identifier: GPL-2.0-only
// What remap-probe tells udev about disks of arbitrary content, and remaptab files of
// arbitrary text: only known keys, only safe characters.
#include "answer.h"

#include <dm-remap-layout.h>
#include <string>
#include <string_view>

#include "format/remaptab.h"
#include "input.h"

namespace {

using namespace remap;

void check_line(std::string_view line) {
    constexpr std::string_view keys[] = {"ROLE", "STATE", "UUID", "SPARE_UUID", "LABEL", "VERSION"};
    MUST(line.starts_with("DM_REMAP_"));
    line.remove_prefix(9);
    const auto equals = line.find('=');
    MUST(equals != std::string_view::npos);
    bool known = false;
    for (const std::string_view key : keys)
        known = known || key == line.substr(0, equals);
    MUST(known);
    const std::string value{line.substr(equals + 1)};
    MUST(!value.empty() && value.size() < 64);
    MUST(probe::safe_text(value) == value);
}

void check_answer(const probe::Seen& seen) {
    std::string text = probe::answer(seen);
    MUST(text.empty() || text.starts_with("DM_REMAP_ROLE="));
    while (!text.empty()) {
        const auto end = text.find('\n');
        MUST(end != std::string::npos);
        check_line(std::string_view{text}.substr(0, end));
        text.erase(0, end + 1);
    }
}

void check_remaptab(const std::string& text) {
    const format::Remaptab tab = format::parse_remaptab(text);
    for (const format::RemaptabEntry& entry : tab.entries) {
        MUST(entry.main_path.empty() || !entry.names_main());
        MUST(entry.set_uuid.has_value() == entry.spare_path.empty());
        if (!entry.set_uuid)
            continue;
        const auto left = format::parse_remaptab(format::without_set(text, *entry.set_uuid));
        for (const format::RemaptabEntry& other : left.entries)
            MUST(other.set_uuid != entry.set_uuid);
        // what we write is what we read
        format::SpareRecord record;
        record.label = entry.name;
        record.set_uuid = *entry.set_uuid;
        record.main = entry.main;
        record.main_size = Sector{1};
        const auto again = format::parse_remaptab(format::remaptab_line(record));
        MUST(again.problems.empty() && again.entries.size() == 1);
        MUST(again.entries[0].name == entry.name && again.entries[0].main == entry.main);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    const auto flags = input.take<std::uint8_t>();
    if ((flags & 0x80) != 0) {
        check_remaptab({reinterpret_cast<const char*>(data) + 1, size - 1});
        return 0;
    }
    probe::Seen seen;
    seen.sectors = input.take<std::uint32_t>();
    seen.answered = (flags & 1) == 0;
    if ((flags & 2) == 0)
        input.take(seen.head.emplace().data(), sizeof(probe::Block));
    if ((flags & 4) == 0)
        input.take(seen.tail.emplace().data(), sizeof(probe::Block));
    // so that the fuzzer does not have to guess checksums
    if ((flags & 8) != 0 && seen.head)
        dmr_member_seal(reinterpret_cast<dmr_member*>(seen.head->data()));
    if ((flags & 16) != 0 && seen.head)
        dmr_sb_seal(reinterpret_cast<dmr_superblock*>(seen.head->data()), 0);
    if ((flags & 32) != 0 && seen.tail)
        dmr_sb_seal(reinterpret_cast<dmr_superblock*>(seen.tail->data()), 1);
    check_answer(seen);
    return 0;
}
