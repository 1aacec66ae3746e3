// SPDX-License-Identifier: GPL-2.0-only
#include "remap_model.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dm-remap-meta.h>
#include <memory>
#include <optional>

#include "base/text.h"
#include "format/block_io.h"

namespace remap::test {

namespace {

constexpr std::uint64_t message_blocks = 4096; // that one message may handle
// Smaller than the kernel's buffer, so that lists of some length come in pages.
constexpr std::size_t answer_size = 4096;
constexpr std::string_view reason_letters = "-wraskmh";
constexpr std::uint64_t seconds_per_hour = 3600;

unsigned long long ull(std::uint64_t value) {
    return value;
}

std::uint64_t number(std::string_view text) {
    const auto value = parse_number<std::uint64_t>(text);
    if (!value)
        throw Refusal{EINVAL};
    return *value;
}

// Ascending, disjoint ranges of blocks: "5 7+3".
std::vector<BlockRange> parse_ranges(const std::vector<std::string_view>& words,
                                     std::uint64_t blocks) {
    std::vector<BlockRange> ranges;
    std::uint64_t from = 0;
    for (const std::string_view word : words) {
        const auto plus = word.find('+');
        const std::uint64_t first = number(word.substr(0, plus));
        const std::uint64_t count =
            plus == std::string_view::npos ? 1 : number(word.substr(plus + 1));
        if (count == 0 || first < from || first >= blocks || count > blocks - first)
            throw Refusal{EINVAL};
        ranges.push_back({BlockNo{first}, BlockNo{count}});
        from = first + count;
    }
    if (ranges.empty())
        throw Refusal{EINVAL};
    return ranges;
}

// Goes through the blocks of ranges, as far as one message goes.
class Cursor {
public:
    explicit Cursor(std::vector<BlockRange> ranges) : ranges_{std::move(ranges)} {}

    std::uint64_t done[3] = {};

    [[nodiscard]] bool more() const { return at_ < ranges_.size() && budget_ > 0; }
    [[nodiscard]] std::uint64_t block() const { return ranges_[at_].first.value() + offset_; }
    void step() {
        --budget_;
        if (++offset_ == ranges_[at_].count.value()) {
            ++at_;
            offset_ = 0;
        }
    }
    [[nodiscard]] std::string answer() const {
        const std::string start =
            at_ < ranges_.size() ? "next " + std::to_string(block()) : std::string{"ok"};
        return start + strf(" %llu %llu %llu", ull(done[0]), ull(done[1]), ull(done[2]));
    }

private:
    std::vector<BlockRange> ranges_;
    std::size_t at_ = 0;
    std::uint64_t offset_ = 0;
    std::uint64_t budget_ = message_blocks;
};

std::span<const std::byte> bytes(const void* data, std::size_t length) {
    return {static_cast<const std::byte*>(data), length};
}

std::span<std::byte> bytes(void* data, std::size_t length) {
    return {static_cast<std::byte*>(data), length};
}

} // namespace

// A loaded set: the devices, the metadata and the map.
class RemapModel::Set {
public:
    Set(FileHost& host, const dm::RemapTable& table)
        : main{host.open_for_target(table.main)},
          spare{host.open_for_target(table.spare)},
          memory_{DMR_META_PAGES * DMR_BLOCK_SIZE} {
        if (!main || !spare)
            throw Refusal{ENXIO};
        check(dmr_meta_open(&meta, &meta_ops, spare.get(), spare->size().value(), memory_.data()));
        open_ = true;
    }
    ~Set() {
        dmr_index_exit(&index);
        if (open_)
            dmr_meta_close(&meta);
    }
    Set(const Set&) = delete;
    Set& operator=(const Set&) = delete;

    void load() {
        const std::uint64_t sectors = le64_to_cpu(meta.sb->main_sectors);
        check(dmr_index_init(&index, dmr_blocks(sectors), &leaf_ops, nullptr));
        check(dmr_meta_load(&meta, &index, &totals));
    }

    static void check(int result) {
        if (result < 0)
            throw Refusal{-result};
    }

