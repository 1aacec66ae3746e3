// SPDX-License-Identifier: GPL-2.0-only
// The target "remap" in user space, as dm-remap(4) describes it: status and messages
// from the metadata on the spare, through the same code that the kernel runs. A model
// for tests of the tools: there is no I/O to remap, and each call loads the set anew.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "dm/device_mapper.h"
#include "dm/remap_target.h"
#include "file_host.h"

namespace remap::test {

// What the kernel would keep in memory between two calls.
struct TargetState {
    bool active = false;                           // resumed, with a table that may write
    std::set<std::string> faults;                  // modes that hold: "paused", "full", ...
    std::uint32_t attempts = 0;                    // writes of table blocks in this activation
    std::map<std::string, std::uint64_t> counters; // by their names in "stats"
};

// What the kernel would return for a table or a message.
struct Refusal {
    int error_number;
};

class RemapModel {
public:
    // line: the only one of a table.
    RemapModel(FileHost& host, const dm::Target& line, bool read_only, TargetState& state);

    // What the constructor does: look at everything, write nothing. Throws Refusal.
    void construct();
    // What resume does: the first write of an activation. Throws Refusal.
    void resume();
    // Throws Refusal if the spare can't be loaded.
    [[nodiscard]] std::string status();
    // Throws Refusal.
    [[nodiscard]] std::string message(const std::string& text);

private:
    class Set;
    using Words = std::vector<std::string_view>;

    void check_options() const;
    [[nodiscard]] bool changes_allowed() const { return !read_only_; }
    [[nodiscard]] std::string mode() const;
    [[nodiscard]] std::uint64_t counter(const std::string& name) const;

    [[nodiscard]] std::string dispatch(Set& set, const Words& words);
    [[nodiscard]] std::string list(Set& set, std::string_view from) const;
    [[nodiscard]] std::string stats(const Set& set) const;
    [[nodiscard]] std::string add(Set& set, Words words);
    [[nodiscard]] std::string unmap(Set& set, const Words& words);
    [[nodiscard]] std::string retry(Set& set, const Words& words);
    [[nodiscard]] std::string verify(Set& set, std::uint64_t from);
    [[nodiscard]] std::string rearm(Set& set);

    FileHost& host_;
    dm::RemapTable table_;
    Sector length_;
    bool read_only_;
    TargetState& state_;
};

} // namespace remap::test
