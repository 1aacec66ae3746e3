// SPDX-License-Identifier: GPL-2.0-only
// Bringing the compressed copies of a shield up to date.
#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "core/block_access.h"
#include "core/members.h"
#include "core/shield.h"
#include "format/map.h"
#include "format/shield.h"

namespace remap::core {

namespace {

class Refresh {
public:
    // Both are opened for writing only if there is something to write: whoever closes
    // such a file makes udev look at the disk.
    Refresh(sys::Host& host, const sys::BlockDevice& main, const sys::BlockDevice& spare,
            const format::LoadedMap& map, const format::MemberHeader& header)
        : host_{host},
          main_{main},
          spare_{spare},
          map_{map},
          header_{header},
          main_file_{host.open(main, sys::Access::read)},
          spare_file_{host.open(spare, sys::Access::read)} {}

    RefreshResult run() {
        map_.for_each([&](const format::MapItem& item) {
            if (item.shield) {
                ++result_.blocks;
                try {
                    refresh(item);
                } catch (const Error& e) {
                    warn(item.block, e.reason());
                }
            }
            return true;
        });
        return std::move(result_);
    }

private:
    void warn(BlockNo block, const std::string& why) {
        result_.warnings.push_back(
            strf("%s: the copy of block %llu in the shield is out of date: ", main_.path.c_str(),
                 static_cast<unsigned long long>(block.value())) +
            why);
    }

    void refresh(const format::MapItem& item) {
        if (item.lost != 0) {
            warn(item.block, "the block has lost sectors");
            return;
        }
        const std::size_t length = format::block_length(item.block, map_.record().main_size);
        const std::vector<std::byte> content = read_bytes(
            *spare_file_, to_bytes(Sector{dmr_slot_sector(&map_.superblock(), item.slot)}),
            block_size, spare_.path);
        const auto now = std::span{content}.first(length);
        std::vector<std::byte> there(length);
        if (try_read(*main_file_, place_of(item.block), there) == 0 && is_copy(item, there, now))
            return;
        const auto image = shield_image(item.block, now, header_, main_.lbs);
        if (!image) {
            warn(item.block, "its content can't be compressed enough");
            return;
        }
        write(item.block, *image);
        ++result_.rewritten;
    }

    [[nodiscard]] bool is_copy(const format::MapItem& item, std::span<const std::byte> there,
                               std::span<const std::byte> content) const {
        const format::FoundShield found = format::look_at_shield(there, item.block);
        return found.problem.empty() && found.set_uuid == header_.set_uuid &&
               found.original_csum == format::content_csum(content);
    }

    // The member header does not change, and no crash can tear what is not written.
    void write(BlockNo block, std::span<const std::byte> image) {
        if (!members_)
            members_ = std::make_unique<OpenMembers>(host_, main_, spare_);
        const std::size_t from = main_.lbs == sector_size ? format::shield_offset(block) : 0;
        write_verified(members_->main(), place_of(block) + Bytes{from}, image.subspan(from),
                       main_.path);
    }

    sys::Host& host_;
    const sys::BlockDevice& main_;
    const sys::BlockDevice& spare_;
    const format::LoadedMap& map_;
    const format::MemberHeader& header_;
    std::unique_ptr<format::BlockWriter> main_file_;
    std::unique_ptr<format::BlockWriter> spare_file_;
    std::unique_ptr<OpenMembers> members_;
    RefreshResult result_;
};

// An active set with a shield, and no second spare that says so.
bool is_only_one(const FoundSpare& spare, const std::vector<FoundSpare>& all) {
    if (!has_shield(spare) || spare.record->state != format::State::active)
        return false;
    return std::count_if(all.begin(), all.end(), [&](const FoundSpare& other) {
               return other.record && other.record->set_uuid == spare.record->set_uuid;
           }) == 1;
}

} // namespace

bool has_shield(const FoundSpare& spare) {
    return spare.record && (spare.record->incompat & DMR_INCOMPAT_SHIELD) != 0;
}

RefreshResult refresh_shield(sys::Host& host, const sys::BlockDevice& main,
                             const sys::BlockDevice& spare) {
    const format::LoadedMap map{*host.open(spare, sys::Access::read)};
    const format::FoundMember found = format::read_member(*host.open(main, sys::Access::read));
    if (!found.header || found.header->set_uuid != map.record().set_uuid)
        throw Error{Code::not_found, main.path + ": carries no member header of the set"};
    return Refresh{host, main, spare, map, *found.header}.run();
}

std::vector<std::string> refresh_stopped(sys::Host& host, dm::DeviceMapper& dm) {
    std::vector<std::string> warnings;
    const std::vector<FoundSpare> spares = find_spares(host);
    const std::vector<FoundMain> all_mains = find_mains(host);
    for (const FoundSpare& spare : spares) {
        if (!is_only_one(spare, spares) || dm.info_by_uuid(dm::device_uuid(spare.record->set_uuid)))
            continue;
        const std::vector<FoundMain> mains = mains_of(all_mains, spare.record->set_uuid);
        if (mains.size() != 1 || member_mismatch(*mains[0].member.header, *spare.record))
            continue;
        const sys::BlockDevice& main = mains[0].device;
        try {
            const Locks locks = lock_members(host, {main.number, spare.device.number});
            require_unchanged(host, spare);
            const RefreshResult result = refresh_shield(host, main, spare.device);
            warnings.insert(warnings.end(), result.warnings.begin(), result.warnings.end());
        } catch (const Error& e) {
            warnings.push_back(main.path +
                               ": the copies in the shield may be out of date: " + e.reason());
        }
    }
    return warnings;
}

} // namespace remap::core