    [[nodiscard]] std::uint64_t entry(std::uint64_t block) const {
        return dmr_index_get(&index, block);
    }
    // Sectors of a block: the last one may be short.
    [[nodiscard]] unsigned sectors(std::uint64_t block) const {
        const std::uint64_t rest = le64_to_cpu(meta.sb->main_sectors) - block * DMR_BLOCK_SECTORS;
        return static_cast<unsigned>(std::min<std::uint64_t>(rest, DMR_BLOCK_SECTORS));
    }
    [[nodiscard]] Bytes slot_place(std::uint64_t slot) const {
        return to_bytes(Sector{dmr_slot_sector(meta.sb, slot)});
    }
    [[nodiscard]] dmr_mapping mapping(std::uint64_t block, std::uint8_t lost, std::uint8_t reason) {
        const std::uint64_t created = le64_to_cpu(meta.sb->created);
        const auto now = static_cast<std::uint64_t>(std::time(nullptr));
        dmr_mapping m{};
        m.block = block;
        m.gen = dmr_meta_next_gen(&meta);
        m.hours = static_cast<std::uint32_t>(std::min<std::uint64_t>(
            (now - std::min(created, now)) / seconds_per_hour, DMR_HOURS_MAX));
        m.lost = lost;
        m.state = DMR_E_MAPPED;
        m.reason = reason;
        return m;
    }
    // Make changes durable; each tells afterwards what became of it.
    void commit(std::vector<dmr_change>& changes) {
        std::sort(changes.begin(), changes.end(),
                  [](const dmr_change& a, const dmr_change& b) { return a.slot < b.slot; });
        for (std::size_t done = 0; done < changes.size();)
            done += dmr_meta_commit(&meta, &changes[done],
                                    static_cast<std::uint32_t>(changes.size() - done));
    }

    std::unique_ptr<format::BlockWriter> main;
    std::unique_ptr<format::BlockWriter> spare;
    dmr_meta meta{};
    dmr_index index{};
    dmr_totals totals{};

private:
    static int read(void* spare, u64 sector, void* buffer, u32 length) {
        return -static_cast<format::BlockWriter*>(spare)->read(to_bytes(Sector{sector}),
                                                               bytes(buffer, length));
    }
    // Nothing is cached that a flag could order: what was written is there.
    static int write(void* spare, u64 sector, const void* buffer, u32 length, unsigned) {
        return -static_cast<format::BlockWriter*>(spare)->write(to_bytes(Sector{sector}),
                                                                bytes(buffer, length));
    }
    static int flush(void* spare) { return -static_cast<format::BlockWriter*>(spare)->sync(); }
    static constexpr dmr_meta_ops meta_ops = {.read = &read, .write = &write, .flush = &flush};

    static dmr_leaf* new_leaf(void*, u32 nr, bool) {
        auto* const leaf = static_cast<dmr_leaf*>(std::calloc(1, dmr_leaf_bytes(nr)));
        if (leaf != nullptr)
            leaf->nr = nr;
        return leaf;
    }
    static void free_leaf(void*, dmr_leaf* leaf) { std::free(leaf); }
    static constexpr dmr_leaf_ops leaf_ops = {.alloc = &new_leaf, .release = &free_leaf};

