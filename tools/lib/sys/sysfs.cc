// SPDX-License-Identifier: GPL-2.0-only
#include "sys/sysfs.h"

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"

namespace remap::sys {

namespace fs = std::filesystem;

namespace {

std::uint64_t number_in(const std::string& path, std::uint64_t fallback = 0) {
    return parse_number<std::uint64_t>(read_line(path)).value_or(fallback);
}

std::optional<dm::DeviceNumber> parse_devno(const std::string& text) {
    const auto parts = split(text, ':');
    if (parts.size() != 2)
        return std::nullopt;
    const auto major = parse_number<unsigned>(parts[0]);
    const auto minor = parse_number<unsigned>(parts[1]);
    if (!major || !minor)
        return std::nullopt;
    return dm::DeviceNumber{*major, *minor};
}

bool never_a_member(const std::string& name) {
    static constexpr std::array prefixes = {"ram", "zram", "fd", "sr", "mtdblock"};
    return std::any_of(prefixes.begin(), prefixes.end(), [&](const char* prefix) {
        const std::string_view p{prefix};
        return name.starts_with(p) && name.size() > p.size() && name[p.size()] >= '0' &&
               name[p.size()] <= '9';
    });
}

// The kernel writes "naa.5000c500..." where udev and people write "0x5000c500...".
std::string normal_wwn(const std::string& wwid) {
    if (wwid.starts_with("naa."))
        return "0x" + wwid.substr(4);
    std::string text;
    for (const std::string_view word : words(wwid)) {
        if (!text.empty())
            text += '_';
        text += word;
    }
    return text;
}

// SCSI vital product data page 0x80: four bytes of header, then the serial.
std::string serial_of_vpd80(const std::string& path) {
    try {
        const std::string page = read_file(path, 256);
        if (page.size() <= 4 || page[1] != '\x80')
            return {};
        return std::string{trim(page.substr(4))};
    } catch (const Error&) {
        return {};
    }
}

std::string fit(std::string text) {
    text = printable(text);
    if (text.size() >= DMR_ID_SIZE)
        text.resize(DMR_ID_SIZE - 1);
    return text;
}

// \040 and the like in mountinfo and swaps.
std::string unescape(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto octal = text[i] == '\\' && i + 3 < text.size()
                               ? parse_number<unsigned char>(text.substr(i + 1, 3), 8)
                               : std::nullopt;
        if (octal) {
            result += static_cast<char>(*octal);
            i += 3;
        } else {
            result += text[i];
        }
    }
    return result;
}

} // namespace

std::optional<SysBlock::Device> SysBlock::read(const std::string& directory) const {
    const auto number = parse_devno(read_line(directory + "/dev"));
    if (!number)
        return std::nullopt;
    Device d;
    d.directory = directory;
    d.name = fs::path{directory}.filename();
    d.number = *number;
    d.size = Sector{number_in(directory + "/size")};
    d.read_only = number_in(directory + "/ro") != 0;
    std::error_code ignored;
    d.partition = fs::exists(directory + "/partition", ignored);
    d.start = Sector{number_in(directory + "/start")};
    const std::string whole = d.partition ? fs::path{directory}.parent_path().string() : directory;
    d.whole_name = fs::path{whole}.filename();
    d.whole_disk = parse_devno(read_line(whole + "/dev")).value_or(d.number);
    d.lbs = static_cast<std::uint32_t>(number_in(whole + "/queue/logical_block_size", 512));
    d.pbs = static_cast<std::uint32_t>(number_in(whole + "/queue/physical_block_size", 512));
    d.disk_sequence = number_in(whole + "/diskseq");
    d.removable = number_in(whole + "/removable") != 0;
    d.model = printable(read_line(whole + "/device/model"));
    return d;
}

std::optional<SysBlock::Device> SysBlock::find(dm::DeviceNumber number) const {
    std::error_code error;
    const fs::path link = fs::canonical(root_ + "/sys/dev/block/" + number.str(), error);
    return error ? std::nullopt : read(link);
}

std::vector<SysBlock::Device> SysBlock::devices() const {
    std::vector<Device> result;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(root_ + "/sys/class/block", error)) {
        const fs::path directory = fs::canonical(entry.path(), error);
        if (error)
            continue;
        auto device = read(directory);
        if (!device || device->size == Sector{0} || never_a_member(device->name))
            continue;
        if (number_in(directory.string() + "/dm/suspended") != 0)
            continue;
        result.push_back(std::move(*device));
    }
    std::sort(result.begin(), result.end(),
              [](const Device& a, const Device& b) { return a.name < b.name; });
    return result;
}

format::Identity SysBlock::identity(const Device& device) const {
    const std::string whole =
        device.partition ? fs::path{device.directory}.parent_path().string() : device.directory;
    format::Identity id;
    // NVMe has wwid at the disk, SCSI at the device below it
    for (const char* const file : {"/wwid", "/device/wwid"})
        if (id.wwn.empty())
            id.wwn = normal_wwn(read_line(whole + file));
    // volumes of other layers carry an identity of their own
    if (id.wwn.empty() && !dm_uuid(device).empty())
        id.wwn = "dm-uuid-" + dm_uuid(device);
    if (const std::string md = read_line(whole + "/md/uuid"); id.wwn.empty() && !md.empty())
        id.wwn = "md-uuid-" + md;
    for (const char* const file : {"/serial", "/device/serial"})
        if (id.serial.empty())
            id.serial = read_line(whole + file);
    if (id.serial.empty())
        id.serial = serial_of_vpd80(whole + "/device/vpd_pg80");
    return {fit(id.wwn), fit(id.serial), {}};
}

std::vector<std::string> SysBlock::holders(const Device& device) const {
    std::vector<std::string> result;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(device.directory + "/holders", error)) {
        const fs::path directory = fs::canonical(entry.path(), error);
        const std::string name = entry.path().filename();
        const auto holder = error ? std::nullopt : read(directory);
        const std::string label = holder ? dm_name(*holder) : "";
        result.push_back(label.empty() ? name : name + " (" + label + ")");
    }
    std::sort(result.begin(), result.end());
    return result;
}

std::vector<SysBlock::Device> SysBlock::partitions(const Device& device) const {
    std::vector<Device> result;
    if (device.partition)
        return result;
    for (const Device& other : devices())
        if (other.partition && other.whole_disk == device.number)
            result.push_back(other);
    return result;
}

std::string SysBlock::dm_name(const Device& device) const {
    return printable(read_line(device.directory + "/dm/name"));
}

std::string SysBlock::dm_uuid(const Device& device) const {
    return printable(read_line(device.directory + "/dm/uuid"));
}

std::vector<Mount> parse_mountinfo(std::string_view content) {
    std::vector<Mount> mounts;
    for (const std::string_view line : split(content, '\n')) {
        // id parent major:minor root target options [optional...] - type source ...
        const auto fields = words(line);
        const auto dash = std::find(fields.begin(), fields.end(), "-");
        if (fields.size() < 6 || fields.end() - dash < 3)
            continue;
        const auto number = parse_devno(std::string{fields[2]});
        if (number)
            mounts.push_back({*number, unescape(dash[2]), unescape(fields[4])});
    }
    return mounts;
}

std::vector<std::string> parse_swaps(std::string_view content) {
    std::vector<std::string> paths;
    for (const std::string_view line : split(content, '\n'))
        if (line.starts_with('/'))
            paths.push_back(unescape(words(line).front()));
    return paths;
}

} // namespace remap::sys
