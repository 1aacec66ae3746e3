// SPDX-License-Identifier: GPL-2.0-only
// Putting a shield on main and taking it off again, so that a crash at any moment
// leaves main's content complete: on main itself as long as its first sector is not a
// member header of the set, in the slots from then on. That sector is written alone,
// first when the shield goes on and last when it goes off.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/set.h"
#include "core/shield_plan.h"
#include "format/build.h"
#include "format/member.h"

namespace remap::core {

// Main opened for writing; both belong to somebody else.
struct OpenMain {
    format::BlockWriter& file;
    const sys::BlockDevice& device;
};

// Both members opened for writing, with udev kept away from their disks.
class OpenMembers {
public:
    // Throws Code::busy if anybody has claimed one.
    OpenMembers(sys::Host& host, const sys::BlockDevice& main, const sys::BlockDevice& spare);

    [[nodiscard]] format::BlockWriter& main() { return *main_; }
    [[nodiscard]] format::BlockWriter& spare() { return *spare_; }
    [[nodiscard]] OpenMain open_main() { return {*main_, main_device}; }
    const sys::BlockDevice main_device;
    const sys::BlockDevice spare_device;

private:
    std::vector<sys::Lock> disks_;
    std::unique_ptr<format::BlockWriter> main_;
    std::unique_ptr<format::BlockWriter> spare_;
};

// The header that main gets: identity is that of the spare.
[[nodiscard]] format::MemberHeader member_header(const format::SpareRecord& record,
                                                 const format::Identity& identity);

// True if main's first sector names the set and the spare of that record.
[[nodiscard]] bool carries_shield(format::BlockReader& main, const format::SpareRecord& record);

// What a block of main holds, compared with what it had and what it was to get.
enum class Holds {
    original,
    image,
    torn,       // a mixture of both: a crash came while it was written
    other,      // somebody else has written to it
    unreadable, // a sector was being written when the power went, or it is bad
};
[[nodiscard]] Holds compare_block(format::BlockReader& main, const format::StoredShield& block);

// Write the images: the first sector first. Blocks that hold theirs already are left
// alone. Throws when a write fails; what was written stays.
void put_images(const OpenMain& main, const std::vector<format::StoredShield>& blocks);
// Write the originals: the first sector last.
void put_originals(const OpenMain& main, const std::vector<format::StoredShield>& blocks);
// Write to these blocks of main what they hold: whether they can be written shows
// before it matters. Throws when one can't.
void test_blocks(const OpenMain& main, const std::vector<BlockNo>& blocks);

// Put the shield on and make the set ACTIVE; the spare is CREATING and holds these
// blocks. Throws with main as it was before; if main can't be put back the error says
// so.
void put_shield(sys::Host& host, OpenMembers& members,
                const std::vector<format::StoredShield>& blocks);

// A set whose creation was cut off after its member header was on main: finish it.
// Throws Code::refused for a set that is not CREATING or a main without its header,
// Code::damaged if main or the spare were changed since, and as put_shield().
void finish_creation(sys::Host& host, const sys::BlockDevice& main, const sys::BlockDevice& spare);

// What is left of a creation that was cut off before that: nothing but, at worst, a
// torn first sector, which gets its content back. Throws os_error when that fails.
void undo_creation(const OpenMain& main, const std::vector<format::StoredShield>& blocks);

// Whether the superblock says so.
[[nodiscard]] bool has_shield(const FoundSpare& spare);

struct RefreshResult {
    std::uint64_t blocks = 0;    // of the shield
    std::uint64_t rewritten = 0; // were out of date
    std::vector<std::string> warnings;
};
// Bring the compressed copies on main up to date with the slots. The set is not
// assembled. What fails is a warning: the slots have everything. Throws only if the
// members can't be opened or the metadata can't be loaded, also for a set without a
// shield: see has_shield().
RefreshResult refresh_shield(sys::Host& host, const sys::BlockDevice& main,
                             const sys::BlockDevice& spare);

// The same for all sets that are there, whole and beyond doubt, and not assembled:
// others than stop_set() may have stopped them. What fails is a warning.
[[nodiscard]] std::vector<std::string> refresh_stopped(sys::Host& host, dm::DeviceMapper& dm);

// The kernel looks for partitions on main again, which nobody has open: those that it
// knows are not there behind a shield, and are there without one. What fails is a
// warning.
std::vector<std::string> hide_partitions(sys::Host& host, const sys::BlockDevice& main);
std::vector<std::string> show_partitions(sys::Host& host, const sys::BlockDevice& main);

} // namespace remap::core
