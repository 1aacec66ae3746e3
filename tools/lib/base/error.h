// SPDX-License-Identifier: GPL-2.0-only
// The one exception type of libremap. The library never prints and never exits:
// what went wrong travels in here, and a program decides how to show it.
#pragma once

#include <exception>
#include <string>

namespace remap {

// What kind of failure it is. The values are the exit codes of the tools.
enum class Code {
    failed = 1,    // the operation failed: I/O error, ioctl failed, partial result
    usage = 2,     // bad option, unit or range
    refused = 3,   // permission, not confirmed, or a safety check
    not_found = 4, // no such device, not a member, wrong set
    busy = 5,      // in use, exists, locked
    damaged = 6,   // metadata damaged or of an unsupported version
    kernel = 7,    // kernel side missing or too old
    interrupted = 130,
    terminated = 143,
};

class Error : public std::exception {
public:
    // what: the object and what is wrong with it, in one line without a full stop.
    // hint: what the user can do about it; may be empty.
    Error(Code code, std::string what, std::string hint = {});

    [[nodiscard]] Code code() const noexcept { return code_; }
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
    [[nodiscard]] const std::string& hint() const noexcept { return hint_; }
    // Reason and hint, joined by "; ".
    [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

private:
    Code code_;
    std::string reason_;
    std::string hint_;
    std::string text_;
};

// An Error for a failed system call. Permission problems become Code::refused,
// absent devices Code::not_found, devices in use Code::busy, anything else
// Code::failed. The text is "<what>: <strerror>".
[[nodiscard]] Error os_error(int error_number, const std::string& what);

// strerror() as a string, thread safe.
[[nodiscard]] std::string errno_text(int error_number);

} // namespace remap
