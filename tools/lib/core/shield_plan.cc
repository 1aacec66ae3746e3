// SPDX-License-Identifier: GPL-2.0-only
#include "core/shield_plan.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <set>

#include "base/error.h"
#include "base/text.h"
#include "core/block_access.h"
#include "core/shield_places.h"
#include "format/shield.h"
#include "sys/blkid.h"
#include "sys/sparse_image.h"

namespace remap::core {

namespace {

constexpr const char* no_shield = "--no-shield leaves main as it is: raw main stays visible then, "
                                  "and must not be used";

// The parts of a device where signatures are, as far as they can be read.
class Image {
public:
    Image(format::BlockReader& device, const std::vector<BlockRange>& places)
        : content{device.size()} {
        for (const BlockRange& range : places)
            for (BlockNo at = range.first; at < range.end(); at += BlockNo{format::chunk_blocks})
                copy_run(device, at, std::min(range.end(), at + BlockNo{format::chunk_blocks}));
    }

    [[nodiscard]] std::vector<std::byte> block(BlockNo block) const {
        std::vector<std::byte> bytes(format::block_length(block, content.size()));
        content.read(place_of(block), bytes);
        return bytes;
    }

    sys::SparseImage content;
    std::set<BlockNo> unreadable;

private:
    void copy_run(format::BlockReader& device, BlockNo first, BlockNo end) {
        const Sector stop = std::min(first_sector(end), device.size());
        std::vector<std::byte> bytes(to_bytes(stop - first_sector(first)).value());
        if (try_read(device, place_of(first), bytes) == 0) {
            keep(first, bytes);
            return;
        }
        for (BlockNo at = first; at < end; at += BlockNo{1}) {
            bytes.resize(format::block_length(at, device.size()));
            if (try_read(device, place_of(at), bytes) == 0)
                keep(at, bytes);
            else
                unreadable.insert(at);
        }
    }

    // Zeros stay a hole.
    void keep(BlockNo first, std::span<const std::byte> bytes) {
        if (std::any_of(bytes.begin(), bytes.end(), [](std::byte b) { return b != std::byte{0}; }))
            content.write(place_of(first), bytes);
    }
};

std::vector<sys::Signature> probe(const sys::SparseImage& image, std::uint32_t lbs,
                                  std::span<const std::byte> block0, const std::string& path) {
    std::vector<sys::Signature> found = sys::probe_signatures(image.fd(), lbs, path);
    for (sys::Signature& signature : secondary_signatures(image, block0))
        found.push_back(std::move(signature));
    return found;
}

std::vector<std::byte> first_block(format::BlockReader& device) {
    std::vector<std::byte> bytes(format::block_length(BlockNo{0}, device.size()));
    if (try_read(device, Bytes{0}, bytes) != 0)
        bytes.clear();
    return bytes;
}

// One way to hide a block; nothing if the content does not fit that way.
std::optional<std::vector<std::byte>> make_image(BlockNo block, std::span<const std::byte> original,
                                                 const format::MemberHeader& header,
                                                 unsigned variant) {
    auto image = format::pack_shield({header.set_uuid, block, header.epoch}, original, variant);
    if (image && block == BlockNo{0}) {
        const dmr_member member = format::encode_member(header);
        std::memcpy(image->data(), &member, sizeof(member));
    }
    return image;
}

class Hider {
public:
    Hider(format::BlockReader& device, const format::MemberHeader& header, std::uint32_t lbs,
          const std::string& main)
        : header_{header},
          lbs_{lbs},
          main_{main},
          block0_{first_block(device)},
          places_{shield_places(device.size(), block0_)},
          image_{device, places_} {}

    ShieldPlan run() {
        if (block0_.size() < block_size)
            throw Error{Code::refused,
                        main_ + ": its first block can't be read, and has to hold the shield",
                        no_shield};
        refuse_boot_partitions();
        hide_what_shows();
        add(BlockNo{0}, {});
        // each round adds a block or packs one in another way: it ends
        while (hide_what_shows())
            continue;
        return result();
    }

private:
    struct Hidden {
        ShieldedBlock block;
        unsigned variant = 0;
    };

    void refuse_boot_partitions() const {
        for (const sys::Partition& part : sys::probe_partitions(image_.content.fd(), lbs_, main_)) {
            const std::string what = boot_partition(part.type);
            if (!what.empty())
                throw Error{Code::refused,
                            main_ + strf(": its partition %u is ", part.number) + what +
                                ", which the firmware or the boot loader reads from the raw disk",
                            "such a disk can't be main; a partition of it can"};
        }
    }

    bool hide_what_shows() {
        const auto found = probe(image_.content, lbs_, block0_, main_);
        fresh_.clear();
        for (const sys::Signature& signature : found)
            hide(signature);
        return !found.empty();
    }

