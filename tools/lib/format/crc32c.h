// SPDX-License-Identifier: GPL-2.0-only
// CRC32C in the convention of the kernel: the seed is the state to start with
// and nothing is inverted at the end. The pure part of the module calls
// dmr_crc32c(), which is defined here for user space and takes the fastest way
// the processor has.
#pragma once

#include <cstddef>
#include <cstdint>

namespace remap::format {

// Tables only, eight bytes a step. Any alignment.
[[nodiscard]] std::uint32_t crc32c_portable(std::uint32_t seed, const void* data,
                                            std::size_t length);

// True if crc32c_hardware() may be called on this processor.
[[nodiscard]] bool crc32c_has_hardware();

// The crc32 instruction of SSE 4.2. Any alignment.
[[nodiscard]] std::uint32_t crc32c_hardware(std::uint32_t seed, const void* data,
                                            std::size_t length);

} // namespace remap::format
