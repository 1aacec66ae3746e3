// SPDX-License-Identifier: GPL-2.0-only
#include "core/boot_check.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.h"
#include "base/text.h"
#include "core/shield_plan.h"

namespace remap::core {

namespace {

constexpr const char* read_raw = ", which the firmware or the boot loader reads from the raw disk";

void refuse_type(sys::Host& host, const sys::BlockDevice& device, const std::string& subject,
                 const char* hint) {
    const std::string what = boot_partition(host.partition_type(device));
    if (!what.empty())
        throw Error{Code::refused, subject + " is " + what + read_raw, hint};
}

// A file system, or something that may contain one.
bool holds_files(const sys::Signature& signature) {
    static constexpr std::array<std::string_view, 3> usages = {"filesystem", "crypto", "raid"};
    return std::find(usages.begin(), usages.end(), signature.usage) != usages.end();
}

void refuse_files(sys::Host& host, const sys::BlockDevice& device,
                  const std::vector<sys::Signature>& signatures,
                  std::vector<std::string>& warnings) {
    for (const sys::Signature& signature : signatures) {
        if (!holds_files(signature))
            continue;
        std::string found;
        try {
            found = host.boot_files(device, signature.type);
        } catch (const Error& e) {
            warnings.push_back(e.reason() + ": if it holds /boot, this machine will not boot");
        }
        if (!found.empty())
            throw Error{Code::refused,
                        device.path + ": its file system holds " + printable(found) + read_raw,
                        "move /boot to a partition of its own, outside of main, and list that in "
                        "/etc/fstab; if nothing boots from it, use --force"};
    }
}

} // namespace

std::vector<std::string> refuse_boot_device(sys::Host& host, const sys::BlockDevice& main,
                                            const std::vector<sys::Signature>& signatures,
                                            bool force) {
    std::vector<std::string> warnings;
    refuse_type(host, main, main.path + ":", "such a partition can't be main");
    if (!force)
        refuse_files(host, main, signatures, warnings);
    if (main.partition)
        return warnings;
    for (const sys::BlockDevice& part : host.block_devices()) {
        if (!part.partition || part.whole_disk != main.number)
            continue;
        refuse_type(host, part, main.path + ": its partition " + part.path,
                    "such a disk can't be main; a partition of it can");
        if (force)
            continue;
        try {
            refuse_files(host, part, host.signatures(part), warnings);
        } catch (const Error& e) {
            if (e.code() == Code::refused)
                throw;
            warnings.push_back(e.reason() + ": if it holds /boot, this machine will not boot");
        }
    }
    return warnings;
}

} // namespace remap::core