    void hide(const sys::Signature& signature) {
        const std::string what = main_ + ": contains " + signature.type;
        if (signature.type == "zfs_member")
            throw Error{Code::refused, what + ", whose labels are too many blocks for a shield",
                        no_shield};
        if (!signature.place || *signature.place >= to_bytes(image_.content.size()))
            throw Error{Code::refused,
                        what + ", and where its signature stands is not known: it would stay "
                               "visible",
                        no_shield};
        const BlockNo block = block_of(Sector{signature.place->value() / sector_size});
        const auto it = hidden_.find(block);
        if (it == hidden_.end() || (fresh_.contains(block) && it->second.variant == 0))
            add(block, signature.type);
        else if (!fresh_.contains(block)) // two can show in one round
            repack(it->second, signature.type);
    }

    void add(BlockNo block, const std::string& what) {
        Hidden& hidden = hidden_[block];
        std::vector<std::string>& found = hidden.block.found;
        if (!what.empty() && std::find(found.begin(), found.end(), what) == found.end())
            hidden.block.found.push_back(what);
        if (!hidden.block.original.empty())
            return;
        if (hidden_.size() > max_shield_blocks)
            throw Error{Code::refused,
                        main_ + strf(": has signatures in more than %zu blocks", max_shield_blocks),
                        no_shield};
        hidden.block.block = block;
        hidden.block.original = image_.block(block);
        fresh_.insert(block);
        pack(hidden);
    }

    void pack(Hidden& hidden) {
        for (; hidden.variant < format::shield_variants; ++hidden.variant) {
            auto image =
                make_image(hidden.block.block, hidden.block.original, header_, hidden.variant);
            if (!image)
                continue;
            hidden.block.image = std::move(*image);
            image_.content.write(place_of(hidden.block.block), hidden.block.image);
            return;
        }
        throw Error{Code::refused,
                    main_ + ": block " + number_of(hidden.block.block) + " (" +
                        join(hidden.block.found, ", ") +
                        ") can't be compressed enough to be kept on main",
                    no_shield};
    }

    // What shows is the compressed content itself.
    void repack(Hidden& hidden, const std::string& what) {
        if (++hidden.variant >= format::shield_variants)
            throw Error{Code::refused,
                        main_ + ": block " + number_of(hidden.block.block) + " would still show " +
                            what,
                        no_shield};
        pack(hidden);
        fresh_.insert(hidden.block.block);
    }

    ShieldPlan result() {
        ShieldPlan plan;
        for (auto& [block, hidden] : hidden_)
            plan.blocks.push_back(std::move(hidden.block));
        if (!image_.unreadable.empty())
            plan.warnings.push_back(
                main_ + ": " + count_of(image_.unreadable.size(), "block") +
                " where signatures can be could not be read; the first is block " +
                number_of(*image_.unreadable.begin()));
        return plan;
    }

    const format::MemberHeader& header_;
    std::uint32_t lbs_;
    const std::string& main_;
    std::vector<std::byte> block0_;
    std::vector<BlockRange> places_;
    Image image_;
    std::map<BlockNo, Hidden> hidden_;
    std::set<BlockNo> fresh_; // changed since the last look
};

} // namespace

ShieldPlan plan_shield(format::BlockReader& device, const format::MemberHeader& header,
                       std::uint32_t lbs, const std::string& main) {
    return Hider{device, header, lbs, main}.run();
}

std::vector<sys::Signature> visible_signatures(format::BlockReader& device, std::uint32_t lbs,
                                               const std::string& path) {
    const std::vector<std::byte> block0 = first_block(device);
    const Image image{device, shield_places(device.size(), block0)};
    return probe(image.content, lbs, block0, path);
}

std::optional<std::vector<std::byte>> shield_image(BlockNo block,
                                                   std::span<const std::byte> original,
                                                   const format::MemberHeader& header,
                                                   std::uint32_t lbs) {
    for (unsigned variant = 0; variant < format::shield_variants; ++variant) {
        auto image = make_image(block, original, header, variant);
        if (!image)
            continue;
        sys::SparseImage alone{header.main_size};
        alone.write(place_of(block), *image);
        if (probe(alone, lbs, original, "the shield").empty())
            return image;
    }
    return std::nullopt;
}

std::string boot_partition(const std::string& type) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> types = {{
        {"0xef", "an EFI system partition"},
        {"c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "an EFI system partition"},
        {"bc13c2ff-59e6-4262-a352-b275fd6f7172", "a boot loader partition"},
        {"21686148-6449-6e6f-744e-656564454649", "a BIOS boot partition"},
        {"0x41", "a PReP boot partition"},
        {"9e1a2d38-c612-4316-aa26-8b49521e5a8b", "a PReP boot partition"},
    }};
    for (const auto& [known, what] : types)
        if (type == known)
            return std::string{what};
    return {};
}

} // namespace remap::core
