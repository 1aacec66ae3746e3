// SPDX-License-Identifier: GPL-2.0-only
// The target "remap" as text: its table and status lines, messages and their
// answers (dm-remap(4), version 1). Everything that comes from the kernel is
// parsed strictly: a line that is not understood is an error, not a guess.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ranges.h"
#include "base/uuid.h"
#include "dm/device_mapper.h"

namespace remap::dm {

inline constexpr const char* remap_target = "remap";

// The device-mapper UUID of a set, and back.
[[nodiscard]] std::string device_uuid(const Uuid& set);
[[nodiscard]] std::optional<Uuid> set_of_device(std::string_view device_uuid);

struct RemapTable {
    DeviceNumber main;
    DeviceNumber spare;
    std::vector<std::string> options;

    // As the parameters of a table line.
    [[nodiscard]] std::string str() const;
    // Throws Code::kernel if the line isn't one of a remap target.
    [[nodiscard]] static RemapTable parse(std::string_view params);

    bool operator==(const RemapTable&) const = default;
};

enum class Mode { active, paused, full, main_fault, spare_fault, meta_fault, fail };
// As in the status line: "active", "main-fault", ...
[[nodiscard]] const char* mode_name(Mode mode);

// Why an entry exists, in the order of status field 12.
enum class Reason { write_error, read_error, admin, scan, weak, moved, shield };
inline constexpr std::size_t nr_reasons = 7;
// "write_error", ...
[[nodiscard]] const char* reason_name(Reason reason);

struct RemapStatus {
    Mode mode = Mode::active;
    bool read_only = false;
    std::uint64_t slots_used = 0;
    std::uint64_t slots_total = 0;
    std::uint64_t slots_bad = 0;
    std::uint64_t entries = 0;
    std::uint64_t lost_sectors = 0;
    std::uint64_t main_read_errors = 0;
    std::uint64_t main_write_errors = 0;
    std::uint64_t spare_errors = 0;
    std::uint64_t healed = 0;
    std::array<std::uint64_t, nr_reasons> by_reason{};
    unsigned superblocks_valid = 0; // of 2
    unsigned tables_valid = 0;      // of 2
    std::uint64_t frozen = 0;       // table blocks
    std::uint64_t generation = 0;
    std::uint64_t redirected_reads = 0;
    std::uint64_t redirected_writes = 0;
    std::uint64_t activation = 0;
    Uuid set_uuid;

    // Throws Code::kernel if the line is not understood. Later versions of the
    // line may have more fields, which are ignored.
    [[nodiscard]] static RemapStatus parse(std::string_view params);
};

// One line of the answer to "list".
struct MapEntry {
    BlockNo block;
    std::uint64_t slot = 0;
    std::uint8_t lost_mask = 0;
    Reason reason = Reason::admin;
    bool shield = false;
    bool lost_on_spare = false;
    bool changing = false;
    bool fenced = false;

    bool operator==(const MapEntry&) const = default;
};

struct ListPage {
    std::vector<MapEntry> entries;
    std::optional<BlockNo> next; // nothing: this was the last page
};
[[nodiscard]] ListPage parse_list(std::string_view answer);

// The answer to a message that works on ranges: how far it got and its numbers.
struct WorkAnswer {
    std::optional<std::uint64_t> next; // nothing: "ok"
    std::vector<std::uint64_t> numbers;
};
// numbers: how many numbers have to follow. Throws Code::kernel.
[[nodiscard]] WorkAnswer parse_work(std::string_view answer, std::size_t numbers);

struct Counter {
    std::string name;
    std::uint64_t value = 0;
};
// The answer to "stats".
[[nodiscard]] std::vector<Counter> parse_stats(std::string_view answer);

// " block" and " block+count", as they follow the verb of a message.
[[nodiscard]] std::string message_ranges(const std::vector<BlockRange>& ranges);

} // namespace remap::dm
