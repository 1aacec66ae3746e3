// SPDX-License-Identifier: GPL-2.0-only
#include "remap_model.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <ctime>

#include "base/text.h"
#include "remap_set.h"

namespace remap::test {

namespace {

// Smaller than the kernel's buffer, so that lists of some length come in pages.
constexpr std::size_t answer_size = 4096;
constexpr std::string_view reason_letters = "-wraskmh";

} // namespace

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
        (void)message_number(std::string_view{option}.substr(equals + 1));
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
        return verify(set, rest.empty() ? 0 : message_number(rest[0]));
    if (verb == "rearm" && rest.empty())
        return rearm(set);
    throw Refusal{EINVAL};
}

std::string RemapModel::list(Set& set, std::string_view from) const {
    std::string answer;
    for (std::uint64_t block = message_number(from); block < set.index.nr_blocks; ++block) {
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

} // namespace remap::test
