// SPDX-License-Identifier: GPL-2.0-only
// The CRC that the pure part asks its program for, in the plainest form: one
// bit at a time, from the polynomial. The faster ones are checked against it.
#include "dm-remap-port.h"

extern "C" u32 dmr_crc32c(u32 seed, const void* data, size_t len) {
    const auto* p = static_cast<const unsigned char*>(data);
    u32 crc = seed;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) ? 0x82f63b78u : 0);
    }
    return crc;
}
