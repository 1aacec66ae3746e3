// SPDX-License-Identifier: GPL-2.0-only
#include "format/remaptab.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "format/set_name.h"

namespace remap::format {

namespace {

using std::string_view;

[[noreturn]] void bad(const std::string& what) {
    throw Error{Code::usage, what};
}

std::string in_quotes(string_view text) {
    return "'" + printable(text) + "'";
}

// \ooo to the character it stands for.
std::string unescape(string_view field) {
    std::string text;
    for (std::size_t i = 0; i < field.size(); ++i) {
        if (const auto code = static_cast<unsigned char>(field[i]); code < ' ' || code == 0x7f)
            bad(in_quotes(field) + " has a control character");
        if (field[i] != '\\') {
            text += field[i];
            continue;
        }
        const auto octal = i + 3 < field.size()
                               ? parse_number<unsigned char>(field.substr(i + 1, 3), 8)
                               : std::nullopt;
        if (!octal || *octal == 0)
            bad(in_quotes(field) + " has a backslash without three octal digits");
        text += static_cast<char>(*octal);
        i += 3;
    }
    return text;
}

std::string escape(string_view text) {
    std::string field;
    for (const char c : text) {
        const auto code = static_cast<unsigned char>(c);
        if (code <= ' ' || code == 0x7f || c == '\\' || c == ',' || c == '#')
            field += strf("\\%03o", code);
        else
            field += c;
    }
    return field;
}

void set_once(std::string& to, string_view tag, const std::string& value) {
    if (!to.empty())
        bad(std::string{tag} + " is given twice");
    if (value.empty() || value.size() >= DMR_ID_SIZE)
        bad(std::string{tag} + strf(" takes 1 to %d characters", DMR_ID_SIZE - 1));
    to = value;
}

Sector parse_sectors(const std::string& value) {
    const string_view digits = string_view{value}.substr(0, value.size() - 1);
    const auto number = value.ends_with('s') ? parse_number<std::uint64_t>(digits) : std::nullopt;
    if (!number || *number == 0 || Sector{*number} > max_sector)
        bad(in_quotes(value) + " is no size in sectors, such as 1953525168s");
    return Sector{*number};
}

void parse_identity(string_view field, RemaptabEntry& entry) {
    for (const string_view part : split(field, ',')) {
        const auto equals = part.find('=');
        const string_view tag = part.substr(0, equals);
        const std::string value =
            equals == string_view::npos ? "" : unescape(part.substr(equals + 1));
        if (tag == "WWN")
            set_once(entry.main.wwn, tag, value);
        else if (tag == "SERIAL")
            set_once(entry.main.serial, tag, value);
        else if (tag == "PARTUUID")
            set_once(entry.main.partuuid, tag, value);
        else if (tag == "SIZE" && entry.main_size == Sector{0} && !value.empty())
            entry.main_size = parse_sectors(value);
        else
            bad("main is '-', a path, or WWN=, SERIAL=, PARTUUID= and SIZE=, not " +
                in_quotes(field));
    }
    if (entry.main.empty())
        bad("SIZE= alone does not name the main device");
}

void parse_main(string_view field, RemaptabEntry& entry) {
    if (field == "-")
        return;
    if (field.starts_with('/'))
        entry.main_path = unescape(field);
    else
        parse_identity(field, entry);
}

void parse_spare(string_view field, RemaptabEntry& entry) {
    constexpr string_view prefix = "UUID=";
    if (field.starts_with('/')) {
        entry.spare_path = unescape(field);
        return;
    }
    if (field.starts_with(prefix))
        entry.set_uuid = Uuid::parse(field.substr(prefix.size()));
    if (!entry.set_uuid)
        bad("spare is a path, or UUID= and the UUID of the set, not " + in_quotes(field));
}

std::chrono::seconds parse_timeout(string_view value) {
    const auto digits = value.ends_with('s') ? value.substr(0, value.size() - 1) : value;
    const auto number = parse_number<std::uint32_t>(digits);
    constexpr std::uint32_t most = 86'400;
    if (!number || *number < RemaptabEntry::default_timeout.count() || *number > most)
        bad(strf("timeout takes %lld to %u seconds, not ",
                 static_cast<long long>(RemaptabEntry::default_timeout.count()), most) +
            in_quotes(value));
    return std::chrono::seconds{*number};
}

void parse_options(string_view field, RemaptabEntry& entry) {
    constexpr string_view timeout = "timeout=";
    if (field == "-")
        return;
    for (const string_view option : split(field, ',')) {
        if (option == "noauto")
            entry.no_auto = true;
        else if (option == "readonly")
            entry.read_only = true;
        else if (option == "nofail")
            entry.nofail = true;
        else if (option.starts_with(timeout))
            entry.timeout = parse_timeout(option.substr(timeout.size()));
        else
            bad("there is no option " + in_quotes(option));
    }
}

// The fields of a line, without comment.
std::vector<string_view> fields_of(string_view line) {
    std::vector<string_view> fields = words(line);
    const auto comment = std::find_if(fields.begin(), fields.end(),
                                      [](string_view field) { return field.starts_with('#'); });
    fields.erase(comment, fields.end());
    return fields;
}

RemaptabEntry parse_line(const std::vector<string_view>& fields) {
    constexpr std::size_t least = 3;
    if (fields.size() < least || fields.size() > least + 1)
        bad(strf("has %zu fields, not 3 or 4: name, main, spare, options", fields.size()));
    RemaptabEntry entry;
    entry.name = unescape(fields[0]);
    if (const auto problem = name_problem(entry.name))
        bad(*problem);
    parse_main(fields[1], entry);
    parse_spare(fields[2], entry);
    if (fields.size() > least)
        parse_options(fields[3], entry);
    return entry;
}

void require_new(const std::vector<RemaptabEntry>& entries, const RemaptabEntry& entry) {
    for (const RemaptabEntry& other : entries) {
        if (other.name == entry.name)
            bad(strf("the name %s is that of line %u", in_quotes(entry.name).c_str(), other.line));
        if (entry.set_uuid && other.set_uuid == entry.set_uuid)
            bad(strf("the set is that of line %u", other.line));
    }
}

} // namespace

Remaptab parse_remaptab(string_view text) {
    Remaptab result;
    unsigned number = 0;
    for (const string_view line : split(text, '\n')) {
        ++number;
        const std::vector<string_view> fields = fields_of(line);
        if (fields.empty())
            continue;
        try {
            RemaptabEntry entry = parse_line(fields);
            entry.line = number;
            require_new(result.entries, entry);
            result.entries.push_back(std::move(entry));
        } catch (const Error& e) {
            result.problems.push_back(strf("line %u: ", number) + e.what());
        }
    }
    return result;
}

std::string remaptab_line(const SpareRecord& record) {
    std::vector<std::string> main;
    if (!record.main.wwn.empty())
        main.push_back("WWN=" + escape(record.main.wwn));
    if (!record.main.serial.empty())
        main.push_back("SERIAL=" + escape(record.main.serial));
    if (!record.main.partuuid.empty())
        main.push_back("PARTUUID=" + escape(record.main.partuuid));
    if (!main.empty())
        main.push_back("SIZE=" + std::to_string(record.main_size.value()) + "s");
    return escape(record.label) + "  " + (main.empty() ? "-" : join(main, ",")) +
           "  UUID=" + record.set_uuid.str();
}

std::string add_line(std::string text, const std::string& line) {
    if (!text.empty() && !text.ends_with('\n'))
        text += '\n';
    return text + line + '\n';
}

std::string without_set(string_view text, const Uuid& set) {
    std::string result;
    while (!text.empty()) {
        const string_view line = text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
        text.remove_prefix(line.size());
        const Remaptab parsed = parse_remaptab(line);
        if (parsed.entries.empty() || parsed.entries[0].set_uuid != set)
            result += line;
    }
    return result;
}

} // namespace remap::format
