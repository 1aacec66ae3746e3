// SPDX-License-Identifier: GPL-2.0-only
#include "sys/interrupts.h"

namespace remap::sys {

namespace {

volatile std::sig_atomic_t last_signal = 0;

} // namespace

Interrupts::Interrupts() {
    last_signal = 0;
    struct sigaction action {};
    action.sa_handler = [](int number) { last_signal = number; };
    // who is stuck in the kernel can be ended by a second one
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigaction(SIGINT, &action, &interrupt_);
    ::sigaction(SIGTERM, &action, &terminate_);
}

Interrupts::~Interrupts() {
    ::sigaction(SIGINT, &interrupt_, nullptr);
    ::sigaction(SIGTERM, &terminate_, nullptr);
}

int Interrupts::received() {
    return last_signal;
}

} // namespace remap::sys
