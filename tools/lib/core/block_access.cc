// SPDX-License-Identifier: GPL-2.0-only
#include "core/block_access.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/text.h"

namespace remap::core {

namespace {

std::string sector_text(Bytes place) {
    return "sector " + std::to_string(place.value() / sector_size);
}

} // namespace

int try_read(format::BlockReader& device, Bytes place, std::span<std::byte> to) {
    format::AlignedBuffer buffer{to.size()};
    const int error = device.read(place, buffer.span().first(to.size()));
    if (error == 0)
        std::memcpy(to.data(), buffer.data(), to.size());
    return error;
}

std::vector<std::byte> read_bytes(format::BlockReader& device, Bytes place, std::size_t length,
                                  const std::string& what) {
    std::vector<std::byte> content(length);
    if (const int error = try_read(device, place, content); error != 0)
        throw os_error(error, "cannot read " + sector_text(place) + " of " + what);
    return content;
}

void write_verified(format::BlockWriter& device, Bytes place, std::span<const std::byte> content,
                    const std::string& what) {
    format::AlignedBuffer buffer{content.size()};
    std::memcpy(buffer.data(), content.data(), content.size());
    int error = device.write(place, buffer.span().first(content.size()));
    if (error == 0)
        error = device.sync();
    if (error != 0)
        throw os_error(error, "cannot write " + sector_text(place) + " of " + what);
    const std::vector<std::byte> there = read_bytes(device, place, content.size(), what);
    if (!std::equal(there.begin(), there.end(), content.begin(), content.end()))
        throw Error{Code::failed,
                    sector_text(place) + " of " + what + " does not hold what was written to it"};
}

} // namespace remap::core
