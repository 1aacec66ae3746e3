// SPDX-License-Identifier: GPL-2.0-only
#include "dm/remap_target.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"

namespace remap::dm {

namespace {

constexpr std::string_view uuid_prefix = "REMAP-";
constexpr std::size_t status_fields = 20;
constexpr unsigned abi_version = 1;

constexpr std::array mode_names = {"active",      "paused",     "full", "main-fault",
                                   "spare-fault", "meta-fault", "fail"};
constexpr std::array reason_names = {"write_error", "read_error", "admin", "scan",
                                     "weak",        "moved",      "shield"};
constexpr std::string_view reason_letters = "wraskmh";

Error not_understood(const char* what, std::string_view text) {
    constexpr std::size_t limit = 200;
    return {Code::kernel,
            strf("the remap target's %s is not understood: '%s'", what,
                 printable(text.substr(0, limit)).c_str()),
            "is the module of another version than the tools?"};
}

// Reads fields one by one; the first that doesn't parse is an error.
class Fields {
public:
    Fields(const char* what, std::string_view line)
        : what_{what}, line_{line}, words_{words(line)} {}

    [[nodiscard]] std::size_t left() const { return words_.size() - at_; }

    [[noreturn]] void fail() const { throw not_understood(what_, line_); }

    std::string_view word() {
        if (left() == 0)
            fail();
        return words_[at_++];
    }

    template <std::unsigned_integral T = std::uint64_t>
    T number() {
        return number_in<T>(word());
    }

    template <std::unsigned_integral T = std::uint64_t>
    [[nodiscard]] T number_in(std::string_view text, int base = 10) const {
        const auto value = parse_number<T>(text, base);
        if (!value)
            fail();
        return *value;
    }

    // Exactly n numbers between separators.
    std::vector<std::uint64_t> numbers(char separator, std::size_t n) {
        std::vector<std::uint64_t> result;
        for (const std::string_view part : split(word(), separator))
            result.push_back(number_in(part));
        if (result.size() != n)
            fail();
        return result;
    }

