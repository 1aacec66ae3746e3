// SPDX-License-Identifier: GPL-2.0-only
#include "base/uuid.h"

#include <cerrno>
#include <sys/random.h>

#include "base/error.h"
#include "base/text.h"

namespace remap {

Uuid Uuid::random() {
    Uuid uuid;
    ssize_t got = 0;
    do
        got = ::getrandom(uuid.bytes.data(), uuid.bytes.size(), 0);
    while (got < 0 && errno == EINTR);
    if (got != static_cast<ssize_t>(uuid.bytes.size()))
        throw os_error(errno, "cannot get random numbers");
    uuid.bytes[6] = static_cast<std::uint8_t>((uuid.bytes[6] & 0x0f) | 0x40); // version 4
    uuid.bytes[8] = static_cast<std::uint8_t>((uuid.bytes[8] & 0x3f) | 0x80); // variant
    return uuid;
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
    Uuid uuid;
    if (text.size() != 36)
        return std::nullopt;
    std::size_t at = 0;
    for (std::size_t i = 0; i < uuid.bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            if (text[at++] != '-')
                return std::nullopt;
        const auto byte = parse_number<std::uint8_t>(text.substr(at, 2), 16);
        if (!byte)
            return std::nullopt;
        uuid.bytes[i] = *byte;
        at += 2;
    }
    return uuid;
}

std::string Uuid::str() const {
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text += '-';
        text += strf("%02x", static_cast<unsigned>(bytes[i]));
    }
    return text;
}

} // namespace remap
