// SPDX-License-Identifier: GPL-2.0-only
// What every verb has at hand: the options that all verbs share, the machine,
// and the ways to say something. With --json everything that is said ends up in
// one JSON document on standard output, errors also on standard error.
#pragma once

#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/text_table.h"
#include "base/units.h"
#include "dm/device_mapper.h"
#include "sys/host.h"

namespace remap::ctl {

// Exit codes of what worked and found something; failures are remap::Code.
inline constexpr int exit_warning = 10;
inline constexpr int exit_critical = 11;

struct GlobalOptions {
    bool json = false;
    bool dry_run = false;
    bool yes = false;
    bool force = false;
    bool quiet = false;
    bool bytes = false;
    bool no_headings = false;
    int verbose = 0;
    unsigned lock_timeout = 10; // seconds
    std::string columns;        // of tables; empty: all
    std::string color = "auto"; // always, never
};

class Context {
public:
    Context(std::vector<std::string> argv, std::unique_ptr<sys::Host> host,
            std::unique_ptr<dm::DeviceMapper> dm);

    GlobalOptions options;

    [[nodiscard]] sys::Host& host() {
        host_->lock_timeout = std::chrono::seconds{options.lock_timeout};
        return *host_;
    }
    [[nodiscard]] dm::DeviceMapper& dm() { return *dm_; }

    // A line for people; not with --json, nor with --quiet.
    void say(const std::string& line);
    // Lines that were asked for, shown also with --quiet; not with --json.
    void print(const std::string& text);
    // On standard error, and a message of the JSON document.
    void warn(const std::string& text);
    void report(const Error& error);

    // A member of the JSON document, in place of an earlier one of that name; ignored
    // without --json.
    void set(const std::string& key, Json value);
    // The same for something large: writes the value's text itself, at the end.
    using Writer = std::function<void(std::FILE*)>;
    void set_streamed(const std::string& key, Writer writer);
    // Write the JSON document, if there is to be one.
    void finish(int exit_status);
    // Write the document with the members so far to a file, which appears as a whole
    // or not at all; later documents do not have them. Throws as sys::NewFile.
    void save(const std::string& path, bool replace, int exit_status);

    // Says what is about to happen and asks for the name of the device to be typed.
    // Throws Code::refused if something else is typed, or if nobody can be asked.
    // Returns at once with --yes or --dry-run.
    void confirm(const std::string& consequence, const std::vector<std::string>& accepted);

    // For columns: human, or plain bytes with --bytes.
    [[nodiscard]] std::string size_text(Bytes size) const;
    // A table that shows what --columns asks for. Throws Code::usage.
    [[nodiscard]] TextTable table(std::vector<TextTable::Column> columns);
    void print(const TextTable& table) { print(table.render(!options.no_headings)); }
    // In colour, where the terminal and the user want it.
    enum class Style { good, warning, bad };
    [[nodiscard]] std::string paint(Style style, const std::string& text) const;
    // A line about how far long work is, redrawn while it goes on; nothing unless
    // standard error is a terminal. An empty text removes it.
    void show_progress(const std::string& text);

private:
    void message(const char* severity, const std::string& text);
    void write_document(std::FILE* out, int exit_status) const;

    std::vector<std::string> argv_;
    std::unique_ptr<sys::Host> host_;
    std::unique_ptr<dm::DeviceMapper> dm_;
    std::size_t progress_width_ = 0;
    bool made_table_ = false;
    Json messages_ = Json::array();
    std::vector<std::pair<std::string, std::variant<Json, Writer>>> members_;
};

// Writes a JSON array whose elements come one by one.
class ArrayWriter {
public:
    explicit ArrayWriter(std::FILE* out) : out_{out} { std::fputc('[', out_); }
    void add(const std::string& element);
    void end() { std::fputs(empty_ ? "]" : "\n  ]", out_); }

private:
    std::FILE* out_;
    bool empty_ = true;
};

} // namespace remap::ctl
