// SPDX-License-Identifier: GPL-2.0-only
// The member header: first sector of a main device with a shield (struct
// dmr_member in dm-remap-format.h, remap-metadata(5)).
#pragma once

#include <cstdint>
#include <dm-remap-layout.h>
#include <optional>
#include <string>

#include "base/units.h"
#include "base/uuid.h"
#include "format/block_io.h"

namespace remap::format {

struct MemberHeader {
    Uuid set_uuid;
    Uuid spare_uuid;
    std::uint64_t epoch = 0;
    Sector main_size;
    std::uint64_t created = 0; // seconds since 1970
    std::string label;
    std::string spare_serial; // may be empty
    std::string spare_wwn;
};

// What the first sector of a device says.
struct FoundMember {
    bool readable = false;
    bool has_magic = false; // the device is a member, whatever else is wrong
    std::string problem;    // why there is no header; empty: there is
    std::optional<MemberHeader> header;

    // There was a header once, of whatever set.
    [[nodiscard]] bool torn() const { return has_magic && !header; }
};

// Never throws for what is or isn't on the device.
[[nodiscard]] FoundMember read_member(BlockReader& device);
// The same for a sector that was read already.
[[nodiscard]] FoundMember decode_member(const dmr_member& raw);
// A sealed sector, with the text for people. Texts that are too long are cut.
[[nodiscard]] dmr_member encode_member(const MemberHeader& header);

} // namespace remap::format
