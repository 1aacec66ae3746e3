// SPDX-License-Identifier: GPL-2.0-only
#include "core/configuration.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>

#include "base/error.h"
#include "base/text.h"
#include "sys/new_file.h"

namespace remap::core {

namespace {

constexpr const char* remaptab_path = "/etc/remaptab";
constexpr const char* configuration_path = "/etc/dm-remap/remapctl.conf";

std::string read_if_there(const std::string& path) {
    std::error_code error;
    if (!std::filesystem::exists(path, error) && !error)
        return {};
    return read_file(path);
}

void set_value(Configuration& configuration, std::string_view key, std::string_view value) {
    if (key != "auto")
        throw Error{Code::usage, "there is no key '" + printable(key) + "'"};
    if (value == "mutual")
        configuration.auto_policy = AutoPolicy::mutual;
    else if (value == "listed")
        configuration.auto_policy = AutoPolicy::listed;
    else if (value == "none")
        configuration.auto_policy = AutoPolicy::none;
    else
        throw Error{Code::usage, "auto is mutual, listed or none, not '" + printable(value) + "'"};
}

void parse_line(Configuration& configuration, std::string_view line) {
    if (line.empty() || line[0] == '#' || line[0] == ';' || line == "[assemble]")
        return;
    if (line[0] == '[')
        throw Error{Code::usage, "there is no section '" + printable(line) + "'"};
    const auto equals = line.find('=');
    if (equals == std::string_view::npos)
        throw Error{Code::usage, "'" + printable(line) + "' is no KEY=VALUE"};
    set_value(configuration, trim(line.substr(0, equals)), trim(line.substr(equals + 1)));
}

// Only one tool at a time changes the file.
Fd lock_directory(const std::string& path) {
    const std::string directory = std::filesystem::path{path}.parent_path();
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    Fd fd = open_file(directory, O_RDONLY | O_DIRECTORY);
    if (::flock(fd.get(), LOCK_EX) != 0)
        throw os_error(errno, "cannot lock " + directory);
    return fd;
}

void write_file(const std::string& path, const std::string& text) {
    sys::NewFile file{path, true};
    if (std::fputs(text.c_str(), file.stream()) < 0)
        throw os_error(errno, "cannot write " + path);
    file.commit();
}

} // namespace

Configuration parse_configuration(std::string_view text) {
    Configuration configuration;
    unsigned number = 0;
    for (const std::string_view line : split(text, '\n')) {
        ++number;
        try {
            parse_line(configuration, trim(line));
        } catch (const Error& e) {
            throw Error{e.code(), strf("line %u: ", number) + e.what()};
        }
    }
    return configuration;
}

Configuration read_configuration(sys::Host& host) {
    const std::string text = read_if_there(host.root + configuration_path);
    try {
        return parse_configuration(text);
    } catch (const Error& e) {
        throw Error{e.code(), std::string{configuration_path} + ": " + e.what()};
    }
}

format::Remaptab read_remaptab(sys::Host& host) {
    format::Remaptab tab = format::parse_remaptab(read_if_there(host.root + remaptab_path));
    for (std::string& problem : tab.problems)
        problem = strf("%s: %s; the line is ignored", remaptab_path, problem.c_str());
    return tab;
}

bool list_set(sys::Host& host, const format::SpareRecord& record) {
    if (record.main.empty())
        return false;
    const std::string path = host.root + remaptab_path;
    const Fd lock = lock_directory(path);
    std::string text = read_if_there(path);
    const format::Remaptab tab = format::parse_remaptab(text);
    if (std::any_of(tab.entries.begin(), tab.entries.end(),
                    [&](const auto& entry) { return entry.set_uuid == record.set_uuid; }))
        return false;
    if (text.empty())
        text = "# Sets of dm-remap that are not found by a member header, see remaptab(5).\n"
               "# NAME  MAIN  SPARE  OPTIONS\n";
    write_file(path, format::add_line(std::move(text), format::remaptab_line(record)));
    return true;
}

bool unlist_set(sys::Host& host, const Uuid& set) {
    const std::string path = host.root + remaptab_path;
    std::error_code error;
    if (!std::filesystem::exists(path, error))
        return false;
    const Fd lock = lock_directory(path);
    const std::string text = read_if_there(path);
    const std::string left = format::without_set(text, set);
    if (left == text)
        return false;
    write_file(path, left);
    return true;
}

} // namespace remap::core
