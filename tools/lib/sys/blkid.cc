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

std::optional<Bytes> place_in(blkid_probe probe, const char* name) {
    if (const auto offset = parse_number<std::uint64_t>(value_of(probe, name)))
        return Bytes{*offset};
    return std::nullopt;
}

Signature current(blkid_probe probe) {
    if (const std::string table = value_of(probe, "PTTYPE"); !table.empty())
        return {table, "partition-table", {}, place_in(probe, "PTMAGIC_OFFSET")};
    return {value_of(probe, "TYPE"), value_of(probe, "USAGE"), value_of(probe, "LABEL"),
            place_in(probe, "SBMAGIC_OFFSET")};
}

std::vector<Signature> all_signatures(blkid_probe probe, const std::string& what) {
    want_signatures(probe);
    std::vector<Signature> found;
    while (next_signature(probe, what)) {
        Signature signature = current(probe);
        if (!signature.type.empty())
            found.push_back(std::move(signature));
    }
    return found;
}

Probe make_probe(int fd, std::uint32_t lbs, const std::string& what) {
    Probe probe = make_probe(fd, what);
    if (blkid_probe_set_sectorsize(probe.get(), lbs) != 0)
        throw Error{Code::failed, "cannot look for signatures on " + what};
    return probe;
}

// A value of the entry that a partition has in the table of its disk.
std::string partition_entry(const std::string& path, const char* name) {
    const Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!fd)
        return {};
    const Probe probe = make_probe(fd.get(), path);
    blkid_probe_enable_superblocks(probe.get(), 0);
    blkid_probe_enable_partitions(probe.get(), 1);
    blkid_probe_set_partitions_flags(probe.get(), BLKID_PARTS_ENTRY_DETAILS);
    if (blkid_do_safeprobe(probe.get()) < 0)
        return {};
    return value_of(probe.get(), name);
}

} // namespace

std::vector<Signature> probe_signatures(const std::string& path) {
    const Fd fd = open_file(path, O_RDONLY);
    return all_signatures(make_probe(fd.get(), path).get(), path);
}

std::vector<Signature> probe_signatures(int fd, std::uint32_t lbs, const std::string& what) {
    return all_signatures(make_probe(fd, lbs, what).get(), what);
}

std::vector<Partition> probe_partitions(int fd, std::uint32_t lbs, const std::string& what) {
    const Probe probe = make_probe(fd, lbs, what);
    blkid_probe_enable_superblocks(probe.get(), 0);
    blkid_probe_enable_partitions(probe.get(), 1);
    std::vector<Partition> found;
    // belongs to the probe
    blkid_partlist list = blkid_probe_get_partitions(probe.get());
    for (int i = 0; list != nullptr && i < blkid_partlist_numof_partitions(list); ++i) {
        blkid_partition part = blkid_partlist_get_partition(list, i);
        const char* const type = blkid_partition_get_type_string(part);
        found.push_back({static_cast<unsigned>(blkid_partition_get_partno(part)),
                         type != nullptr ? to_lower(printable(type))
                                         : strf("0x%x", static_cast<unsigned>(
                                                            blkid_partition_get_type(part)))});
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
    return partition_entry(path, "PART_ENTRY_UUID");
}

std::string partition_type(const std::string& path) {
    return to_lower(partition_entry(path, "PART_ENTRY_TYPE"));
}

} // namespace remap::sys
