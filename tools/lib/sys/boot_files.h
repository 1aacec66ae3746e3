// SPDX-License-Identifier: GPL-2.0-only
// What a boot loader reads from a file system, by the names of files. The boot loader
// reads the raw disk, so a main device must not hold any of it.
#pragma once

#include <string>

namespace remap::sys {

// The first such file or directory, as a path from the top of the file system; empty
// if there is none. /boot of a root file system does not count if its fstab mounts
// another one there. No link is followed.
[[nodiscard]] std::string find_boot_files(int directory);

// The same for what is on a block device, of a type as libblkid names it. The kernel
// reads it, from a mount that nobody else sees, without replaying a journal; the
// device is set read-only meanwhile. Throws Code::failed if it can't be looked at.
[[nodiscard]] std::string find_boot_files(const std::string& device, const std::string& type);

} // namespace remap::sys
