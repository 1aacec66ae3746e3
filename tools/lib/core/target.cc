// SPDX-License-Identifier: GPL-2.0-only
#include "core/target.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "core/set.h"
#include "format/map.h"
#include "sys/blkid.h"

namespace remap::core {

namespace {

std::string number(std::uint64_t n) {
    return std::to_string(n);
}

// Devices are asked for first: a path that is neither may be a file to be made.
std::optional<sys::BlockDevice> find_device(sys::Host& host, const std::string& path) {
    try {
        return host.inspect(path);
    } catch (const Error& e) {
        if (e.code() != Code::not_found)
            throw;
    }
    struct stat st;
    if (::stat(path.c_str(), &st) == 0 && S_ISBLK(st.st_mode))
        return host.inspect(path); // has no size, or no place in sysfs: says so
    return std::nullopt;
}

std::uint64_t last_generation(const format::Snapshot& snapshot) {
    std::uint64_t last = 0;
    for (const format::SlotEntry& entry : snapshot.entries) {
        dmr_mapping m;
        dmr_entry_unpack(&entry.raw, &m);
        last = std::max<std::uint64_t>(last, m.gen);
    }
    return last;
}

// "; it is newer than ..." if it is.
std::string newer(format::BlockReader& there, const format::SpareRecord& record,
                  const format::Snapshot& snapshot, const std::string& what) {
    const format::SpareRecord ours = format::decode(snapshot.sb);
    if (record.set_uuid != ours.set_uuid)
        return {};
    if (record.activation != ours.activation)
        return record.activation < ours.activation
                   ? ""
                   : ", and is newer than " + what + ": activation " + number(record.activation) +
                         ", not " + number(ours.activation);
    try {
        const format::LoadedMap map{there};
        const std::uint64_t last = last_generation(snapshot);
        if (map.generation() > last)
            return ", and is newer than " + what + ": generation " + number(map.generation()) +
                   ", not " + number(last);
    } catch (const Error&) {
        return {}; // damaged, so nobody can say
    }
    return {};
}

std::string describe(format::BlockReader& there, const format::Snapshot& snapshot,
                     const std::string& what) {
    const format::Superblocks sbs = format::read_superblocks(there);
    if (!sbs.is_member())
        return {};
    if (!sbs.found())
        return "contains damaged dm-remap metadata";
    const format::SpareRecord record = format::decode(sbs.best());
    std::uint64_t damaged = 0;
    const auto entries = format::read_entries(there, sbs.best(), &damaged);
    return strf("is the spare of set '%s' (%s, %s), which holds ", printable(record.label).c_str(),
                record.set_uuid.str().c_str(), format::state_name(record.state)) +
           count_of(entries.size(), "remapped block") + newer(there, record, snapshot, what);
}

void describe_signatures(MetadataTarget& target) {
    std::vector<std::string> types;
    for (const sys::Signature& signature : target.signatures)
        types.push_back("'" + signature.type + "'");
    if (types.empty())
        return;
    if (!target.contents.empty())
        target.contents += "; ";
    target.contents += "contains a " + join(types, " and a ") + " signature";
}

void check_size(const std::string& path, Sector have, Sector want) {
    if (have != want)
        throw Error{Code::refused,
                    path + ": has " + number(have.value()) + " sectors, the metadata is for " +
                        number(want.value()),
                    "the place of everything depends on the size: it has to be the same"};
}

} // namespace

MetadataTarget inspect_target(sys::Host& host, const std::string& path,
                              const format::Snapshot& snapshot, const std::string& what,
                              bool force) {
    MetadataTarget target;
    target.path = path;
    const Sector size{le64_to_cpu(snapshot.sb.spare_sectors)};
    std::unique_ptr<format::BlockWriter> file;
    if (const auto device = find_device(host, path)) {
        target.exists = target.is_device = true;
        target.device = *device;
        check_size(path, device->size, size);
        if (device->read_only)
            throw Error{Code::refused, path + " is read-only"};
        require_unused(host, *device, "device");
        file = host.open(*device, sys::Access::read_exclusive);
        target.signatures = host.signatures(*device);
    } else if (struct stat st; ::stat(path.c_str(), &st) == 0) {
        target.exists = true;
        file = std::make_unique<sys::BlockFile>(path, sys::Access::read);
        check_size(path, file->size(), size);
        target.signatures = sys::probe_signatures(path);
    } else if (errno != ENOENT) {
        throw os_error(errno, path);
    } else {
        return target;
    }
    target.contents = describe(*file, snapshot, what);
    describe_signatures(target);
    if (!target.contents.empty() && !force)
        throw Error{Code::refused, path + ": " + target.contents, "use --force to overwrite it"};
    return target;
}

OpenTarget::OpenTarget(sys::Host& host, const MetadataTarget& target, const dmr_superblock& sb) {
    const format::SpareRecord record = format::decode(sb);
    if (target.is_device) {
        member_ = host.lock_member(target.device.number);
        disk_ = host.lock_disk(target.device);
        file_ = host.open(target.device, sys::Access::write_exclusive);
        if (!target.signatures.empty())
            host.wipe_signatures(target.device);
        return;
    }
    if (!target.exists) {
        const Fd fd = open_file(target.path, O_RDWR | O_CREAT | O_EXCL, 0600);
        made_ = target.path;
        if (::ftruncate(fd.get(), static_cast<off_t>(to_bytes(record.spare_size).value())) != 0) {
            const int error = errno;
            ::unlink(made_.c_str());
            throw os_error(error, "cannot make " + target.path);
        }
    }
    file_ = std::make_unique<sys::BlockFile>(target.path, sys::Access::write_exclusive);
    if (!target.signatures.empty())
        sys::wipe_signatures(target.path);
}

OpenTarget::~OpenTarget() {
    if (!made_.empty())
        ::unlink(made_.c_str());
}

} // namespace remap::core
