// SPDX-License-Identifier: GPL-2.0-only
// What is recorded on a spare, in the types of this library. Layout and
// validation are those of the kernel module (dm-remap-layout.h).
#pragma once

#include <array>
#include <cstdint>
#include <dm-remap-layout.h>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "base/uuid.h"
#include "format/block_io.h"

namespace remap::format {

enum class State { creating = 1, active = 2, dissolving = 3, retired = 4 };
// "creating", "active", "dissolving", "retired".
[[nodiscard]] const char* state_name(State state);
// "write_error", "read_error", "admin", "scan", "weak", "moved", "shield", or
// "unknown".
[[nodiscard]] const char* reason_name(unsigned reason);

// How main is recognised; unknown parts are empty.
struct Identity {
    // Stands for the UUID of a partition that has none (DOS tables without disk
    // signature): followed by the sector it starts at. Names it within its disk only.
    static constexpr const char* start_prefix = "start-";

    std::string wwn;
    std::string serial;
    std::string partuuid;

    [[nodiscard]] bool empty() const { return wwn.empty() && serial.empty() && partuuid.empty(); }
    bool operator==(const Identity&) const = default;
};

// The content of a superblock.
struct SpareRecord {
    Uuid set_uuid;
    Uuid spare_uuid;
    std::string label;
    State state = State::creating;
    std::uint64_t seq = 0;
    std::uint64_t epoch = 1;
    std::uint64_t activation = 0;
    std::uint64_t compat = 0;
    std::uint64_t ro_compat = 0;
    std::uint64_t incompat = 0;
    std::uint64_t created = 0; // seconds since 1970
    std::uint64_t updated = 0;
    Sector spare_size;
    Sector main_size;
    std::uint32_t main_lbs = 512; // bytes
    std::uint32_t main_pbs = 512;
    std::uint64_t slots = 0;
    std::uint64_t table_blocks = 0;
    std::uint64_t table_init = 0;
    Identity main;
    std::string options;
};

// One copy of the superblock as it was found.
struct SuperblockCopy {
    dmr_superblock raw{};
    std::string problem; // why it is not valid; empty: it is
    bool readable = false;
    bool has_magic = false; // and is not that of another device, see tail_is_of()

    [[nodiscard]] bool valid() const { return problem.empty(); }
};

struct Superblocks {
    std::array<SuperblockCopy, 2> copy;
    int chosen = -1;     // index of the newest valid copy, or -1
    std::string problem; // why none was chosen

    [[nodiscard]] bool found() const { return chosen >= 0; }
    // True if either copy carries the magic, whatever its condition.
    [[nodiscard]] bool is_member() const { return copy[0].has_magic || copy[1].has_magic; }
    [[nodiscard]] const dmr_superblock& best() const {
        return copy[static_cast<std::size_t>(chosen)].raw;
    }
};

// Does the copy in the last block say that it was written for this device? The last
// block of a disk may be that of its last partition.
[[nodiscard]] bool tail_is_of(const dmr_superblock& raw, Sector device_size);

// Read both copies. Never throws for what is or isn't on the device.
[[nodiscard]] Superblocks read_superblocks(BlockReader& device);

[[nodiscard]] SpareRecord decode(const dmr_superblock& raw);

// A superblock without copy, place and checksum: see dmr_sb_seal(). Geometry is
// computed from record.spare_size; slots and table_blocks are ignored. Throws
// Code::refused if the spare is too small, Code::usage if a text is too long.
[[nodiscard]] dmr_superblock encode(const SpareRecord& record);

// Why the kernel would not take that entry, or nullptr: dmr_entry_check(), and the
// limit of generations.
[[nodiscard]] const char* entry_problem(const dmr_superblock& sb, const dmr_entry& entry,
                                        std::uint64_t slot);

// One table block as found in both copies.
struct TablePair {
    std::uint64_t index = 0;
    std::array<const dmr_table_block*, 2> block{}; // nullptr: does not count
    std::array<std::string, 2> problem;            // why not
    // The same, but also what is sound and only distrusted: written before the
    // superblock declared that copy dead.
    std::array<const dmr_table_block*, 2> sound{};
    // The copy that holds: 0, 1, or -1 if there is none or they contradict.
    int chosen = -1;
    bool conflict = false; // same sequence number, different content

    [[nodiscard]] const dmr_table_block* best() const {
        return chosen < 0 ? nullptr : block[static_cast<std::size_t>(chosen)];
    }
};

// Read table blocks [first, first + count) of both copies and hand over each.
// The blocks are valid only during the call.
void for_each_table_block(BlockReader& device, const dmr_superblock& sb, std::uint64_t first,
                          std::uint64_t count, const std::function<void(const TablePair&)>& visit);

// A mapped entry and its slot.
struct Entry {
    std::uint64_t slot = 0;
    dmr_mapping mapping{};
};

// The mapped entries of the table, by slot. Entries that are not plausible and
// table blocks without a good copy are left out and counted in *damaged.
[[nodiscard]] std::vector<Entry> read_entries(BlockReader& device, const dmr_superblock& sb,
                                              std::uint64_t* damaged);

} // namespace remap::format
