// SPDX-License-Identifier: GPL-2.0-only
// What the verbs share: names, finding spares, recognising main, the table line.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dm/device_mapper.h"
#include "dm/remap_target.h"
#include "format/spare.h"
#include "sys/host.h"

namespace remap::core {

// Throws Code::usage if a set can't have that name: it becomes a file name in
// /dev/mapper and a label of at most 63 bytes.
void check_name(const std::string& name);

// A device that carries dm-remap metadata, in whatever condition.
struct FoundSpare {
    sys::BlockDevice device;
    format::Superblocks superblocks;
    std::optional<format::SpareRecord> record; // of the newest valid copy
};

// Look at one device. Throws os_error if it can't be opened.
[[nodiscard]] FoundSpare look_at_spare(sys::Host& host, const sys::BlockDevice& device);

// Throws Code::busy if the superblock is not the one that was found.
void require_unchanged(sys::Host& host, const FoundSpare& spare);

// All devices of the machine that carry metadata. Devices that can't be opened or
// read are passed over, and so are the paths below a device-mapper device that
// shows the same spare.
[[nodiscard]] std::vector<FoundSpare> find_spares(sys::Host& host);

// Why a device is not the main of that record, or nothing: a phrase such as "its
// WWN is ..., not ...".
[[nodiscard]] std::optional<std::string> main_mismatch(const format::SpareRecord& record,
                                                       const sys::BlockDevice& device,
                                                       const format::Identity& identity);

// How people recognise main: its WWN, or the best of what is recorded.
[[nodiscard]] std::string describe_main(const format::Identity& identity);

[[nodiscard]] std::vector<dm::Target> make_table(const format::SpareRecord& record,
                                                 dm::DeviceNumber main, dm::DeviceNumber spare);

// Throws Code::kernel with advice if the kernel has no target "remap".
void require_target(dm::DeviceMapper& dm);

// Throws Code::busy if anybody uses the device.
void require_unused(sys::Host& host, const sys::BlockDevice& device, const char* role);

using Locks = std::vector<sys::Lock>;
// Keeps other tools off these devices as long as the result lives. Throws Code::busy.
[[nodiscard]] Locks lock_members(sys::Host& host, std::vector<dm::DeviceNumber> numbers);

// An assembled set. Throws Code::not_found if there is no such device or if it is
// of another kind.
[[nodiscard]] dm::DeviceInfo require_set(dm::DeviceMapper& dm, const std::string& name);

// All assembled sets, by name.
[[nodiscard]] std::vector<dm::DeviceInfo> assembled_sets(dm::DeviceMapper& dm);

} // namespace remap::core
