// SPDX-License-Identifier: GPL-2.0-only
// What the verbs of the family metadata share.
#pragma once

#include <memory>
#include <string>

#include "format/snapshot.h"
#include "verbs.h"

namespace remap::ctl {

// dump, restore, repair
void add_metadata_dump(CLI::App& family, Selected& selected);

// Make a snapshot the members of the document.
void set_dump(Context& context, std::shared_ptr<const format::Snapshot> snapshot);

// Write a dump to a file and say so; with --dry-run only say it.
void save_dump(Context& context, const std::shared_ptr<const format::Snapshot>& snapshot,
               const std::string& path, bool replace);

} // namespace remap::ctl
