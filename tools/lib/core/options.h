// SPDX-License-Identifier: GPL-2.0-only
// The options of a set, as dm-remap(4) defines them: in the table line, in the
// superblock and as people type them.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace remap::core {

struct OptionKind {
    const char* name;
    std::uint64_t least;
    std::uint64_t most;
    std::uint64_t usual; // without the option
    bool flag;           // in the table line a word without value
    const char* meaning;
};

inline constexpr std::array option_kinds = {
    OptionKind{"rescue", 0, 1000, 3, false, "healed errors after which a block is moved; 0: never"},
    OptionKind{"isolate_ms", 100, 3'600'000, 60'000, false,
               "time for reading an unreadable block sector by sector"},
    OptionKind{"rate", 0, UINT32_MAX, 1024, false,
               "blocks that may be remapped in 10 seconds; 0: any number"},
    OptionKind{"paused", 0, 1, 0, true, "start without making entries because of errors"},
};

class Options {
public:
    // From the words of a table line or a superblock. What this version does not know
    // is kept as it is.
    explicit Options(const std::vector<std::string>& words = {});

    // "rate=500", "paused=yes", "rate=default". Throws Code::usage.
    void assign(std::string_view text);

    [[nodiscard]] std::uint64_t value(const OptionKind& kind) const;
    // The options that are not at their usual value, in the order of option_kinds.
    [[nodiscard]] std::vector<std::string> words() const;

private:
    std::array<std::uint64_t, option_kinds.size()> values_{};
    std::vector<std::string> unknown_;
};

} // namespace remap::core
