// SPDX-License-Identifier: GPL-2.0-only
// Aligned columns for people.
#pragma once

#include <string>
#include <vector>

namespace remap {

class TextTable {
public:
    enum class Align { left, right };
    struct Column {
        std::string heading;
        Align align = Align::left;
    };

    explicit TextTable(std::vector<Column> columns);
    // Show only these columns, in that order; by heading, in either case. Throws
    // Code::usage if there is no such column.
    void select(const std::vector<std::string>& headings);
    // One cell per column; missing ones are shown as "-".
    void add_row(std::vector<std::string> cells);
    // Lines with a final newline, columns two blanks apart, no trailing blanks.
    [[nodiscard]] std::string render(bool with_headings) const;

private:
    std::vector<Column> columns_;
    std::vector<std::size_t> shown_; // indexes into columns_
    std::vector<std::vector<std::string>> rows_;
};

} // namespace remap
