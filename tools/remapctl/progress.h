// SPDX-License-Identifier: GPL-2.0-only
// Long work as the user sees it: how far it is, and Ctrl-C.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "context.h"
#include "sys/interrupts.h"

namespace remap::ctl {

class Progress {
public:
    // what: "r0: adding"; unit: "block"; hint: how to go on after an interruption.
    Progress(Context& context, std::string what, std::string unit, std::string hint)
        : context_{context},
          what_{std::move(what)},
          unit_{std::move(unit)},
          hint_{std::move(hint)} {}
    ~Progress() { context_.show_progress({}); }
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    // To be called at points where the work may end. Throws Code::interrupted or
    // Code::terminated after a signal.
    void at(std::uint64_t done, std::uint64_t total);

private:
    Context& context_;
    std::string what_;
    std::string unit_;
    std::string hint_;
    sys::Interrupts interrupts_;
    std::chrono::steady_clock::time_point shown_ = std::chrono::steady_clock::now();
};

} // namespace remap::ctl