    // The index of the next word in a list of names.
    template <class Names>
    std::size_t one_of(const Names& names) {
        const auto it = std::find(names.begin(), names.end(), word());
        if (it == names.end())
            fail();
        return static_cast<std::size_t>(it - names.begin());
    }

private:
    const char* what_;
    std::string_view line_;
    std::vector<std::string_view> words_;
    std::size_t at_ = 0;
};

DeviceNumber parse_device(Fields& fields) {
    const auto parts = fields.numbers(':', 2);
    if (parts[0] > UINT32_MAX || parts[1] > UINT32_MAX)
        fields.fail();
    return {static_cast<unsigned>(parts[0]), static_cast<unsigned>(parts[1])};
}

MapEntry parse_map_entry(std::string_view line) {
    Fields fields{"list", line};
    MapEntry entry;
    entry.block = BlockNo{fields.number()};
    entry.slot = fields.number();
    const std::string_view mask = fields.word();
    if (mask.size() != 2)
        fields.fail();
    entry.lost_mask = fields.number_in<std::uint8_t>(mask, 16);
    const std::string_view reason = fields.word();
    const auto letter =
        reason.size() == 1 ? reason_letters.find(reason[0]) : std::string_view::npos;
    if (letter == std::string_view::npos)
        fields.fail();
    entry.reason = static_cast<Reason>(letter);
    const std::string_view flags = fields.word();
    for (const char flag : flags == "-" ? std::string_view{} : flags) {
        if (flag == 's')
            entry.shield = true;
        else if (flag == 'l')
            entry.lost_on_spare = true;
        else if (flag == 'b')
            entry.changing = true;
        else if (flag == 'f')
            entry.fenced = true;
        // other letters belong to later versions
    }
    return entry;
}

} // namespace

std::string device_uuid(const Uuid& set) {
    return std::string{uuid_prefix} + set.str();
}

std::optional<Uuid> set_of_device(std::string_view device_uuid) {
    if (!device_uuid.starts_with(uuid_prefix))
        return std::nullopt;
    return Uuid::parse(device_uuid.substr(uuid_prefix.size()));
}

std::string RemapTable::str() const {
    std::string text = main.str() + " " + spare.str();
    if (!options.empty())
        text += " " + std::to_string(options.size()) + " " + join(options, " ");
    return text;
}

RemapTable RemapTable::parse(std::string_view params) {
    Fields fields{"table", params};
    RemapTable table;
    table.main = parse_device(fields);
    table.spare = parse_device(fields);
    if (fields.left() == 0)
        return table;
    if (fields.number() != fields.left())
        fields.fail();
    while (fields.left() > 0)
        table.options.emplace_back(fields.word());
    return table;
}

const char* mode_name(Mode mode) {
    return mode_names.at(static_cast<std::size_t>(mode));
}

const char* reason_name(Reason reason) {
    return reason_names.at(static_cast<std::size_t>(reason));
}

RemapStatus RemapStatus::parse(std::string_view params) {
    Fields fields{"status", params};
    const bool exact = fields.left() == status_fields;
    const unsigned version = fields.number<unsigned>();
    if (version < abi_version || (version == abi_version && !exact))
        fields.fail();
    RemapStatus s;
    s.mode = static_cast<Mode>(fields.one_of(mode_names));
    s.read_only = fields.one_of(std::array{"rw", "ro"}) == 1;
    const auto slots = fields.numbers('/', 2);
    s.slots_used = slots[0];
    s.slots_total = slots[1];
    s.slots_bad = fields.number();
    s.entries = fields.number();
    s.lost_sectors = fields.number();
    s.main_read_errors = fields.number();
    s.main_write_errors = fields.number();
    s.spare_errors = fields.number();
    s.healed = fields.number();
    const auto reasons = fields.numbers(',', nr_reasons);
    std::copy(reasons.begin(), reasons.end(), s.by_reason.begin());
    s.superblocks_valid = fields.number<unsigned>();
    s.tables_valid = fields.number<unsigned>();
    s.frozen = fields.number();
    s.generation = fields.number();
    s.redirected_reads = fields.number();
    s.redirected_writes = fields.number();
    s.activation = fields.number();
    const auto uuid = Uuid::parse(fields.word());
    if (!uuid || s.superblocks_valid > 2 || s.tables_valid > 2)
        fields.fail();
    s.set_uuid = *uuid;
    return s;
}

ListPage parse_list(std::string_view answer) {
    ListPage page;
    const auto lines = split(trim(answer), '\n');
    for (std::size_t i = 0; i + 1 < lines.size(); ++i)
        page.entries.push_back(parse_map_entry(lines[i]));
    const std::string_view last = trim(lines.back());
    if (last == "end")
        return page;
    Fields fields{"list", last};
    if (fields.word() != "next")
        fields.fail();
    page.next = BlockNo{fields.number()};
    if (fields.left() != 0)
        fields.fail();
    return page;
}

WorkAnswer parse_work(std::string_view answer, std::size_t numbers) {
    Fields fields{"answer", answer};
    WorkAnswer result;
    const std::string_view word = fields.word();
    if (word == "next")
        result.next = fields.number();
    else if (word != "ok")
        fields.fail();
    for (std::size_t i = 0; i < numbers; ++i)
        result.numbers.push_back(fields.number());
    return result;
}

std::vector<Counter> parse_stats(std::string_view answer) {
    std::vector<Counter> counters;
    for (const std::string_view line : split(answer, '\n')) {
        if (trim(line).empty())
            continue;
        const auto parts = split(trim(line), '=');
        const auto value = parts.size() == 2 ? parse_number<std::uint64_t>(parts[1]) : std::nullopt;
        if (!value || parts[0].empty())
            throw not_understood("list of counters", line);
        counters.push_back({printable(parts[0]), *value});
    }
    return counters;
}

std::string message_ranges(const std::vector<BlockRange>& ranges) {
    std::string text;
    for (const BlockRange& range : ranges) {
        text += ' ';
        text += std::to_string(range.first.value());
        if (range.count > BlockNo{1}) {
            text += '+';
            text += std::to_string(range.count.value());
        }
    }
    return text;
}

} // namespace remap::dm
