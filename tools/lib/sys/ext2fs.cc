// SPDX-License-Identifier: GPL-2.0-only
#include "sys/ext2fs.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "sys/ext2fs_io.h"
#include "sys/ext2fs_names.h"

namespace remap::sys {

namespace {

bool lies_in(blk64_t block, blk64_t first, blk64_t count) {
    return block >= first && block - first < count;
}

// What block_iterate() is looking for, and what it found.
struct Target {
    blk64_t block = 0;
    std::optional<e2_blkcnt_t> found; // block of the file; negative: of its block map
};

extern "C" {

static int compare_block(ext2_filsys, blk64_t* block, e2_blkcnt_t count, blk64_t, int, void* data) {
    auto& target = *static_cast<Target*>(data);
    if (*block != target.block)
        return 0;
    target.found = count;
    return BLOCK_ABORT;
}
}

class Search {
public:
    Search(ext2_filsys fs, Sector sector) : fs_{fs}, byte_{to_bytes(sector)} {}

    BlockUse run() {
        use_.block_size = fs_->blocksize;
        use_.block = byte_.value() / fs_->blocksize;
        if (use_.block >= ext2fs_blocks_count(fs_->super)) {
            use_.kind = BlockUse::Kind::outside;
        } else if (use_.what = metadata(); !use_.what.empty()) {
            use_.kind = BlockUse::Kind::metadata;
        } else if (is_free()) {
            use_.kind = BlockUse::Kind::free;
        } else {
            scan_inodes();
            find_paths();
            if (!use_.owners.empty())
                use_.kind = BlockUse::Kind::owned;
        }
        use_.problems = problems_.take();
        return std::move(use_);
    }

private:
    [[nodiscard]] std::string metadata() const;
    [[nodiscard]] std::string metadata_of_group(dgrp_t group) const;
    [[nodiscard]] std::string inodes_of_sector(dgrp_t group) const;
    [[nodiscard]] bool is_free();
    void scan_inodes();
    [[nodiscard]] ext2_ino_t used_inodes(dgrp_t group) const;
    void look_at_inode(ext2_ino_t number, ext2_inode& inode);
    void add_owner(ext2_ino_t number, const ext2_inode& inode, BlockOwner::Role role,
                   std::optional<Bytes> offset);
    [[nodiscard]] std::string type_of(ext2_ino_t number, const ext2_inode& inode) const;
    void find_paths();

