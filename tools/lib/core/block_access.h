// SPDX-License-Identifier: GPL-2.0-only
// Reading and writing single blocks of main, of which the last may be short.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "format/block_io.h"

namespace remap::core {

// Returns 0 or an errno.
[[nodiscard]] int try_read(format::BlockReader& device, Bytes place, std::span<std::byte> to);
// length bytes; throws os_error("cannot read <what>").
[[nodiscard]] std::vector<std::byte> read_bytes(format::BlockReader& device, Bytes place,
                                                std::size_t length, const std::string& what);
// Write, make durable, read again and compare. Throws os_error, or Code::failed if
// something else is there. what: the device, for messages.
void write_verified(format::BlockWriter& device, Bytes place, std::span<const std::byte> content,
                    const std::string& what);

[[nodiscard]] constexpr Bytes place_of(BlockNo block) {
    return to_bytes(first_sector(block));
}

// For messages.
[[nodiscard]] inline std::string number_of(BlockNo block) {
    return std::to_string(block.value());
}

} // namespace remap::core
