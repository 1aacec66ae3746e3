// SPDX-License-Identifier: GPL-2.0-only
#include "core/copy_set.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/text.h"
#include "core/block_access.h"
#include "format/shield.h"

namespace remap::core {

namespace {

class Copy {
public:
    Copy(sys::Host& host, const DissolvePlan& plan)
        : plan_{plan},
          main_{host.open(plan.main, sys::Access::read_exclusive)},
          spare_{host.open(plan.spare, sys::Access::read_exclusive)},
          to_{host.open(*plan.to, sys::Access::write_exclusive)},
          map_{*spare_} {}

    DissolveResult run(const OnProgress& progress) {
        const BlockNo blocks = blocks_in(plan_.record.main_size);
        for (BlockNo at{1}; at < blocks; at += BlockNo{format::chunk_blocks}) {
            const BlockNo end = std::min(blocks, at + BlockNo{format::chunk_blocks});
            write(at, read(at, end));
            if (progress)
                progress(end.value() - 1, blocks.value());
        }
        sync();
        write(BlockNo{0}, read(BlockNo{0}, BlockNo{1}));
        sync();
        result_.blocks = blocks.value();
        result_.unreadable = normalised(std::move(result_.unreadable));
        return std::move(result_);
    }

private:
    // Blocks [first, end) as the remap device shows them.
    std::vector<std::byte> read(BlockNo first, BlockNo end) {
        const Sector stop = std::min(first_sector(end), plan_.record.main_size);
        std::vector<std::byte> content(to_bytes(stop - first_sector(first)).value());
        const bool whole = try_read(*main_, place_of(first), content) == 0;
        for (BlockNo block = first; block < end; block += BlockNo{1}) {
            const std::size_t at = (block - first).value() * block_size;
            const std::size_t length = format::block_length(block, plan_.record.main_size);
            const auto part = std::span{content}.subspan(at, length);
            if (const auto item = map_.find(block))
                read_slot(*item, part);
            else if (!whole)
                read_sectors(*main_, first_sector(block), first_sector(block), part, plan_.main);
        }
        return content;
    }

    void read_slot(const format::MapItem& item, std::span<std::byte> to) {
        const Sector slot{dmr_slot_sector(&map_.superblock(), item.slot)};
        read_sectors(*spare_, slot, first_sector(item.block), to, plan_.spare);
        for (std::uint64_t i = 0; i < to.size() / sector_size; ++i)
            if ((item.lost >> i & 1) != 0) {
                require_force(plan_.main, first_sector(item.block) + Sector{i}, "it is lost");
                const auto sector = to.subspan(i * sector_size, sector_size);
                std::fill(sector.begin(), sector.end(), std::byte{0});
                result_.unreadable.push_back({first_sector(item.block) + Sector{i}, Sector{1}});
            }
    }

    // One block, sector by sector where it can't be read at once. shown: where it is on
    // the remap device.
    void read_sectors(format::BlockReader& device, Sector place, Sector shown,
                      std::span<std::byte> to, const sys::BlockDevice& info) {
        if (try_read(device, to_bytes(place), to) == 0)
            return;
        const std::size_t unit = std::min<std::size_t>(info.lbs, to.size());
        for (std::size_t at = 0; at < to.size(); at += unit) {
            const auto part = to.subspan(at, unit);
            const Sector offset{at / sector_size};
            const int error = try_read(device, to_bytes(place + offset), part);
            if (error == 0)
                continue;
            require_force(info, shown + offset, errno_text(error));
            std::fill(part.begin(), part.end(), std::byte{0});
            result_.unreadable.push_back({shown + offset, Sector{unit / sector_size}});
        }
    }

    void require_force(const sys::BlockDevice& device, Sector sector,
                       const std::string& why) const {
        if (!plan_.request.force)
            throw Error{Code::failed,
                        device.path +
                            strf(": sector %llu of the set can't be read: ",
                                 static_cast<unsigned long long>(sector.value())) +
                            why,
                        "--force writes zeros for what can't be read"};
    }

    void write(BlockNo first, const std::vector<std::byte>& content) {
        format::AlignedBuffer buffer{content.size()};
        std::memcpy(buffer.data(), content.data(), content.size());
        const int error = to_->write(place_of(first), buffer.span().first(content.size()));
        if (error != 0)
            throw os_error(error, "cannot write to " + plan_.to->path);
    }

    void sync() {
        if (const int error = to_->sync(); error != 0)
            throw os_error(error, "cannot write to " + plan_.to->path);
    }

    const DissolvePlan& plan_;
    std::unique_ptr<format::BlockWriter> main_;
    std::unique_ptr<format::BlockWriter> spare_;
    std::unique_ptr<format::BlockWriter> to_;
    format::LoadedMap map_;
    DissolveResult result_;
};

} // namespace

DissolveResult copy_set(sys::Host& host, const DissolvePlan& plan, const OnProgress& progress) {
    const sys::Lock disk = host.lock_disk(*plan.to);
    if (!plan.to_signatures.empty())
        host.wipe_signatures(*plan.to);
    return Copy{host, plan}.run(progress);
}

} // namespace remap::core