    ext2_filsys fs_;
    Bytes byte_;
    BlockUse use_;
    Problems problems_;
    std::vector<ext2_ino_t> directories_;
    bool content_found_ = false; // has one owner, other than attributes
};

std::string Search::metadata() const {
    if (use_.block < fs_->super->s_first_data_block)
        return "boot block";
    if (ext2fs_has_feature_mmp(fs_->super) != 0 && use_.block == fs_->super->s_mmp_block)
        return "multiple mount protection";
    for (dgrp_t group = 0; group < fs_->group_desc_count; ++group)
        if (const std::string what = metadata_of_group(group); !what.empty())
            return strf("block group %u, ", group) + what;
    return {};
}

// The bitmaps and the inode table of a group may lie in another one.
std::string Search::metadata_of_group(dgrp_t group) const {
    const blk64_t block = use_.block;
    if (block == ext2fs_block_bitmap_loc(fs_, group))
        return "block bitmap";
    if (block == ext2fs_inode_bitmap_loc(fs_, group))
        return "inode bitmap";
    if (lies_in(block, ext2fs_inode_table_loc(fs_, group), fs_->inode_blocks_per_group))
        return "inode table, " + inodes_of_sector(group);
    blk64_t super = 0;
    blk64_t old_descriptors = 0;
    blk64_t new_descriptors = 0;
    ext2fs_super_and_bgd_loc2(fs_, group, &super, &old_descriptors, &new_descriptors, nullptr);
    if (block == super && ext2fs_bg_has_super(fs_, group) != 0)
        return "superblock";
    const bool meta = ext2fs_has_feature_meta_bg(fs_->super) != 0;
    const blk64_t descriptors = meta ? fs_->super->s_first_meta_bg : fs_->desc_blocks;
    const blk64_t reserved = meta ? 0 : fs_->super->s_reserved_gdt_blocks;
    if (old_descriptors != 0 && lies_in(block, old_descriptors, descriptors))
        return "group descriptors";
    if (old_descriptors != 0 && lies_in(block, old_descriptors + descriptors, reserved))
        return "room for group descriptors";
    return new_descriptors != 0 && block == new_descriptors ? "group descriptors" : "";
}

std::string Search::inodes_of_sector(dgrp_t group) const {
    const std::uint64_t start = ext2fs_inode_table_loc(fs_, group) * fs_->blocksize;
    const std::uint64_t size = EXT2_INODE_SIZE(fs_->super);
    const std::uint64_t in_table = byte_.value() - start;
    const std::uint64_t first =
        std::uint64_t{group} * fs_->super->s_inodes_per_group + in_table / size + 1;
    const std::uint64_t count = size < sector_size ? sector_size / size : 1;
    return count == 1 ? strf("inode %llu", static_cast<unsigned long long>(first))
                      : strf("inodes %llu to %llu", static_cast<unsigned long long>(first),
                             static_cast<unsigned long long>(first + count - 1));
}

// By the bitmap of its group alone: to read all of them would take long, and fail if
// any is bad.
bool Search::is_free() {
    const dgrp_t group = ext2fs_group_of_blk2(fs_, use_.block);
    if (ext2fs_has_group_desc_csum(fs_) != 0 &&
        ext2fs_bg_flags_test(fs_, group, EXT2_BG_BLOCK_UNINIT) != 0)
        return true;
    std::vector<unsigned char> bitmap(fs_->blocksize);
    if (const errcode_t error =
            io_channel_read_blk64(fs_->io, ext2fs_block_bitmap_loc(fs_, group), 1, bitmap.data());
        error != 0) {
        problems_.add(strf("block bitmap of block group %u: ", group) + ext2_error_text(error));
        return false;
    }
    const blk64_t in_group = use_.block - ext2fs_group_first_block2(fs_, group);
    const std::uint64_t bit = in_group >> fs_->cluster_ratio_bits;
    return bit / 8 < bitmap.size() && (bitmap[bit / 8] >> (bit % 8) & 1) == 0;
}

// How many inodes of a group the table holds; the rest was never initialised.
ext2_ino_t Search::used_inodes(dgrp_t group) const {
    const ext2_ino_t all = fs_->super->s_inodes_per_group;
    if (ext2fs_has_group_desc_csum(fs_) == 0)
        return all;
    if (ext2fs_bg_flags_test(fs_, group, EXT2_BG_INODE_UNINIT) != 0)
        return 0;
    const ext2_ino_t unused = ext2fs_bg_itable_unused(fs_, group);
    return unused > all ? all : all - unused;
}

// One inode after the other: the scanner of libext2fs does not get past a block of
// the table that can't be read.
void Search::scan_inodes() {
    const ext2_ino_t per_block = fs_->blocksize / EXT2_INODE_SIZE(fs_->super);
    for (dgrp_t group = 0; group < fs_->group_desc_count; ++group) {
        const ext2_ino_t count = used_inodes(group);
        for (ext2_ino_t i = 0; i < count; ++i) {
            const ext2_ino_t number = group * fs_->super->s_inodes_per_group + i + 1;
            ext2_inode inode{};
            const errcode_t error = ext2fs_read_inode(fs_, number, &inode);
            if (error == 0) {
                look_at_inode(number, inode);
                continue;
            }
            // the cache now takes what was not read for the block before it
            ext2fs_flush_icache(fs_);
            const ext2_ino_t last = i / per_block * per_block + per_block - 1;
            problems_.add(strf("inodes %u to %u: ", number, number + (last - i)) +
                          ext2_error_text(error));
            i = last;
        }
    }
}

void Search::look_at_inode(ext2_ino_t number, ext2_inode& inode) {
    if (inode.i_mode == 0 && number != EXT2_BAD_INO)
        return;
    if (LINUX_S_ISDIR(inode.i_mode) && inode.i_links_count > 0)
        directories_.push_back(number);
    // may be shared by many inodes
    if (ext2fs_file_acl_block(fs_, &inode) == use_.block)
        add_owner(number, inode, BlockOwner::Role::attributes, std::nullopt);
    if (content_found_ || ext2fs_inode_has_valid_blocks2(fs_, &inode) == 0)
        return;
    Target target{use_.block, {}};
    const errcode_t error =
        ext2fs_block_iterate3(fs_, number, BLOCK_FLAG_READ_ONLY, nullptr, compare_block, &target);
    if (target.found && *target.found >= 0) {
        const auto in_file = static_cast<std::uint64_t>(*target.found);
        add_owner(number, inode, BlockOwner::Role::content,
                  Bytes{in_file * fs_->blocksize + byte_.value() % fs_->blocksize});
    } else if (target.found) {
        add_owner(number, inode, BlockOwner::Role::block_map, std::nullopt);
    } else if (error != 0) {
        problems_.add(strf("blocks of inode %u: ", number) + ext2_error_text(error));
    }
}

void Search::add_owner(ext2_ino_t number, const ext2_inode& inode, BlockOwner::Role role,
                       std::optional<Bytes> offset) {
    content_found_ = content_found_ || role != BlockOwner::Role::attributes;
    use_.owners.push_back({number, type_of(number, inode), role, offset, {}});
}

std::string Search::type_of(ext2_ino_t number, const ext2_inode& inode) const {
    const ext2_super_block& super = *fs_->super;
    if (number == EXT2_BAD_INO)
        return "list of bad blocks";
    if (number == EXT2_RESIZE_INO)
        return "room to grow";
    if (number == EXT2_JOURNAL_INO || number == super.s_journal_inum)
        return "journal";
    if (number == super.s_usr_quota_inum || number == super.s_grp_quota_inum ||
        number == super.s_prj_quota_inum)
        return "quota file";
    if ((inode.i_flags & EXT4_EA_INODE_FL) != 0)
        return "extended attribute";
    std::string type = LINUX_S_ISREG(inode.i_mode)   ? "file"
                       : LINUX_S_ISDIR(inode.i_mode) ? "directory"
                       : LINUX_S_ISLNK(inode.i_mode) ? "symbolic link"
                                                     : "special file";
    return inode.i_links_count == 0 ? "deleted " + type : type;
}

void Search::find_paths() {
    std::vector<ext2_ino_t> inodes;
    for (const BlockOwner& owner : use_.owners)
        inodes.push_back(owner.inode);
    if (inodes.empty())
        return;
    auto paths = NameFinder{fs_, directories_, problems_}.paths_of(inodes);
    for (BlockOwner& owner : use_.owners)
        owner.paths = std::move(paths[owner.inode]);
}

// A file system whose superblock or group descriptors can't be read has copies of
// them, the first one in block group 1.
errcode_t open_backup(const ReadAt& read, FileSystem& fs) {
    constexpr unsigned blocks_per_byte = 8;
    errcode_t error = EIO;
    for (const unsigned size : {4096U, 1024U, 2048U}) {
        error = open_file_system(read, size * blocks_per_byte + (size == 1024 ? 1 : 0), size, fs);
        if (error == 0)
            break;
    }
    return error;
}

} // namespace

bool have_ext2fs() {
    return true;
}

std::optional<BlockUse> find_block_use(const ReadAt& read, Sector sector) {
    FileSystem fs;
    const errcode_t error = open_file_system(read, 0, 0, fs);
    if (error == EXT2_ET_BAD_MAGIC)
        return std::nullopt;
    if (error != 0 && open_backup(read, fs) != 0)
        throw Error{Code::failed, "cannot open the file system: " + ext2_error_text(error)};
    BlockUse use = Search{fs.get(), sector}.run();
    if (error != 0)
        use.problems.insert(use.problems.begin(), "superblock or group descriptors: " +
                                                      ext2_error_text(error) + "; a copy was used");
    return use;
}

std::optional<BlockUse> find_block_use(const std::string& path, Sector sector) {
    const Fd fd = open_file(path, O_RDONLY);
    const ReadAt read = [&fd](Bytes offset, std::span<std::byte> buffer) {
        while (!buffer.empty()) {
            const ssize_t now =
                ::pread(fd.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset.value()));
            if (now < 0 && errno == EINTR)
                continue;
            if (now <= 0)
                return now == 0 ? EIO : errno; // behind the end
            buffer = buffer.subspan(static_cast<std::size_t>(now));
            offset += Bytes{static_cast<std::uint64_t>(now)};
        }
        return 0;
    };
    return find_block_use(read, sector);
}

} // namespace remap::sys
