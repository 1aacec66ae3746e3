// SPDX-License-Identifier: GPL-2.0-only
#include "base/text_table.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/text.h"

namespace remap {

namespace {

// Cells hold names from the user, which may be UTF-8: count code points.
std::size_t width_of(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }));
}

} // namespace

TextTable::TextTable(std::vector<Column> columns)
    : columns_{std::move(columns)}, shown_(columns_.size()) {
    std::iota(shown_.begin(), shown_.end(), std::size_t{0});
}

void TextTable::select(const std::vector<std::string>& headings) {
    shown_.clear();
    for (const std::string& heading : headings) {
        const auto it = std::find_if(columns_.begin(), columns_.end(), [&](const Column& column) {
            return to_lower(column.heading) == to_lower(heading);
        });
        if (it == columns_.end()) {
            std::vector<std::string> known;
            for (const Column& column : columns_)
                known.push_back(to_lower(column.heading));
            throw Error{Code::usage, "there is no column '" + printable(heading) + "'",
                        "columns are " + join(known, ", ")};
        }
        shown_.push_back(static_cast<std::size_t>(it - columns_.begin()));
    }
}

void TextTable::add_row(std::vector<std::string> cells) {
    cells.resize(columns_.size());
    for (std::string& cell : cells)
        if (cell.empty())
            cell.push_back('-');
    rows_.push_back(std::move(cells));
}

std::string TextTable::render(bool with_headings) const {
    std::vector<std::size_t> widths(columns_.size());
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        widths[i] = with_headings ? width_of(columns_[i].heading) : 0;
        for (const auto& row : rows_)
            widths[i] = std::max(widths[i], width_of(row[i]));
    }
    std::string out;
    const auto add = [&](const auto& cell_of) {
        std::string line;
        for (const std::size_t i : shown_) {
            const std::string& cell = cell_of(i);
            const std::size_t padding = widths[i] - width_of(cell);
            const bool right = columns_[i].align == Align::right;
            line.append(right ? padding : 0, ' ');
            line.append(cell);
            line.append((right ? 0 : padding) + 2, ' ');
        }
        line.resize(line.find_last_not_of(' ') + 1);
        out += line + '\n';
    };
    if (with_headings)
        add([&](std::size_t i) -> const std::string& { return columns_[i].heading; });
    for (const auto& row : rows_)
        add([&](std::size_t i) -> const std::string& { return row[i]; });
    return out;
}

} // namespace remap
