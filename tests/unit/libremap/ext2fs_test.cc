// SPDX-License-Identifier: GPL-2.0-only
// Images of file systems whose files say in each sector whose it is, so that every
// answer can be compared with the image itself.
#include "sys/ext2fs.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "expect_error.h"

namespace remap::sys {
namespace {

namespace fs = std::filesystem;
using Kind = BlockUse::Kind;
using Role = BlockOwner::Role;
using test::expect_error;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view tag = "#sector of ";

// Runs a program of e2fsprogs to its end.
void run(std::vector<std::string> args) {
    std::vector<char*> argv;
    for (std::string& arg : args)
        argv.push_back(arg.data());
    argv.push_back(nullptr);
    std::string path = "PATH=/usr/sbin:/sbin:/usr/bin:/bin";
    std::string config = "MKE2FS_SKIP_PROGRESS=1";
    char* environment[] = {path.data(), config.data(), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    ::setenv("PATH", path.c_str() + 5, 1);
    pid_t pid = 0;
    ASSERT_EQ(::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environment), 0)
        << args[0] << " (package e2fsprogs)";
    posix_spawn_file_actions_destroy(&actions);
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << join(args, " ");
}

// The content of one sector of a file.
std::string tagged(const std::string& path, std::uint64_t offset) {
    std::string text = std::string{tag} + path + " at " + std::to_string(offset) + "\n";
    text.resize(sector_size, '.');
    return text;
}

// A directory tree that is made into a file system, and that file system in memory.
class Image {
public:
    Image() {
        std::string pattern = fs::temp_directory_path() / "libremap-ext2fs-XXXXXX";
        directory_ = ::mkdtemp(pattern.data());
        fs::create_directory(tree());
    }
    ~Image() {
        std::error_code ignored;
        fs::remove_all(directory_, ignored);
    }
    Image(const Image&) = delete;
    Image& operator=(const Image&) = delete;

    [[nodiscard]] std::string tree() const { return directory_ + "/tree"; }
    [[nodiscard]] std::string file() const { return directory_ + "/image"; }

    // Sectors [first, first + count) of a file, the rest stays a hole.
    void write(const std::string& path, std::uint64_t first, std::uint64_t count) const {
        fs::create_directories(fs::path{tree() + path}.parent_path());
        std::ofstream{tree() + path, std::ios::app}.close();
        std::fstream out{tree() + path, std::ios::in | std::ios::out | std::ios::binary};
        for (std::uint64_t i = first; i < first + count; ++i) {
            out.seekp(static_cast<std::streamoff>(i * sector_size));
            out << tagged(path, i * sector_size);
        }
    }

    void make(const std::vector<std::string>& options, const std::string& size = "24M") {
        std::vector<std::string> args = {"mke2fs", "-q", "-F", "-d", tree()};
        args.insert(args.end(), options.begin(), options.end());
        args.push_back(file());
        args.push_back(size);
        run(args);
        load();
    }
    void debugfs(const std::string& request) {
        run({"debugfs", "-w", "-R", request, file()});
        load();
    }
    void load() { bytes = read_file(file(), 1U << 30); }

    [[nodiscard]] std::optional<BlockUse> find(std::uint64_t sector) const {
        const ReadAt read = [this](Bytes offset, std::span<std::byte> buffer) {
            const auto end = offset.value() + buffer.size();
            for (const auto& [first, last] : unreadable)
                if (offset.value() < last && end > first)
                    return EIO;
            if (end > bytes.size())
                return EIO;
            std::memcpy(buffer.data(), bytes.data() + offset.value(), buffer.size());
            return 0;
        };
        return find_block_use(read, Sector{sector});
    }
    // The sector that holds a text.
    [[nodiscard]] std::uint64_t sector_of(const std::string& text) const {
        const auto at = bytes.find(text);
        EXPECT_NE(at, std::string::npos) << text;
        return at / sector_size;
    }
    [[nodiscard]] std::uint64_t sectors() const { return bytes.size() / sector_size; }
    void damage_block(std::uint64_t byte, std::uint64_t size) {
        unreadable.emplace_back(byte / size * size, byte / size * size + size);
    }

