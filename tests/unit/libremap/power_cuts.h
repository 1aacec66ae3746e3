// SPDX-License-Identifier: GPL-2.0-only
// Every state in which a power cut can leave disks with volatile write caches: any
// subset of what was not flushed may be there, and the last write may be torn.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "fake_host.h"

namespace remap::test {

// Records what reaches the disks of a host while it exists.
class WriteLog {
public:
    struct Event {
        std::string path; // of the disk
        bool flush = false;
        std::size_t place = 0; // bytes
        std::string content;
    };

    WriteLog(FileHost& host) : host_{host} {
        for (const auto& [path, device] : host.devices)
            before_[path] = read(path);
        host.on_write = [this](const std::string& path, Bytes offset,
                               std::span<const std::byte> content) {
            events_.push_back({path,
                               false,
                               offset.value(),
                               {reinterpret_cast<const char*>(content.data()), content.size()}});
        };
        host.on_operation = [this](const std::string& line) {
            for (const auto& [path, device] : host_.devices)
                if (line == "sync " + device.block.name)
                    events_.push_back({path, true, 0, {}});
            return 0;
        };
    }
    ~WriteLog() { stop(); }
    WriteLog(const WriteLog&) = delete;
    WriteLog& operator=(const WriteLog&) = delete;

    void stop() {
        host_.on_write = nullptr;
        host_.on_operation = nullptr;
    }
    [[nodiscard]] const std::vector<Event>& events() const { return events_; }

    // Calls check for each state, with the disks in it. torn: within a sector, which
    // no disk with a capacitor does.
    void for_each_cut(const std::function<void(const std::string& what, bool torn)>& check) {
        stop();
        for (std::size_t cut = 0; cut <= events_.size(); ++cut) {
            const std::vector<std::size_t> loose = unflushed(cut);
            for (const std::vector<bool>& kept : subsets(loose.size())) {
                build(cut, loose, kept);
                check("cut " + std::to_string(cut) + subset_text(kept), false);
            }
            if (cut < events_.size() && !events_[cut].flush)
                tear(cut, check);
        }
    }

private:
    using Check = std::function<void(const std::string& what, bool torn)>;

    static std::string read(const std::string& path) {
        std::ifstream file{path, std::ios::binary};
        return {std::istreambuf_iterator<char>{file}, {}};
    }

    // Writes before the cut that no flush of their disk follows.
    [[nodiscard]] std::vector<std::size_t> unflushed(std::size_t cut) const {
        std::vector<std::size_t> loose;
        for (std::size_t i = 0; i < cut; ++i) {
            if (events_[i].flush)
                std::erase_if(loose,
                              [&](std::size_t w) { return events_[w].path == events_[i].path; });
            else
                loose.push_back(i);
        }
        return loose;
    }

    static std::vector<std::vector<bool>> subsets(std::size_t count) {
        std::vector<std::vector<bool>> result;
        if (count <= 3) {
            for (unsigned bits = 0; bits < 1U << count; ++bits) {
                std::vector<bool> kept(count);
                for (std::size_t i = 0; i < count; ++i)
                    kept[i] = (bits >> i & 1) != 0;
                result.push_back(kept);
            }
            return result;
        }
        for (const bool most : {false, true}) {
            result.emplace_back(count, most);
            for (std::size_t i = 0; i < count; ++i) {
                result.emplace_back(count, most);
                result.back()[i] = !most;
            }
        }
        return result;
    }

    static std::string subset_text(const std::vector<bool>& kept) {
        std::string text = " kept ";
        for (const bool bit : kept)
            text += bit ? '1' : '0';
        return text;
    }

    void build(std::size_t cut, const std::vector<std::size_t>& loose,
               const std::vector<bool>& kept) {
        now_ = before_;
        for (std::size_t i = 0; i < cut; ++i) {
            const auto it = std::find(loose.begin(), loose.end(), i);
            if (it == loose.end() || kept[static_cast<std::size_t>(it - loose.begin())])
                apply(events_[i], 0, events_[i].content.size());
        }
        store();
    }

    void apply(const Event& event, std::size_t from, std::size_t to) {
        if (!event.flush)
            now_[event.path].replace(event.place + from, to - from, event.content, from, to - from);
    }

    void store() {
        for (const auto& [path, content] : now_) {
            std::fstream file{path, std::ios::binary | std::ios::in | std::ios::out};
            file.write(content.data(), static_cast<std::streamsize>(content.size()));
        }
    }

    // The write at the cut is under way, all before it is there.
    void tear(std::size_t cut, const Check& check) {
        const Event& event = events_[cut];
        const std::vector<std::size_t> loose = unflushed(cut);
        const std::size_t sectors = event.content.size() / 512;
        const auto part = [&](std::size_t from, std::size_t to, bool within) {
            build(cut, loose, std::vector<bool>(loose.size(), true));
            apply(event, from, to);
            store();
            check("cut " + std::to_string(cut) + " of " + event.path + " torn " +
                      std::to_string(from) + "-" + std::to_string(to),
                  within);
        };
        for (std::size_t i = 0; i < sectors; ++i) {
            // of a large write the ends and some places between
            if (sectors > 16 && i > 8 && i + 2 < sectors && i % 16 != 0)
                continue;
            part(0, i * 512, false);
            part(i * 512, event.content.size(), false);
            if (sectors <= 8)
                part(i * 512, (i + 1) * 512, false);
        }
        for (const std::size_t bytes : {10U, 200U, 300U, 500U})
            part(0, bytes, true);
    }

    FileHost& host_;
    std::vector<Event> events_;
    std::map<std::string, std::string> before_;
    std::map<std::string, std::string> now_;
};

} // namespace remap::test
