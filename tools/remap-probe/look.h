// SPDX-License-Identifier: GPL-2.0-only
// Reading a device that may never answer.
//
// A process that waits for a dead disk can't be killed: it ends when the disk does
// answer, or is gone. So the reading is done by a child, and what matters is that
// nobody has to wait for it. udev reads the output of its programs to the end of
// the pipe, hence the child keeps no descriptor but one of its own to its parent.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "answer.h"

namespace remap::probe {

// Of the parts of Seen, as the child sends them.
enum class Part : std::uint32_t { size, head, tail, end };

// Sends one part; data may be nullptr for a block that can't be read.
using Send = std::function<void(Part part, std::uint64_t sectors, const Block* data)>;
// Runs in the child.
using Reader = std::function<void(const std::string& path, const Send& send)>;

// Read the size and the two blocks of a block device or a file.
void read_device(const std::string& path, const Send& send);

// Let a child read and take what it has sent when it is done or time is up.
// Returns without an answer, too, if no child can be made.
[[nodiscard]] Seen look(const std::string& path, std::chrono::milliseconds limit,
                        const Reader& reader = read_device);

} // namespace remap::probe
