// SPDX-License-Identifier: GPL-2.0-only
// Ctrl-C and SIGTERM during long work.
#pragma once

#include <csignal>

namespace remap::sys {

// While one exists these signals only leave a note, so that work can end where
// nothing is half done. One at a time; a second signal of the kind ends the process.
class Interrupts {
public:
    Interrupts();
    ~Interrupts();
    Interrupts(const Interrupts&) = delete;
    Interrupts& operator=(const Interrupts&) = delete;

    // SIGINT, SIGTERM, or 0 for none so far.
    [[nodiscard]] static int received();

private:
    struct sigaction interrupt_ {};
    struct sigaction terminate_ {};
};

} // namespace remap::sys
