// SPDX-License-Identifier: GPL-2.0-only
// Aligned columns for people.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace remap {

class TextTable {
public:
    enum class Align { left, right };
    struct Column {
        std::string heading;
        Align align = Align::left;
        std::size_t width = 0; // at least; for tables that are printed line by line
    };

    explicit TextTable(std::vector<Column> columns);
    // Show only the columns of that list of headings, "name,state", in that order;
    // an empty list means all. Throws Code::usage for an unknown one.
    void select(std::string_view headings);
    // One cell per column, of those that select() chose from; missing and empty ones
    // are shown as "-". Colours (escape sequences) take no width.
    void add_row(std::vector<std::string> cells);
    // Lines with a final newline, columns two blanks apart, no trailing blanks.
    [[nodiscard]] std::string render(bool with_headings) const;
    // What was added since the last call, for tables too long to keep: aligned by
    // the widths of the columns alone. The headings come with the first call.
    [[nodiscard]] std::string take(bool with_headings);

private:
    [[nodiscard]] std::string line(const std::vector<std::string>& cells,
                                   const std::vector<std::size_t>& widths) const;
    [[nodiscard]] std::vector<std::string> headings() const;

    std::vector<Column> columns_;
    std::vector<std::size_t> shown_; // indices of columns_
    std::vector<std::vector<std::string>> rows_;
    bool headings_taken_ = false;
};

} // namespace remap