    format::AlignedBuffer memory_;
    bool open_ = false;
};

RemapModel::RemapModel(FileHost& host, const dm::Target& line, bool read_only, TargetState& state)
    : host_{host},
      table_{dm::RemapTable::parse(line.params)},
      length_{line.length},
      read_only_{read_only},
      state_{state} {}

void RemapModel::check_options() const {
    for (const std::string& option : table_.options) {
        const auto equals = option.find('=');
        const std::string name = option.substr(0, equals);
        if (option == "paused")
            continue;
        if (equals == std::string::npos ||
            (name != "rescue" && name != "isolate_ms" && name != "rate"))
            throw Refusal{EINVAL};
        (void)number(std::string_view{option}.substr(equals + 1));
    }
}

void RemapModel::construct() {
    check_options();
    Set set{host_, table_};
    bool must_not_write = false;
    if (dmr_sb_refusal(set.meta.sb, &must_not_write) != nullptr)
        throw Refusal{EINVAL};
    if (must_not_write && !read_only_)
        throw Refusal{EROFS};
    const Sector recorded{le64_to_cpu(set.meta.sb->main_sectors)};
    const bool grown = state_.active && length_ > recorded;
    if ((length_ != recorded && !grown) || set.main->size() < length_)
        throw Refusal{EINVAL};
    set.load();
}

void RemapModel::resume() {
    Set set{host_, table_};
    set.load();
    const bool paused =
        std::find(table_.options.begin(), table_.options.end(), "paused") != table_.options.end();
    if (paused)
        state_.faults.insert("paused");
    if (read_only_)
        return;
    if (!state_.active) {
        Set::check(dmr_meta_activate(&set.meta, static_cast<u64>(std::time(nullptr))));
        state_.active = true;
    } else if (length_ > Sector{le64_to_cpu(set.meta.sb->main_sectors)}) {
        set.meta.active = true;
        set.meta.attempts = state_.attempts;
        Set::check(dmr_meta_grow(&set.meta, length_.value()));
    }
    state_.attempts = set.meta.attempts;
}

std::string RemapModel::mode() const {
    // the gravest of what holds
    for (const char* const name :
         {"fail", "meta-fault", "spare-fault", "main-fault", "full", "paused"})
        if (state_.faults.contains(name))
            return name;
    return "active";
}

std::uint64_t RemapModel::counter(const std::string& name) const {
    const auto it = state_.counters.find(name);
    return it == state_.counters.end() ? 0 : it->second;
}

std::string RemapModel::status() {
    Set set{host_, table_};
    set.load();
    const dmr_meta& m = set.meta;
    const dmr_totals& t = set.totals;
    Uuid uuid;
    std::copy(std::begin(m.sb->set_uuid), std::end(m.sb->set_uuid), uuid.bytes.begin());
    std::string reasons;
    for (const std::size_t reason :
         std::initializer_list<std::size_t>{DMR_R_WRITE, DMR_R_READ, DMR_R_ADMIN, DMR_R_SCAN,
                                            DMR_R_WEAK, DMR_R_MOVED, DMR_R_SHIELD})
        reasons += (reasons.empty() ? "" : ",") + std::to_string(t.by_reason[reason]);
    return strf("1 %s %s %llu/%llu %llu %llu %llu", mode().c_str(), read_only_ ? "ro" : "rw",
                ull(t.entries), ull(m.nr_slots), ull(t.bad), ull(t.entries), ull(t.lost)) +
           strf(" %llu %llu %llu %llu %s", ull(counter("main_read_errors")),
                ull(counter("main_write_errors")), ull(counter("spare_errors")),
                ull(counter("healed")), reasons.c_str()) +
           strf(" %d %d %llu %llu %llu %llu %llu %s", 2 - std::popcount(m.sb_bad),
                m.frozen > 0 ? 1 : 2, ull(m.frozen), ull(m.gen), ull(counter("redirected_reads")),
                ull(counter("redirected_writes")), ull(m.activation), uuid.str().c_str());
}

std::string RemapModel::message(const std::string& text) {
    Set set{host_, table_};
    set.load();
    set.meta.active = state_.active;
    set.meta.attempts = state_.attempts;
    std::string answer = dispatch(set, words(text));
    state_.attempts = set.meta.attempts;
    return answer;
}

std::string RemapModel::dispatch(Set& set, const Words& all) {
    if (all.empty())
        throw Refusal{EINVAL};
    const std::string_view verb = all.front();
    const Words rest{all.begin() + 1, all.end()};
    if (verb == "list" && rest.size() == 1)
        return list(set, rest[0]);
    if (verb == "stats" && rest.empty())
        return stats(set);
    if (verb == "pause" && rest.empty()) {
        state_.faults.insert("paused");
        return "ok";
    }
    if (read_only_)
        throw Refusal{EROFS};
    if (verb == "add")
        return add(set, rest);
    if (verb == "unmap")
        return unmap(set, rest);
    if (verb == "retry")
        return retry(set, rest);
    if (verb == "verify" && rest.size() <= 1)
        return verify(set, rest.empty() ? 0 : number(rest[0]));
    if (verb == "rearm" && rest.empty())
        return rearm(set);
    throw Refusal{EINVAL};
}

std::string RemapModel::list(Set& set, std::string_view from) const {
    std::string answer;
    for (std::uint64_t block = number(from); block < set.index.nr_blocks; ++block) {
        const std::uint64_t x = dmr_index_next(&set.index, &block);
        if (x == 0)
            break;
        const std::string line =
            strf("%llu %llu %02x %c %s%s%s\n", ull(block), ull(dmr_x_slot(x)),
                 unsigned{dmr_x_lost(x)}, reason_letters[dmr_x_reason(x)],
                 (x & DMR_X_SHIELD) != 0 ? "s" : "", (x & DMR_X_SLOT_LOST) != 0 ? "l" : "",
                 (x & (DMR_X_SHIELD | DMR_X_SLOT_LOST)) == 0 ? "-" : "");
        if (answer.size() + line.size() > answer_size)
            return answer + "next " + std::to_string(block);
        answer += line;
    }
    return answer + "end";
}

std::string RemapModel::stats(const Set& set) const {
    std::string answer;
    for (const char* const name :
         {"main_read_errors", "main_write_errors", "spare_errors", "healed", "rescued_writes",
          "refused_remaps", "flush_errors", "noted_errors", "commits", "metadata_write_errors",
          "redirected_reads", "redirected_writes"})
        answer += strf("%s=%llu\n", name, ull(counter(name)));
    return answer + strf("free_slots_initialised=%llu\n", ull(set.meta.free_slots));
}

std::string RemapModel::add(Set& set, Words words) {
    std::uint8_t reason = DMR_R_ADMIN;
    bool lost = false;
    while (!words.empty() && (words[0] == "lost" || words[0].starts_with("reason="))) {
        lost = lost || words[0] == "lost";
        if (words[0] == "reason=scan")
            reason = DMR_R_SCAN;
        else if (words[0] != "lost" && words[0] != "reason=admin")
            throw Refusal{EINVAL};
        words.erase(words.begin());
    }
    Cursor cursor{parse_ranges(words, set.index.nr_blocks)};
    std::vector<dmr_change> changes;
    for (; cursor.more(); cursor.step()) {
        const std::uint64_t block = cursor.block();
        std::uint64_t slot = 0;
        if (set.entry(block) != 0) {
            ++cursor.done[1];
            continue;
        }
        if (const int error = dmr_meta_alloc(&set.meta, &slot); error != 0) {
            if (error == -ENOSPC)
                state_.faults.insert("full");
            ++cursor.done[2];
            continue;
        }
        format::AlignedBuffer content{block_size};
        std::uint8_t mask = 0;
        for (unsigned i = 0; i < set.sectors(block); ++i)
            if (lost || set.main->read(to_bytes(first_sector(BlockNo{block}) + Sector{i}),
                                       content.span().subspan(i * sector_size, sector_size)) != 0)
                mask = static_cast<std::uint8_t>(mask | 1U << i);
        if (set.spare->write(set.slot_place(slot), content.span()) != 0) {
            dmr_meta_unalloc(&set.meta, slot);
            state_.faults.insert("spare-fault");
            ++cursor.done[2];
            continue;
        }
        changes.push_back({slot, set.mapping(block, mask, reason), 0});
    }
    set.commit(changes);
    for (const dmr_change& change : changes)
        ++cursor.done[change.error == 0 ? 0 : 2];
    return cursor.answer();
}

std::string RemapModel::unmap(Set& set, const Words& words) {
    Cursor cursor{parse_ranges(words, set.index.nr_blocks)};
    std::vector<dmr_change> changes;
    for (; cursor.more(); cursor.step()) {
        const std::uint64_t block = cursor.block();
        const std::uint64_t x = set.entry(block);
        if (x == 0) {
            ++cursor.done[1];
            continue;
        }
        format::AlignedBuffer content{block_size};
        const auto used = content.span().first(set.sectors(block) * sector_size);
        const Bytes place = to_bytes(first_sector(BlockNo{block}));
        if ((x & DMR_X_SHIELD) != 0 || dmr_x_lost(x) != 0 || set.meta.frozen > 0 ||
            set.spare->read(set.slot_place(dmr_x_slot(x)), content.span()) != 0 ||
            set.main->write(place, used) != 0) {
            ++cursor.done[2];
            continue;
        }
        changes.push_back({dmr_x_slot(x), {}, 0});
    }
    set.commit(changes);
    for (const dmr_change& change : changes)
        ++cursor.done[change.error == 0 ? 0 : 2];
    return cursor.answer();
}

// Returns the sectors that came back; what is still lost stays in the mask.
std::string RemapModel::retry(Set& set, const Words& words) {
    Cursor cursor{parse_ranges(words, set.index.nr_blocks)};
    std::vector<dmr_change> changes;
    for (; cursor.more(); cursor.step()) {
        const std::uint64_t block = cursor.block();
        const std::uint64_t x = set.entry(block);
        std::uint8_t lost = dmr_x_lost(x);
        if (lost == 0)
            continue;
        const bool on_spare = (x & DMR_X_SLOT_LOST) != 0;
        const Bytes slot = set.slot_place(dmr_x_slot(x));
        for (unsigned i = 0; i < set.sectors(block); ++i) {
            if ((lost >> i & 1) == 0)
                continue;
            const Bytes offset{i * sector_size};
            format::AlignedBuffer content{block_size};
            const auto sector = content.span().first(sector_size);
            const int error =
                on_spare ? set.spare->read(slot + offset, sector)
                         : set.main->read(to_bytes(first_sector(BlockNo{block})) + offset, sector);
            if (error != 0 || set.spare->write(slot + offset, sector) != 0) {
                ++cursor.done[1];
                continue;
            }
            ++cursor.done[0];
            lost = static_cast<std::uint8_t>(lost & ~(1U << i));
        }
        dmr_mapping m = set.mapping(block, lost, dmr_x_reason(x));
        m.flags = on_spare ? DMR_F_SLOT_LOST : 0;
        changes.push_back({dmr_x_slot(x), m, 0});
    }
    set.commit(changes);
    return cursor.answer();
}

std::string RemapModel::verify(Set& set, std::uint64_t from) {
    // what is loaded came from the disk a moment ago: memory knows the same
    const dmr_memory memory = {
        .holds =
            [](void* self, u64 slot, u64 block, u8* lost) {
                const std::uint64_t x = static_cast<Set*>(self)->entry(block);
                *lost = dmr_x_lost(x);
                return dmr_x_mapped(x) && dmr_x_slot(x) == slot;
            },
        .rebuild =
            [](void* self, u64 first, u64 gen, dmr_mapping* entries) {
                const Set& known = *static_cast<Set*>(self);
                for (u64 block = 0; block < known.index.nr_blocks; ++block) {
                    const std::uint64_t x = dmr_index_next(&known.index, &block);
                    if (x == 0)
                        break;
                    const std::uint64_t slot = dmr_x_slot(x);
                    if (slot < first || slot - first >= DMR_TABLE_ENTRIES)
                        continue;
                    dmr_mapping& m = entries[slot - first];
                    m.block = block;
                    m.gen = gen;
                    m.lost = dmr_x_lost(x);
                    m.state = DMR_E_MAPPED;
                    m.reason = dmr_x_reason(x);
                    m.flags = static_cast<u8>(((x & DMR_X_SHIELD) != 0 ? DMR_F_SHIELD : 0) |
                                              ((x & DMR_X_SLOT_LOST) != 0 ? DMR_F_SLOT_LOST : 0));
                }
            },
        .context = &set};
    dmr_verify v{};
    for (std::uint64_t index = from; index < le64_to_cpu(set.meta.sb->table_init); ++index)
        (void)dmr_meta_verify(&set.meta, index, &memory, &v);
    if (set.meta.frozen == 0)
        state_.faults.erase("meta-fault");
    return strf("ok %llu %llu %llu", ull(v.checked), ull(v.repaired), ull(v.damaged));
}

std::string RemapModel::rearm(Set& set) {
    format::AlignedBuffer block{block_size};
    state_.faults.erase("paused");
    state_.faults.erase("full");
    if (set.main->read(Bytes{0}, block.span()) == 0)
        state_.faults.erase("main-fault");
    if (set.spare->read(Bytes{0}, block.span()) == 0)
        state_.faults.erase("spare-fault");
    (void)verify(set, 0);
    return "ok " + mode();
}

} // namespace remap::test
