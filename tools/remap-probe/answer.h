// SPDX-License-Identifier: GPL-2.0-only
// What remap-probe tells udev about a device, from the two blocks that it read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace remap::probe {

using Block = std::array<std::byte, 4096>;

// What could be read of a device.
struct Seen {
    std::uint64_t sectors = 0; // size of the device; 0: not known
    std::optional<Block> head; // the first 4 KiB
    std::optional<Block> tail; // the last whole 4 KiB block
    bool answered = true;      // false: time was up before all was read
};

// A text that comes from a disk as udev may have it: letters, digits and #+-.:=@_,
// everything else becomes '_'.
[[nodiscard]] std::string safe_text(std::string_view text);

// Lines KEY=VALUE for udev's IMPORT, the values of safe characters only. Empty: the
// device is no member of a set.
//
//   DM_REMAP_ROLE        main, spare, or unknown if the device could not be read
//   DM_REMAP_STATE       of a main: valid, damaged, truncated; of a spare: damaged or
//                        the state of its set; of unknown: no_answer, unreadable
//   DM_REMAP_UUID, DM_REMAP_SPARE_UUID, DM_REMAP_LABEL, DM_REMAP_VERSION
//                        only with metadata that is sound
[[nodiscard]] std::string answer(const Seen& seen);

} // namespace remap::probe
