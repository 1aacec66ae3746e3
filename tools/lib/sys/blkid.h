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

// The same for an open file, which is taken for a device with logical blocks of that
// many bytes. what: its name in errors.
[[nodiscard]] std::vector<Signature> probe_signatures(int fd, std::uint32_t lbs,
                                                      const std::string& what);

struct Partition {
    unsigned number = 0;
    std::string type; // "0xef", or a UUID in lower case
};
// The partitions that the partition table of such a file names.
[[nodiscard]] std::vector<Partition> probe_partitions(int fd, std::uint32_t lbs,
                                                      const std::string& what);

// Remove what probe_signatures() finds; other bytes stay. Throws on failure.
void wipe_signatures(const std::string& path);

// UUID of a partition in its partition table, empty if there is none.
[[nodiscard]] std::string partition_uuid(const std::string& path);
// Its type there, as Partition::type.
[[nodiscard]] std::string partition_type(const std::string& path);

} // namespace remap::sys
