// SPDX-License-Identifier: GPL-2.0-only
// A file in memory that holds parts of a device, in their places: libblkid looks at it
// as it would look at the device.
#pragma once

#include <span>

#include "base/fd.h"
#include "base/units.h"

namespace remap::sys {

class SparseImage {
public:
    // All zeros. Throws os_error without memory for it.
    explicit SparseImage(Sector size);

    // Throws os_error.
    void write(Bytes offset, std::span<const std::byte> content);
    void read(Bytes offset, std::span<std::byte> content) const;

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] Sector size() const { return size_; }

private:
    Sector size_;
    Fd fd_;
};

} // namespace remap::sys
