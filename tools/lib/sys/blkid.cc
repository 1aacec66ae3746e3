// SPDX-License-Identifier: GPL-2.0-only
#include "sys/blkid.h"

#include <blkid/blkid.h>
#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"

namespace remap::sys {

namespace {

struct ProbeDeleter {
    void operator()(blkid_probe probe) const { blkid_free_probe(probe); }
};
using Probe = std::unique_ptr<std::remove_pointer_t<blkid_probe>, ProbeDeleter>;

Probe make_probe(int fd, const std::string& path) {
    Probe probe{blkid_new_probe()};
    if (!probe || blkid_probe_set_device(probe.get(), fd, 0, 0) != 0)
        throw Error{Code::failed, "cannot look for signatures on " + path};
    return probe;
}

void want_signatures(blkid_probe probe) {
    blkid_probe_enable_superblocks(probe, 1);
    blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_USAGE |
                                                 BLKID_SUBLKS_LABEL | BLKID_SUBLKS_MAGIC |
                                                 BLKID_SUBLKS_BADCSUM);
    blkid_probe_enable_partitions(probe, 1);
    blkid_probe_set_partitions_flags(probe, BLKID_PARTS_MAGIC | BLKID_PARTS_FORCE_GPT);
}

std::string value_of(blkid_probe probe, const char* name) {
    const char* data = nullptr;
    if (blkid_probe_lookup_value(probe, name, &data, nullptr) != 0 || data == nullptr)
        return {};
    return printable(data);
}

// The next signature; false at the end. Throws if the device can't be read.
bool next_signature(blkid_probe probe, const std::string& path) {
    errno = 0;
    const int result = blkid_do_probe(probe);
    if (result < 0)
        throw Error{Code::failed, "cannot look for signatures on " + path +
                                      (errno != 0 ? ": " + errno_text(errno) : "")};
    return result == 0;
}

Signature current(blkid_probe probe) {
    if (const std::string table = value_of(probe, "PTTYPE"); !table.empty())
        return {table, "partition-table", {}};
    return {value_of(probe, "TYPE"), value_of(probe, "USAGE"), value_of(probe, "LABEL")};
}

} // namespace

std::vector<Signature> probe_signatures(const std::string& path) {
    const Fd fd = open_file(path, O_RDONLY);
    const Probe probe = make_probe(fd.get(), path);
    want_signatures(probe.get());
    std::vector<Signature> found;
    while (next_signature(probe.get(), path)) {
        Signature signature = current(probe.get());
        if (!signature.type.empty())
            found.push_back(std::move(signature));
    }
    return found;
}

void wipe_signatures(const std::string& path) {
    const Fd fd = open_file(path, O_RDWR);
    const Probe probe = make_probe(fd.get(), path);
    want_signatures(probe.get());
    while (next_signature(probe.get(), path))
        if (blkid_do_wipe(probe.get(), 0) != 0)
            throw Error{Code::failed, "cannot remove the signatures on " + path};
    if (::fsync(fd.get()) != 0)
        throw os_error(errno, "cannot write to " + path);
}

std::string partition_uuid(const std::string& path) {
    const Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!fd)
        return {};
    const Probe probe = make_probe(fd.get(), path);
    blkid_probe_enable_superblocks(probe.get(), 0);
    blkid_probe_enable_partitions(probe.get(), 1);
    blkid_probe_set_partitions_flags(probe.get(), BLKID_PARTS_ENTRY_DETAILS);
    if (blkid_do_safeprobe(probe.get()) < 0)
        return {};
    return value_of(probe.get(), "PART_ENTRY_UUID");
}

} // namespace remap::sys
