// SPDX-License-Identifier: GPL-2.0-only
#include "base/error.h"

#include <cerrno>
#include <system_error>
#include <utility>

namespace remap {

Error::Error(Code code, std::string what, std::string hint)
    : code_{code},
      reason_{std::move(what)},
      hint_{std::move(hint)},
      text_{hint_.empty() ? reason_ : reason_ + "; " + hint_} {}

std::string errno_text(int error_number) {
    return std::generic_category().message(error_number);
}

Error os_error(int error_number, const std::string& what) {
    const std::string text = what + ": " + errno_text(error_number);
    switch (error_number) {
    case EACCES:
    case EPERM:
        return {Code::refused, text, "try as root"};
    case ENOENT:
    case ENODEV:
    case ENXIO:
    case ENOTBLK:
        return {Code::not_found, text};
    case EBUSY:
    case EEXIST:
        return {Code::busy, text};
    default:
        return {Code::failed, text};
    }
}

} // namespace remap
