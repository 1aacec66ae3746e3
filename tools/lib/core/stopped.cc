// SPDX-License-Identifier: GPL-2.0-only
#include "core/stopped.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace remap::core {

namespace {

namespace fs = std::filesystem;

fs::path note_of(const sys::Host& host, const Uuid& set) {
    return host.root + "/run/dm-remap/stopped/" + set.str();
}

// A disk that was taken away comes back with another sequence number (kernels since
// 5.15; before, it is the same disk for ever).
std::string note_text(const std::vector<sys::BlockDevice>& members) {
    std::vector<std::string> lines;
    lines.reserve(members.size());
    for (const sys::BlockDevice& member : members)
        lines.push_back(member.number.str() + " " + std::to_string(member.disk_sequence) + "\n");
    std::sort(lines.begin(), lines.end());
    std::string text;
    for (const std::string& line : lines)
        text += line;
    return text;
}

} // namespace

void remember_stopped(sys::Host& host, const Uuid& set,
                      const std::vector<sys::BlockDevice>& members) {
    const fs::path note = note_of(host, set);
    std::error_code ignored;
    fs::create_directories(note.parent_path(), ignored);
    std::ofstream{note} << note_text(members);
}

void forget_stopped(sys::Host& host, const Uuid& set) {
    std::error_code ignored;
    fs::remove(note_of(host, set), ignored);
}

bool was_stopped(sys::Host& host, const Uuid& set, const std::vector<sys::BlockDevice>& members) {
    std::ifstream file{note_of(host, set)};
    if (!file)
        return false;
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    return text == note_text(members);
}

} // namespace remap::core
