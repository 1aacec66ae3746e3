// SPDX-License-Identifier: GPL-2.0-only
// "assemble --all" and what udev, systemd and the initramfs start.
#pragma once

#include <optional>

#include "base/uuid.h"
#include "context.h"

namespace remap::ctl {

struct AutoOptions {
    bool all = false;
    bool event = false;
    bool last_resort = false;
    std::optional<Uuid> only;

    [[nodiscard]] bool any() const { return all || event || last_resort; }
};

// Each set that can't be assembled has one line on standard error, which is one
// line of the journal. Returns the exit code.
int assemble_automatically(Context& context, const AutoOptions& options);

} // namespace remap::ctl
