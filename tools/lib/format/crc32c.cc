// SPDX-License-Identifier: GPL-2.0-only
#include "format/crc32c.h"

#include <array>
#include <cstring>
#include <dm-remap-port.h>

namespace remap::format {

namespace {

constexpr std::uint32_t polynomial = 0x82f63b78; // reflected

// tables[k][b]: what byte b does to the state when k more bytes follow it.
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables make_tables() {
    Tables tables{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t state = byte;
        for (int bit = 0; bit < 8; ++bit)
            state = (state >> 1) ^ ((state & 1) != 0 ? polynomial : 0);
        tables[0][byte] = state;
    }
    for (std::size_t k = 1; k < tables.size(); ++k)
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const std::uint32_t before = tables[k - 1][byte];
            tables[k][byte] = (before >> 8) ^ tables[0][before & 0xff];
        }
    return tables;
}

constexpr Tables tables = make_tables();

std::uint64_t load_le64(const unsigned char* p) {
    std::uint64_t value = 0;
    std::memcpy(&value, p, sizeof(value));
    return le64toh(value);
}

} // namespace

std::uint32_t crc32c_portable(std::uint32_t seed, const void* data, std::size_t length) {
    const auto* p = static_cast<const unsigned char*>(data);
    std::uint32_t state = seed;
    for (; length >= 8; length -= 8, p += 8) {
        const std::uint64_t x = load_le64(p) ^ state;
        state = 0;
        for (std::size_t k = 0; k < 8; ++k)
            state ^= tables[7 - k][(x >> (8 * k)) & 0xff];
    }
    for (; length > 0; --length, ++p)
        state = (state >> 8) ^ tables[0][(state ^ *p) & 0xff];
    return state;
}

#if defined(__x86_64__)

bool crc32c_has_hardware() {
    static const bool available = __builtin_cpu_supports("sse4.2");
    return available;
}

[[gnu::target("sse4.2")]] std::uint32_t crc32c_hardware(std::uint32_t seed, const void* data,
                                                        std::size_t length) {
    const auto* p = static_cast<const unsigned char*>(data);
    std::uint64_t state = seed;
    for (; length >= 8; length -= 8, p += 8)
        state = __builtin_ia32_crc32di(state, load_le64(p));
    auto narrow = static_cast<std::uint32_t>(state);
    for (; length > 0; --length, ++p)
        narrow = __builtin_ia32_crc32qi(narrow, *p);
    return narrow;
}

#else

bool crc32c_has_hardware() {
    return false;
}

std::uint32_t crc32c_hardware(std::uint32_t seed, const void* data, std::size_t length) {
    return crc32c_portable(seed, data, length);
}

#endif

} // namespace remap::format

extern "C" u32 dmr_crc32c(u32 seed, const void* data, size_t len) {
    using namespace remap::format;
    return crc32c_has_hardware() ? crc32c_hardware(seed, data, len)
                                 : crc32c_portable(seed, data, len);
}