    std::string bytes;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> unreadable; // bytes [first, last)

private:
    std::string directory_;
};

void fill(const Image& image) {
    image.write("/one", 0, 1);
    image.write("/some", 0, 37);
    image.write("/dir/sub/deeper/still/deep", 0, 9);
    image.write("/dir/hard", 0, 5);
    fs::create_hard_link(image.tree() + "/dir/hard", image.tree() + "/linked");
    fs::create_hard_link(image.tree() + "/dir/hard", image.tree() + "/dir/sub/again");
    // many extents, and indirect blocks of two levels
    for (std::uint64_t i = 0; i < 40; ++i)
        image.write("/holes", i * 64, 3);
    image.write("/holes", 20'000, 8);
    image.write("/large", 0, 2000);
    fs::create_symlink(std::string(200, 'x') + "needle-slow", image.tree() + "/slow");
    fs::create_symlink("needle-fast", image.tree() + "/fast");
    fs::create_directory(image.tree() + "/many");
    for (int i = 0; i < 300; ++i)
        std::ofstream{image.tree() + strf("/many/needle-%03d", i)}.close();
}

struct Format {
    const char* name;
    std::vector<std::string> options;
    unsigned block_size;
};

void PrintTo(const Format& format, std::ostream* out) {
    *out << format.name;
}

class Ext2fs : public testing::TestWithParam<Format> {
protected:
    void SetUp() override {
        if (!have_ext2fs())
            GTEST_SKIP() << "built without libext2fs";
        fill(image);
        std::vector<std::string> options = GetParam().options;
        options.insert(options.end(), {"-b", std::to_string(GetParam().block_size)});
        ASSERT_NO_FATAL_FAILURE(image.make(options));
    }

    std::uint32_t from_superblock(std::size_t offset) const {
        std::uint32_t value = 0;
        std::memcpy(&value, image.bytes.data() + 1024 + offset, sizeof(value));
        return le32toh(value);
    }

    Image image;
};

std::vector<std::string> names_of(const std::string& path) {
    if (path == "/dir/hard")
        return {"/dir/hard", "/dir/sub/again", "/linked"};
    return {path};
}

// Every sector that carries a tag belongs to the file, and is the part of it, that the
// tag says.
TEST_P(Ext2fs, EverySectorOfEveryFile) {
    std::map<std::string, std::uint64_t> seen;
    for (std::uint64_t sector = 0; sector < image.sectors(); ++sector) {
        const std::string_view content{image.bytes.data() + sector * sector_size, sector_size};
        if (!content.starts_with(tag))
            continue;
        const auto parts = words(content.substr(tag.size()));
        const std::string path{parts[0]};
        // all of the small ones, some of the large ones
        if (++seen[path] > 150 && sector % 50 != 0)
            continue;
        const auto use = image.find(sector);
        ASSERT_TRUE(use);
        ASSERT_EQ(use->kind, Kind::owned) << content.substr(0, 60);
        ASSERT_EQ(use->owners.size(), 1U);
        const BlockOwner& owner = use->owners[0];
        EXPECT_EQ(owner.paths, names_of(path));
        EXPECT_EQ(owner.type, "file");
        EXPECT_EQ(owner.role, Role::content);
        EXPECT_EQ(std::to_string(owner.offset->value()), parts[2]) << path;
        EXPECT_EQ(use->block_size, GetParam().block_size);
        EXPECT_EQ(use->block, sector * sector_size / GetParam().block_size);
        EXPECT_THAT(use->problems, ElementsAre());
    }
    EXPECT_EQ(seen, (std::map<std::string, std::uint64_t>{{"/one", 1},
                                                          {"/some", 37},
                                                          {"/dir/sub/deeper/still/deep", 9},
                                                          {"/dir/hard", 5},
                                                          {"/holes", 128},
                                                          {"/large", 2000}}));
}

// Nothing is left over, and as much is free as the superblock says.
TEST_P(Ext2fs, EveryBlockHasAUse) {
    std::uint64_t free = 0;
    std::set<std::string> metadata;
    std::map<std::string, std::set<Role>> roles;
    const std::uint64_t step = GetParam().block_size / sector_size;
    const std::uint64_t blocks = from_superblock(4);
    std::uint64_t of_large = 0;
    for (std::uint64_t block = 0; block < blocks; ++block) {
        const std::string_view content{image.bytes.data() + block * GetParam().block_size, 200};
        if (content.find("/large at") != std::string_view::npos) {
            ++of_large;
            continue; // looked at by the test above
        }
        const auto use = image.find(block * step);
        ASSERT_TRUE(use);
        ASSERT_NE(use->kind, Kind::unknown) << block;
        free += use->kind == Kind::free;
        if (use->kind == Kind::metadata)
            metadata.insert(use->what);
        for (const BlockOwner& owner : use->owners)
            roles[owner.paths.empty() ? owner.type : owner.paths[0]].insert(owner.role);
    }
    EXPECT_EQ(of_large, 2000 / step);
    EXPECT_EQ(free, from_superblock(12));
    for (const char* const what : {"superblock", "group descriptors", "block bitmap",
                                   "inode bitmap", "inode table, inodes 1 to 2"})
        EXPECT_THAT(metadata, Contains(std::string{"block group 0, "} + what));
    EXPECT_EQ(metadata.count("boot block"), GetParam().block_size == 1024 ? 1U : 0U);
    EXPECT_EQ(roles["/holes"], (std::set<Role>{Role::content, Role::block_map}));
    EXPECT_EQ(roles["/many"].count(Role::content), 1U);
    EXPECT_EQ(image.find(blocks * step - 1)->kind == Kind::outside, false);
    image.bytes.resize(image.bytes.size() + 4096);
    EXPECT_EQ(image.find(blocks * step)->kind, Kind::outside);
}

TEST_P(Ext2fs, DirectoriesAndSymbolicLinks) {
    const auto slow = image.find(image.sector_of("xxxneedle-slow"));
    ASSERT_EQ(slow->owners.size(), 1U);
    EXPECT_EQ(slow->owners[0].type, "symbolic link");
    EXPECT_THAT(slow->owners[0].paths, ElementsAre("/slow"));
    // in the inode itself
    const auto fast = image.find(image.sector_of("needle-fast"));
    EXPECT_EQ(fast->kind, Kind::metadata);
    EXPECT_THAT(fast->what, HasSubstr("inode table, inodes "));
    const auto many = image.find(image.sector_of("needle-250"));
    ASSERT_EQ(many->owners.size(), 1U);
    EXPECT_EQ(many->owners[0].type, "directory");
    EXPECT_THAT(many->owners[0].paths, ElementsAre("/many"));
    const auto root = image.find(image.sector_of("lost+found"));
    EXPECT_THAT(root->owners[0].paths, ElementsAre("/"));
}

TEST_P(Ext2fs, RemovedFileIsFreeSpace) {
    const std::uint64_t sector = image.sector_of(tagged("/some", 0));
    EXPECT_EQ(image.find(sector)->kind, Kind::owned);
    ASSERT_NO_FATAL_FAILURE(image.debugfs("rm /some"));
    EXPECT_EQ(image.find(sector)->kind, Kind::free);
    EXPECT_EQ(describe(*image.find(sector)), "free space");
}

TEST_P(Ext2fs, ExtendedAttributes) {
    ASSERT_NO_FATAL_FAILURE(
        image.debugfs("ea_set /dir/hard user.note needle-ea" + std::string(700, 'y')));
    const auto use = image.find(image.sector_of("needle-ea"));
    ASSERT_EQ(use->owners.size(), 1U);
    EXPECT_EQ(use->owners[0].role, Role::attributes);
    EXPECT_EQ(use->owners[0].paths, names_of("/dir/hard"));
    EXPECT_THAT(describe(use->owners[0]), HasSubstr("extended attributes"));
}

// What can't be read costs no more than it must.
TEST_P(Ext2fs, UnreadableBlocks) {
    const std::uint64_t size = GetParam().block_size;
    const std::uint64_t wanted = image.sector_of(tagged("/dir/sub/deeper/still/deep", 512));
    const auto block_of_name = [&](const std::string& name) {
        return image.sector_of(name) * sector_size / size * size;
    };
    // the content itself: that is why somebody asks
    image.damage_block(wanted * sector_size, size);
    EXPECT_THAT(image.find(wanted)->owners[0].paths, ElementsAre("/dir/sub/deeper/still/deep"));
    EXPECT_THAT(image.find(wanted)->problems, ElementsAre());
    // a directory that has nothing to do with it
    image.damage_block(block_of_name("needle-250"), size);
    auto use = image.find(wanted);
    EXPECT_THAT(use->owners[0].paths, ElementsAre("/dir/sub/deeper/still/deep"));
    ASSERT_EQ(use->problems.size(), 1U);
    EXPECT_THAT(use->problems[0], HasSubstr("directory with inode "));
    // a directory on its path, unless its names lie in the inode
    if (image.find(image.sector_of("deeper"))->kind == Kind::metadata)
        return;
    image.unreadable.clear();
    image.damage_block(block_of_name("deeper"), size);
    use = image.find(wanted);
    ASSERT_EQ(use->owners.size(), 1U);
    ASSERT_EQ(use->owners[0].paths.size(), 1U);
    EXPECT_THAT(use->owners[0].paths[0], testing::MatchesRegex("<inode [0-9]+>/still/deep"));
    EXPECT_EQ(use->problems.size(), 1U);
    // the directory with its name
    image.unreadable.clear();
    image.damage_block(block_of_name("deep\0"), size);
    EXPECT_EQ(image.find(wanted)->kind, Kind::owned);
}

TEST_P(Ext2fs, UnreadableMetadata) {
    const std::uint64_t size = GetParam().block_size;
    const std::uint64_t wanted = image.sector_of(tagged("/some", 1024));
    std::map<std::string, std::uint64_t> places; // by what lies there
    for (std::uint64_t block = 0; block < 400; ++block) {
        const auto use = image.find(block * size / sector_size);
        if (use->kind == Kind::metadata)
            places.emplace(use->what, block);
    }
    // one that is not needed
    image.damage_block(places.at("block group 0, inode bitmap") * size, size);
    EXPECT_THAT(image.find(wanted)->problems, ElementsAre());
    image.damage_block(places.at("block group 0, block bitmap") * size, size);
    auto use = image.find(wanted);
    EXPECT_THAT(use->owners[0].paths, ElementsAre("/some"));
    ASSERT_EQ(use->problems.size(), 1U);
    EXPECT_THAT(use->problems[0], HasSubstr("block bitmap of block group 0"));
    // the inodes of others
    image.unreadable.clear();
    image.damage_block(image.sector_of("needle-fast") * sector_size, size);
    use = image.find(wanted);
    EXPECT_EQ(use->problems.size(), 1U);
    EXPECT_THAT(use->problems[0], testing::MatchesRegex("inodes [0-9]+ to [0-9]+: .*"));
    EXPECT_EQ(image.find(image.sector_of("needle-fast"))->kind, Kind::metadata);
    // nothing at all
    image.unreadable = {{0, image.bytes.size()}};
    expect_error(Code::failed, "cannot open the file system", [&] { (void)image.find(wanted); });
}

// All of the inode table gone, or all but it.
TEST_P(Ext2fs, HopelessDamageIsReportedAndEnds) {
    const std::uint64_t wanted = image.sector_of(tagged("/some", 1024));
    const std::uint64_t size = GetParam().block_size;
    image.unreadable = {{32 * size, image.bytes.size()}};
    const auto use = image.find(wanted);
    ASSERT_TRUE(use);
    EXPECT_FALSE(use->problems.empty());
    EXPECT_LE(use->problems.size(), 21U);
}

INSTANTIATE_TEST_SUITE_P(
    Formats, Ext2fs,
    testing::Values(Format{"ext4_1k", {"-t", "ext4", "-g", "8192"}, 1024},
                    Format{"ext4_4k", {"-t", "ext4", "-g", "2048"}, 4096},
                    Format{"ext4_inline", {"-t", "ext4", "-O", "inline_data", "-g", "2048"}, 4096},
                    Format{"ext4_64bit_meta_bg",
                           {"-t", "ext4", "-O", "64bit,meta_bg,^resize_inode", "-g", "2048"},
                           4096},
                    Format{"ext3_2k", {"-t", "ext3", "-g", "16384", "-I", "256"}, 2048},
                    Format{"ext2_1k", {"-t", "ext2", "-g", "8192", "-I", "256"}, 1024}),
    [](const auto& instance) { return instance.param.name; });

TEST(Ext2fsOther, NoFileSystem) {
    if (!have_ext2fs())
        GTEST_SKIP() << "built without libext2fs";
    Image image;
    image.bytes.resize(1 << 20);
    EXPECT_FALSE(image.find(5)); // nothing
    std::memcpy(image.bytes.data() + 4086, "SWAPSPACE2", 10);
    EXPECT_FALSE(image.find(5));
    std::memcpy(image.bytes.data(), "XFSB", 4);
    EXPECT_FALSE(image.find(5));
}

// The first copy lies behind the first group, whose size depends on that of blocks.
TEST(Ext2fsOther, CopiesOfTheSuperblock) {
    if (!have_ext2fs())
        GTEST_SKIP() << "built without libext2fs";
    for (const auto& [block_size, size] :
         {std::pair{1024U, "12M"}, {2048U, "40M"}, {4096U, "136M"}}) {
        Image image;
        image.write("/dir/file", 0, 3);
        ASSERT_NO_FATAL_FAILURE(image.make({"-t", "ext4", "-b", std::to_string(block_size)}, size));
        const std::uint64_t sector = image.sector_of(tagged("/dir/file", 512));
        EXPECT_THAT(image.find(sector)->problems, ElementsAre());
        // the superblock, and the group descriptors behind it
        for (const std::uint64_t place : {std::uint64_t{1024}, std::uint64_t{1024} + block_size}) {
            image.unreadable.clear();
            image.damage_block(place, block_size);
            const auto use = image.find(sector);
            EXPECT_THAT(use->owners.at(0).paths, ElementsAre("/dir/file")) << block_size;
            ASSERT_EQ(use->problems.size(), 1U);
            EXPECT_THAT(use->problems[0], HasSubstr("a copy was used"));
        }
    }
}

TEST(Ext2fsOther, ByPath) {
    if (!have_ext2fs())
        GTEST_SKIP() << "built without libext2fs";
    Image image;
    image.write("/dir/file", 0, 3);
    // with what a terminal would take for orders
    image.write("/odd\x1b[2Jname", 0, 3);
    ASSERT_NO_FATAL_FAILURE(image.make({"-t", "ext4"}));
    const Sector sector{image.sector_of(tagged("/dir/file", 512))};
    const auto use = find_block_use(image.file(), sector);
    ASSERT_TRUE(use);
    EXPECT_THAT(use->owners.at(0).paths, ElementsAre("/dir/file"));
    EXPECT_THAT(describe(use->owners[0]), HasSubstr("byte 512 of its content"));
    const auto odd = image.find(image.sector_of(tagged("/odd\x1b[2Jname", 0)));
    EXPECT_THAT(odd->owners.at(0).paths, ElementsAre("/odd?[2Jname"));
    expect_error(Code::not_found, "cannot open",
                 [&] { (void)find_block_use(image.file() + ".none", sector); });
    // cut short
    fs::resize_file(image.file(), 1 << 20);
    const auto rest = find_block_use(image.file(), sector);
    EXPECT_TRUE(!rest || !rest->problems.empty() || rest->kind == Kind::owned);
}

TEST(Ext2fsOther, Garbage) {
    if (!have_ext2fs())
        GTEST_SKIP() << "built without libext2fs";
    Image image;
    fill(image);
    ASSERT_NO_FATAL_FAILURE(image.make({"-t", "ext4", "-b", "1024"}, "8M"));
    const std::string good = image.bytes;
    std::uint64_t state = 88172645463325252ULL;
    const auto random = [&] {
        state ^= state << 13;
        state ^= state >> 7;
        return state ^= state << 17;
    };
    for (int round = 0; round < 300; ++round) {
        image.bytes = good;
        // the superblock and what follows it have the most to say
        for (int i = 0; i < 20; ++i)
            image.bytes[1024 + random() % (round % 2 == 0 ? 8192 : 400'000)] =
                static_cast<char>(random());
        try {
            (void)image.find(random() % image.sectors());
        } catch (const Error& e) {
            EXPECT_EQ(e.code(), Code::failed);
        }
    }
}

} // namespace
} // namespace remap::sys
