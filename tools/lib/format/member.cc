// SPDX-License-Identifier: GPL-2.0-only
#include "format/member.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace remap::format {

namespace {

constexpr std::string_view for_people =
    "This is the main device of a dm-remap set. Parts of its content are on another disk, the\n"
    "spare. Do not mount, partition, format or repair it: see remapctl(8).\n";
static_assert(for_people.size() <= DMR_MEMBER_TEXT);

template <std::size_t size>
std::string get_text(const std::uint8_t (&field)[size]) {
    return {field, std::find(field, field + size, 0)};
}

template <std::size_t size>
void put_text(std::uint8_t (&field)[size], const std::string& text) {
    std::memcpy(field, text.data(), std::min(text.size(), size - 1));
}

Uuid get_uuid(const std::uint8_t (&field)[16]) {
    Uuid uuid;
    std::memcpy(uuid.bytes.data(), field, sizeof(field));
    return uuid;
}

} // namespace

FoundMember decode_member(const dmr_member& raw) {
    FoundMember found;
    found.readable = true;
    found.has_magic = dmr_member_has_magic(&raw);
    if (const char* const why = dmr_member_check(&raw)) {
        found.problem = why;
        return found;
    }
    found.header = MemberHeader{.set_uuid = get_uuid(raw.set_uuid),
                                .spare_uuid = get_uuid(raw.spare_uuid),
                                .epoch = le64_to_cpu(raw.epoch),
                                .main_size = Sector{le64_to_cpu(raw.main_sectors)},
                                .created = le64_to_cpu(raw.created),
                                .label = get_text(raw.label),
                                .spare_serial = get_text(raw.spare_serial),
                                .spare_wwn = get_text(raw.spare_wwn)};
    return found;
}

FoundMember read_member(BlockReader& device) {
    AlignedBuffer buffer{block_size};
    if (const int error = device.read(Bytes{0}, buffer.span()); error != 0) {
        FoundMember found;
        found.problem = errno_text(error);
        return found;
    }
    dmr_member raw;
    std::memcpy(&raw, buffer.data(), sizeof(raw));
    return decode_member(raw);
}

dmr_member encode_member(const MemberHeader& header) {
    dmr_member raw{};
    std::memcpy(raw.text, for_people.data(), for_people.size());
    std::memcpy(raw.set_uuid, header.set_uuid.bytes.data(), sizeof(raw.set_uuid));
    std::memcpy(raw.spare_uuid, header.spare_uuid.bytes.data(), sizeof(raw.spare_uuid));
    raw.epoch = cpu_to_le64(header.epoch);
    raw.main_sectors = cpu_to_le64(header.main_size.value());
    raw.created = cpu_to_le64(header.created);
    put_text(raw.label, header.label);
    put_text(raw.spare_serial, header.spare_serial);
    put_text(raw.spare_wwn, header.spare_wwn);
    dmr_member_seal(&raw);
    return raw;
}

} // namespace remap::format
