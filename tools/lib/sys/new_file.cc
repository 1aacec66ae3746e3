// SPDX-License-Identifier: GPL-2.0-only
#include "sys/new_file.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

namespace remap::sys {

namespace {

std::string directory_of(const std::string& path) {
    const std::string directory = std::filesystem::path{path}.parent_path();
    return directory.empty() ? "." : directory;
}

} // namespace

NewFile::NewFile(std::string path, bool replace) : path_{std::move(path)}, replace_{replace} {
    check_target();
    std::string name = path_ + ".XXXXXX";
    Fd fd{::mkostemp(name.data(), O_CLOEXEC)}; // mode 0600
    if (!fd)
        throw os_error(errno, "cannot write " + path_);
    temporary_ = name;
    stream_.reset(::fdopen(fd.get(), "w"));
    if (!stream_) {
        ::unlink(temporary_.c_str());
        throw os_error(errno, "cannot write " + path_);
    }
    (void)fd.release();
}

NewFile::~NewFile() {
    if (!temporary_.empty())
        ::unlink(temporary_.c_str());
}

void NewFile::check_target() const {
    struct stat st;
    if (::lstat(path_.c_str(), &st) != 0)
        return;
    if (!S_ISREG(st.st_mode))
        throw Error{Code::refused, path_ + " exists and is no plain file"};
    if (!replace_)
        throw Error{Code::busy, path_ + " exists", "use --force to replace it"};
}

// link() does not replace what somebody else has put there meanwhile.
void NewFile::put_in_place() {
    if (replace_) {
        if (::rename(temporary_.c_str(), path_.c_str()) != 0)
            throw os_error(errno, "cannot write " + path_);
        temporary_.clear();
        return;
    }
    if (::link(temporary_.c_str(), path_.c_str()) == 0)
        return;
    if (errno == EEXIST)
        throw Error{Code::busy, path_ + " exists", "use --force to replace it"};
    // a file system without hard links
    check_target();
    if (::rename(temporary_.c_str(), path_.c_str()) != 0)
        throw os_error(errno, "cannot write " + path_);
    temporary_.clear();
}

void NewFile::commit() {
    if (std::fflush(stream_.get()) != 0 || std::ferror(stream_.get()) != 0 ||
        ::fsync(::fileno(stream_.get())) != 0)
        throw os_error(errno, "cannot write " + path_);
    put_in_place();
    const Fd directory = open_file(directory_of(path_), O_RDONLY | O_DIRECTORY);
    if (::fsync(directory.get()) != 0)
        throw os_error(errno, "cannot write " + path_);
}

} // namespace remap::sys
