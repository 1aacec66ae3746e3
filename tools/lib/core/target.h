// SPDX-License-Identifier: GPL-2.0-only
// Where metadata gets written to: a device or a file of exactly the recorded size,
// or a file that is made.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "format/snapshot.h"
#include "sys/host.h"

namespace remap::core {

struct MetadataTarget {
    std::string path;
    bool exists = false; // if not: a sparse file will be made
    bool is_device = false;
    sys::BlockDevice device;                // of a device
    std::vector<sys::Signature> signatures; // will be removed
    std::string contents;                   // what is there, as a phrase; may be empty
};

// Look at the target and write nothing. what: where the snapshot comes from, for
// messages. Throws Code::refused if it has another size, or if it holds metadata or
// signatures and force is not given; Code::busy if it is in use.
[[nodiscard]] MetadataTarget inspect_target(sys::Host& host, const std::string& path,
                                            const format::Snapshot& snapshot,
                                            const std::string& what, bool force);

// The target opened for writing a spare with that superblock. A file that was made goes away again
// unless keep() is called.
class OpenTarget {
public:
    OpenTarget(sys::Host& host, const MetadataTarget& target, const dmr_superblock& sb);
    ~OpenTarget();
    OpenTarget(const OpenTarget&) = delete;
    OpenTarget& operator=(const OpenTarget&) = delete;

    [[nodiscard]] format::BlockWriter& device() { return *file_; }
    void keep() { made_.clear(); }

private:
    std::string made_;
    sys::Lock member_;
    sys::Lock disk_;
    std::unique_ptr<format::BlockWriter> file_;
};

} // namespace remap::core
