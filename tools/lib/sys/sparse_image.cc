// SPDX-License-Identifier: GPL-2.0-only
#include "sys/sparse_image.h"

#include <cerrno>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"

namespace remap::sys {

namespace {

constexpr const char* purpose = "cannot look for signatures in memory";

} // namespace

SparseImage::SparseImage(Sector size)
    : size_{size}, fd_{::memfd_create("dm-remap-image", MFD_CLOEXEC)} {
    if (!fd_ || ::ftruncate(fd_.get(), static_cast<off_t>(to_bytes(size).value())) != 0)
        throw os_error(errno, purpose);
}

void SparseImage::write(Bytes offset, std::span<const std::byte> content) {
    const ssize_t done =
        ::pwrite(fd_.get(), content.data(), content.size(), static_cast<off_t>(offset.value()));
    if (done != static_cast<ssize_t>(content.size()))
        throw os_error(done < 0 ? errno : ENOSPC, purpose);
}

void SparseImage::read(Bytes offset, std::span<std::byte> content) const {
    const ssize_t done =
        ::pread(fd_.get(), content.data(), content.size(), static_cast<off_t>(offset.value()));
    if (done != static_cast<ssize_t>(content.size()))
        throw os_error(done < 0 ? errno : EIO, purpose);
}

} // namespace remap::sys
