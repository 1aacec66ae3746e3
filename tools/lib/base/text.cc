// SPDX-License-Identifier: GPL-2.0-only
#include "base/text.h"

#include <cstdarg>
#include <cstdio>

namespace remap {

namespace {

constexpr std::string_view blanks = " \t\r\n\v\f";

// Length of the UTF-8 sequence at the start of text, 0 if it isn't one.
std::size_t utf8_length(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text.front());
    std::size_t length = 0;
    if (lead < 0x80)
        length = 1;
    else if (lead >= 0xc2 && lead < 0xe0)
        length = 2;
    else if (lead >= 0xe0 && lead < 0xf0)
        length = 3;
    else if (lead >= 0xf0 && lead < 0xf5)
        length = 4;
    if (length > text.size())
        return 0;
    for (std::size_t i = 1; i < length; ++i)
        if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80)
            return 0;
    return length;
}

} // namespace

std::string strf(const char* format, ...) {
    char buffer[512]; // nearly everything fits; lists of a million lines come through here
    std::va_list args;
    std::va_list again;
    va_start(args, format);
    va_copy(again, args);
    const int printed = std::vsnprintf(buffer, sizeof(buffer), format, args);
    va_end(args);
    const std::size_t length = printed > 0 ? static_cast<std::size_t>(printed) : 0;
    std::string text;
    if (length < sizeof(buffer)) {
        text.assign(buffer, length);
    } else {
        text.resize(length);
        std::vsnprintf(text.data(), length + 1, format, again);
    }
    va_end(again);
    return text;
}

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::vector<std::string_view> words(std::string_view text) {
    std::vector<std::string_view> result;
    for (;;) {
        const auto first = text.find_first_not_of(blanks);
        if (first == std::string_view::npos)
            return result;
        text.remove_prefix(first);
        const auto length = std::min(text.find_first_of(blanks), text.size());
        result.push_back(text.substr(0, length));
        text.remove_prefix(length);
    }
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> result;
    for (;;) {
        const auto at = text.find(separator);
        result.push_back(text.substr(0, at));
        if (at == std::string_view::npos)
            return result;
        text.remove_prefix(at + 1);
    }
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
    std::string result;
    for (const std::string& part : parts) {
        if (!result.empty())
            result += separator;
        result += part;
    }
    return result;
}

std::string to_lower(std::string_view text) {
    std::string result{text};
    for (char& c : result)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return result;
}

std::string count_of(unsigned long long number, std::string_view word) {
    std::string result = std::to_string(number) + ' ' + std::string{word};
    if (number != 1)
        result += 's';
    return result;
}

std::string printable(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        const std::size_t length = utf8_length(text);
        const auto lead = static_cast<unsigned char>(text.front());
        if (length == 0 || lead < 0x20 || lead == 0x7f)
            result += '?';
        else
            result += text.substr(0, length);
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return result;
}

} // namespace remap
