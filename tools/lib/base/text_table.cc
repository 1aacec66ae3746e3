// SPDX-License-Identifier: GPL-2.0-only
#include "base/text_table.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace remap {

namespace {

// Cells hold names from the user, which may be UTF-8: count code points, and not
// the escape sequences of colours.
std::size_t width_of(const std::string& text) {
    std::size_t width = 0;
    bool escape = false;
    for (const char c : text) {
        if (c == '\033')
            escape = true;
        if (!escape && (static_cast<unsigned char>(c) & 0xc0) != 0x80)
            ++width;
        if (escape && c == 'm')
            escape = false;
    }
    return width;
}

} // namespace

TextTable::TextTable(std::vector<Column> columns) : columns_{std::move(columns)} {
    select({});
}

void TextTable::select(std::string_view headings) {
    shown_.clear();
    if (headings.empty()) {
        shown_.resize(columns_.size());
        std::iota(shown_.begin(), shown_.end(), std::size_t{0});
        return;
    }
    for (const std::string_view part : split(headings, ',')) {
        const std::string wanted = to_lower(trim(part));
        const auto it = std::find_if(columns_.begin(), columns_.end(), [&](const Column& column) {
            return to_lower(column.heading) == wanted;
        });
        if (it == columns_.end()) {
            std::vector<std::string> names;
            for (const Column& column : columns_)
                names.push_back(to_lower(column.heading));
            throw Error{Code::usage, "there is no column '" + printable(trim(part)) + "'",
                        "columns are " + join(names, ", ")};
        }
        shown_.push_back(static_cast<std::size_t>(it - columns_.begin()));
    }
}

void TextTable::add_row(std::vector<std::string> cells) {
    cells.resize(columns_.size());
    std::vector<std::string> row;
    for (const std::size_t i : shown_)
        row.push_back(cells[i].empty() ? "-" : cells[i]);
    rows_.push_back(std::move(row));
}

std::vector<std::string> TextTable::headings() const {
    std::vector<std::string> row;
    for (const std::size_t i : shown_)
        row.push_back(columns_[i].heading);
    return row;
}

std::string TextTable::line(const std::vector<std::string>& cells,
                            const std::vector<std::size_t>& widths) const {
    std::string text;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const std::size_t width = width_of(cells[i]);
        const std::size_t padding = widths[i] > width ? widths[i] - width : 0;
        const bool right = columns_[shown_[i]].align == Align::right;
        text.append(right ? padding : 0, ' ');
        text.append(cells[i]);
        text.append((right ? 0 : padding) + 2, ' ');
    }
    text.resize(text.find_last_not_of(' ') + 1);
    return text + '\n';
}

std::string TextTable::render(bool with_headings) const {
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < shown_.size(); ++i) {
        const Column& column = columns_[shown_[i]];
        std::size_t width =
            std::max(column.width, with_headings ? width_of(column.heading) : std::size_t{0});
        for (const auto& row : rows_)
            width = std::max(width, width_of(row[i]));
        widths.push_back(width);
    }
    std::string out = with_headings ? line(headings(), widths) : "";
    for (const auto& row : rows_)
        out += line(row, widths);
    return out;
}

std::string TextTable::take(bool with_headings) {
    std::vector<std::size_t> widths;
    for (const std::size_t i : shown_)
        widths.push_back(std::max(columns_[i].width, width_of(columns_[i].heading)));
    std::string out;
    if (with_headings && !headings_taken_)
        out = line(headings(), widths);
    headings_taken_ = true;
    for (const auto& row : rows_)
        out += line(row, widths);
    rows_.clear();
    return out;
}

} // namespace remap
