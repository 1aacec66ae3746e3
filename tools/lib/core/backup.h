// SPDX-License-Identifier: GPL-2.0-only
// The metadata of a set to be kept elsewhere.
#pragma once

#include <string>

#include "dm/device_mapper.h"
#include "format/snapshot.h"
#include "sys/host.h"

namespace remap::core {

inline constexpr const char* backup_directory = "/var/lib/dm-remap";

// Take a snapshot of an assembled set, a device or a file. A set is not suspended:
// what was read while it changed is thrown away and read again. Throws
// Code::not_found if there is no such thing, Code::busy if the set does not stop
// changing, Code::damaged if the metadata has no good copy of something.
[[nodiscard]] format::Snapshot take_backup(sys::Host& host, dm::DeviceMapper& dm,
                                           const std::string& name);

// Where the backup of that set goes if nobody says: the directory is made, for
// nobody else's eyes.
[[nodiscard]] std::string default_backup_path(const Uuid& set,
                                              const std::string& directory = backup_directory);

} // namespace remap::core
