// SPDX-License-Identifier: GPL-2.0-only
// The condition of an assembled set.
#pragma once

#include <string>
#include <vector>

#include "core/set.h"

namespace remap::core {

enum class Health { ok, warning, critical };
// "ok", "warning", "critical".
[[nodiscard]] const char* health_name(Health health);

struct SetStatus {
    dm::DeviceInfo device;
    Sector size;
    dm::RemapTable table;
    dm::RemapStatus status;
    std::string main_path;
    std::string spare_path;
    Health health = Health::ok;
    std::vector<std::string> findings; // what health is based on, worst first
};

// Throws Code::not_found if the set is not assembled.
[[nodiscard]] SetStatus read_status(sys::Host& host, dm::DeviceMapper& dm, const std::string& name);

// Judge a status line: fills health and findings.
void assess(SetStatus& set);

} // namespace remap::core
