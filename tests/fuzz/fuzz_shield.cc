// SPDX-License-Identifier: GPL-2.0-only
// A block of main of arbitrary content: what passes as the copy of a block is one, and
// a content that is packed comes back.
#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"
#include "format/member.h"
#include "format/shield.h"
#include "input.h"

namespace {

using namespace remap;

// The checksums are made right, so that the fuzzer does not have to guess them.
void seal(std::array<std::byte, block_size>& raw, BlockNo block) {
    if (block == BlockNo{0}) {
        dmr_member member;
        std::memcpy(&member, raw.data(), sizeof(member));
        dmr_member_seal(&member);
        std::memcpy(raw.data(), &member, sizeof(member));
    }
    auto* const shield = reinterpret_cast<dmr_shield*>(raw.data() + format::shield_offset(block));
    const std::size_t room = raw.size() - format::shield_offset(block) - sizeof(dmr_shield);
    shield->length = cpu_to_le16(
        static_cast<std::uint16_t>(std::min<std::size_t>(le16_to_cpu(shield->length), room)));
    dmr_shield_seal(shield);
}

void check_member(const std::array<std::byte, block_size>& raw) {
    dmr_member member;
    std::memcpy(&member, raw.data(), sizeof(member));
    const format::FoundMember found = format::decode_member(member);
    MUST(found.header.has_value() == found.problem.empty());
    if (!found.header)
        return;
    MUST(found.has_magic);
    MUST(found.header->label.size() < DMR_LABEL_SIZE);
    // what it says can be written again
    const dmr_member again = format::encode_member(*found.header);
    MUST(dmr_member_check(&again) == nullptr);
}

void check_shield(std::span<const std::byte> raw, BlockNo block) {
    const format::FoundShield found = format::look_at_shield(raw, block);
    try {
        const std::vector<std::byte> original = format::unpack_shield(raw, block);
        MUST(found.problem.empty() && found.has_magic);
        MUST(original.size() == raw.size());
        MUST(format::content_csum(original) == found.original_csum);
    } catch (const Error& e) {
        MUST(e.code() == Code::damaged);
    }
}

void check_round_trip(std::span<const std::byte> content, BlockNo block, unsigned variant) {
    const format::ShieldHeader header{{}, block, 7};
    const auto packed = format::pack_shield(header, content, variant);
    if (!packed)
        return;
    MUST(packed->size() == content.size());
    const std::vector<std::byte> again = format::unpack_shield(*packed, block);
    MUST(std::equal(again.begin(), again.end(), content.begin(), content.end()));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input(data, size);
    const auto flags = input.take<std::uint8_t>();
    const BlockNo block{input.take<std::uint64_t>()};
    std::array<std::byte, block_size> raw{};
    input.take(raw.data(), raw.size());
    check_round_trip(raw, block, flags % format::shield_variants);
    if ((flags & 1) != 0)
        seal(raw, block);
    check_member(raw);
    const std::size_t length = (flags & 2) != 0 ? (flags / 4U % 8 + 1) * sector_size : block_size;
    check_shield(std::span{raw}.first(length), block);
    return 0;
}
