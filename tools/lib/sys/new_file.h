// SPDX-License-Identifier: GPL-2.0-only
// A file that is there as a whole or not at all.
#pragma once

#include <cstdio>
#include <memory>
#include <string>

namespace remap::sys {

// Written under another name in the same directory, made durable, then renamed.
class NewFile {
public:
    // Throws Code::busy if path exists and must not be replaced, Code::refused if it
    // is no plain file, os_error if the directory can't be written.
    NewFile(std::string path, bool replace);
    // Without commit() nothing is left behind.
    ~NewFile();
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;

    [[nodiscard]] std::FILE* stream() { return stream_.get(); }
    // Throws os_error if anything could not be written.
    void commit();

private:
    struct Close {
        void operator()(std::FILE* file) const { (void)std::fclose(file); }
    };
    void check_target() const;
    void put_in_place();

    std::string path_;
    bool replace_;
    std::string temporary_;
    std::unique_ptr<std::FILE, Close> stream_;
};

} // namespace remap::sys
