// SPDX-License-Identifier: GPL-2.0-only
#include "context.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <unistd.h>

#include "base/text.h"
#include "sys/new_file.h"
#include "version.h"

namespace remap::ctl {

namespace {

std::string dump(const Json& value, int indent) {
    return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

// Indent the lines after the first, to fit into the document.
std::string nested(const Json& value) {
    std::string text;
    for (const char c : dump(value, 2)) {
        text += c;
        if (c == '\n')
            text += "  ";
    }
    return text;
}

} // namespace

Context::Context(std::vector<std::string> argv, std::unique_ptr<sys::Host> host,
                 std::unique_ptr<dm::DeviceMapper> dm)
    : argv_{std::move(argv)}, host_{std::move(host)}, dm_{std::move(dm)} {}

void Context::say(const std::string& line) {
    if (!options.json && !options.quiet)
        std::cout << line << '\n';
}

void Context::print(const std::string& text) {
    if (!options.json)
        std::cout << text;
}

void Context::message(const char* severity, const std::string& text) {
    messages_.push_back({{"severity", severity}, {"text", text}});
}

void Context::warn(const std::string& text) {
    message("warning", text);
    if (!options.quiet)
        std::cerr << "remapctl: warning: " << text << '\n';
}

void Context::report(const Error& error) {
    message("error", error.what());
    std::cout.flush();
    show_progress({});
    std::cerr << "remapctl: " << error.what() << '\n';
}

void Context::set(const std::string& key, Json value) {
    std::erase_if(members_, [&](const auto& member) { return member.first == key; });
    members_.emplace_back(key, std::move(value));
}

void Context::set_streamed(const std::string& key, Writer writer) {
    members_.emplace_back(key, std::move(writer));
}

void Context::write_document(std::FILE* out, int exit_status) const {
    const Json tool = {{"version", REMAP_VERSION},
                       {"argv", argv_},
                       {"exit_status", exit_status},
                       {"messages", messages_}};
    std::fputs("{\n  \"json_format_version\": [1, 0],\n  \"remapctl\": ", out);
    std::fputs(nested(tool).c_str(), out);
    for (const auto& [key, value] : members_) {
        std::fputs((",\n  " + dump(Json(key), -1) + ": ").c_str(), out);
        if (const Writer* const writer = std::get_if<Writer>(&value))
            (*writer)(out);
        else
            std::fputs(nested(std::get<Json>(value)).c_str(), out);
    }
    std::fputs("\n}\n", out);
}

void Context::finish(int exit_status) {
    std::cout.flush();
    if (!options.columns.empty() && !made_table_ && exit_status == 0)
        warn("this verb has no table: --columns has no effect");
    if (!options.json)
        return;
    write_document(stdout, exit_status);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
        throw os_error(errno, "cannot write to standard output");
}

void Context::save(const std::string& path, bool replace, int exit_status) {
    sys::NewFile file{path, replace};
    write_document(file.stream(), exit_status);
    file.commit();
    members_.clear();
}

void Context::confirm(const std::string& consequence, const std::vector<std::string>& accepted) {
    if (options.yes || options.dry_run)
        return;
    if (options.json || ::isatty(STDIN_FILENO) == 0)
        throw Error{Code::refused, "not confirmed: " + consequence,
                    "nobody can be asked here; give --yes"};
    std::cout.flush();
    std::cerr << consequence << ". Type its name to go on: ";
    std::string answer;
    std::getline(std::cin, answer);
    const std::string_view typed = trim(answer);
    if (std::find(accepted.begin(), accepted.end(), typed) == accepted.end())
        throw Error{Code::refused, "not confirmed, nothing was changed"};
}

TextTable Context::table(std::vector<TextTable::Column> columns) {
    TextTable table{std::move(columns)};
    table.select(options.columns);
    made_table_ = true;
    return table;
}

std::string Context::paint(Style style, const std::string& text) const {
    const char* const no_color = std::getenv("NO_COLOR");
    const char* const term = std::getenv("TERM");
    const bool plain = (no_color != nullptr && *no_color != '\0') || term == nullptr ||
                       std::string_view{term} == "dumb" || ::isatty(STDOUT_FILENO) == 0;
    if (options.json || options.color == "never" || (options.color == "auto" && plain))
        return text;
    const char* const code = style == Style::good      ? "\033[32m"
                             : style == Style::warning ? "\033[33m"
                                                       : "\033[1;31m";
    return code + text + "\033[0m";
}

void Context::show_progress(const std::string& text) {
    if (options.quiet || ::isatty(STDERR_FILENO) == 0)
        return;
    std::string line = text;
    line.resize(std::max(text.size(), progress_width_), ' ');
    progress_width_ = text.size();
    std::cerr << '\r' << line << (text.empty() ? "\r" : "") << std::flush;
}

std::string Context::size_text(Bytes size) const {
    return options.bytes ? std::to_string(size.value()) : human_size(size);
}

void ArrayWriter::add(const std::string& element) {
    std::fputs(empty_ ? "\n    " : ",\n    ", out_);
    std::fputs(element.c_str(), out_);
    empty_ = false;
}

} // namespace remap::ctl
