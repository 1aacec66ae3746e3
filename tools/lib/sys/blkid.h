// SPDX-License-Identifier: GPL-2.0-only
// libblkid: what other software has left on a device.
#pragma once

#include <string>
#include <vector>

#include "sys/host.h"

namespace remap::sys {

// Everything libblkid recognises on a device or file: file systems, partition
// tables, RAID members. Throws Code::failed if the device can't be read.
[[nodiscard]] std::vector<Signature> probe_signatures(const std::string& path);

// Remove what probe_signatures() finds; other bytes stay. Throws on failure.
void wipe_signatures(const std::string& path);

// UUID of a partition in its partition table, empty if there is none.
[[nodiscard]] std::string partition_uuid(const std::string& path);

} // namespace remap::sys
