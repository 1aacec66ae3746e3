// SPDX-License-Identifier: GPL-2.0-only
#include "answer.h"

#include <algorithm>
#include <cstring>
#include <dm-remap-layout.h>

#include "base/uuid.h"
#include "format/spare.h"

namespace remap::probe {

namespace {

std::string line(const char* key, std::string_view value) {
    return "DM_REMAP_" + std::string{key} + "=" + std::string{value} + "\n";
}

std::string uuid_text(const std::uint8_t (&field)[16]) {
    Uuid uuid;
    std::copy(std::begin(field), std::end(field), uuid.bytes.begin());
    return uuid.str();
}

template <std::size_t size>
std::string_view text_of(const std::uint8_t (&field)[size]) {
    const auto* const text = reinterpret_cast<const char*>(field);
    return {text, ::strnlen(text, size)};
}

template <class Raw>
Raw first_of(const Block& block) {
    static_assert(sizeof(Raw) <= sizeof(Block));
    Raw raw;
    std::memcpy(&raw, block.data(), sizeof(raw));
    return raw;
}

template <class Raw>
std::string names(const Raw& raw) {
    std::string text =
        line("UUID", uuid_text(raw.set_uuid)) + line("SPARE_UUID", uuid_text(raw.spare_uuid));
    if (const std::string_view label = text_of(raw.label); !label.empty())
        text += line("LABEL", safe_text(label));
    return text + line("VERSION", std::to_string(le16_to_cpu(raw.version)));
}

std::string main_answer(const dmr_member& raw, std::uint64_t sectors) {
    const std::string role = line("ROLE", "main");
    if (dmr_member_check(&raw) != nullptr)
        return role + line("STATE", "damaged");
    // the beginning of a main, copied to something smaller
    if (le64_to_cpu(raw.main_sectors) > sectors)
        return role + line("STATE", "truncated");
    return role + line("STATE", "valid") + names(raw);
}

// Empty: neither of them makes the device a spare.
std::string spare_answer(const Seen& seen) {
    std::array<dmr_superblock, 2> raw{};
    std::array<const dmr_superblock*, 2> valid{};
    bool member = false;
    for (unsigned copy = 0; copy < 2; ++copy) {
        const std::optional<Block>& block = copy == 0 ? seen.head : seen.tail;
        if (!block)
            continue;
        raw[copy] = first_of<dmr_superblock>(*block);
        if (!dmr_sb_has_magic(&raw[copy]))
            continue;
        member = member || copy == 0 || format::tail_is_of(raw[copy], Sector{seen.sectors});
        const std::uint64_t place = dmr_sb_sector(seen.sectors, copy);
        if (dmr_sb_check(&raw[copy], place, seen.sectors, copy) == nullptr)
            valid[copy] = &raw[copy];
    }
    if (!member)
        return {};
    const std::string role = line("ROLE", "spare");
    const int choice = dmr_sb_choose(valid[0], valid[1]);
    if (choice < 0)
        return role + line("STATE", "damaged");
    const dmr_superblock& best = raw[static_cast<std::size_t>(choice)];
    const auto state = static_cast<format::State>(le32_to_cpu(best.state));
    return role + line("STATE", format::state_name(state)) + names(best);
}

} // namespace

std::string safe_text(std::string_view text) {
    std::string safe{text};
    for (char& c : safe) {
        const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                           (c >= 'a' && c <= 'z') ||
                           std::string_view{"#+-.:=@_"}.find(c) != std::string_view::npos;
        if (!plain)
            c = '_';
    }
    return safe;
}

std::string answer(const Seen& seen) {
    if (seen.head) {
        const auto member = first_of<dmr_member>(*seen.head);
        if (dmr_member_has_magic(&member))
            return main_answer(member, seen.sectors);
    }
    if (std::string text = spare_answer(seen); !text.empty())
        return text;
    if (!seen.answered)
        return line("ROLE", "unknown") + line("STATE", "no_answer");
    // without its first block a main can't be told from anything else
    if (!seen.head && seen.sectors > 0)
        return line("ROLE", "unknown") + line("STATE", "unreadable");
    return {};
}

} // namespace remap::probe
