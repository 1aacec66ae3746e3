// SPDX-License-Identifier: GPL-2.0-only
// Reading a dump: see dump.h.
#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/text.h"
#include "format/dump.h"
#include "format/json_members.h"

namespace remap::format {

namespace {

template <class Names>
std::optional<unsigned> index_of(const std::string& text, unsigned first, unsigned last,
                                 Names name) {
    for (unsigned i = first; i <= last; ++i)
        if (text == name(i))
            return i;
    return std::nullopt;
}

SpareRecord read_record(Members& m) {
    SpareRecord r;
    r.set_uuid = m.uuid("set_uuid");
    r.spare_uuid = m.uuid("spare_uuid");
    r.label = m.text("label");
    const auto state = index_of(m.text("state"), DMR_STATE_CREATING, DMR_STATE_RETIRED,
                                [](unsigned i) { return state_name(static_cast<State>(i)); });
    if (!state)
        reject(m.place("state"), "is not known");
    r.state = static_cast<State>(*state);
    r.seq = m.number("seq");
    r.epoch = m.number("epoch");
    r.activation = m.number("activation");
    r.compat = m.number("compat");
    r.ro_compat = m.number("ro_compat");
    r.incompat = m.number("incompat");
    r.created = m.number("created");
    r.updated = m.number("updated");
    r.spare_size = Sector{m.number("spare_sectors", max_sector.value())};
    r.main_size = Sector{m.number("main_sectors", max_sector.value())};
    r.main_lbs = static_cast<std::uint32_t>(m.number("main_logical_block_bytes", UINT32_MAX));
    r.main_pbs = static_cast<std::uint32_t>(m.number("main_physical_block_bytes", UINT32_MAX));
    r.slots = m.number("slots");
    r.table_blocks = m.number("table_blocks");
    r.table_init = m.number("table_blocks_initialised");
    r.main = {m.text("main_wwn"), m.text("main_serial"), m.text("main_partuuid")};
    r.options = m.text("options");
    return r;
}

void read_given_up(Members& m, dmr_superblock& sb) {
    sb.distrust_since = cpu_to_le64(m.number("given_up_since"));
    const Json& list = m.array("given_up");
    if (list.size() > DMR_NR_DISTRUST)
        reject(m.place("given_up"), "is too long");
    for (std::size_t i = 0; i < list.size(); ++i) {
        Members item{list[i], m.place("given_up") + "/" + std::to_string(i)};
        sb.distrust[i].first = cpu_to_le64(item.number("first"));
        sb.distrust[i].nr =
            cpu_to_le32(static_cast<std::uint32_t>(item.number("count", UINT32_MAX)));
        sb.distrust[i].copy = cpu_to_le32(static_cast<std::uint32_t>(item.number("copy", 1)));
        item.end();
    }
}

void read_other_bytes(Members& m, dmr_superblock& sb) {
    if (!m.has("other_bytes"))
        return;
    const Json& list = m.array("other_bytes");
    for (std::size_t i = 0; i < list.size(); ++i) {
        Members item{list[i], m.place("other_bytes") + "/" + std::to_string(i)};
        const std::uint64_t offset = item.number("offset", sizeof(sb));
        const std::vector<std::uint8_t> bytes = item.bytes("hex");
        if (bytes.size() > sizeof(sb) - offset)
            reject(item.place("hex"), "is too long");
        // the superblock is packed: no byte of it is padding
        std::memcpy(reinterpret_cast<std::uint8_t*>(&sb) + offset, bytes.data(), bytes.size());
        item.end();
    }
}

dmr_superblock read_superblock(const Json& json, const std::string& place) {
    Members m{json, place};
    if (m.number("format_version") != DMR_VERSION)
        reject(m.place("format_version"), "is not known to this program");
    const SpareRecord record = read_record(m);
    dmr_superblock sb;
    try {
        sb = encode(record);
    } catch (const Error& e) {
        reject(place, e.reason());
    }
    if (record.slots != le64_to_cpu(sb.nr_slots) ||
        record.table_blocks != le64_to_cpu(sb.table_blocks))
        reject(place, "the layout does not fit the recorded spare size");
    read_given_up(m, sb);
    read_other_bytes(m, sb);
    m.end();
    dmr_sb_seal(&sb, 0);
    const char* const problem = dmr_sb_check(&sb, 0, record.spare_size.value(), 0);
    if (problem != nullptr)
        reject(place, problem);
    return sb;
}

// Gets the parser's events and keeps only what a Snapshot holds.
class Reader {
public:
    explicit Reader(std::string name) : name_{std::move(name)} {}

    bool event(int depth, Json::parse_event_t event, Json& parsed) {
        using E = Json::parse_event_t;
        if (depth > max_depth)
            reject(name_, "is nested too deeply");
        if (depth == 0 && (event == E::array_start || event == E::value))
            reject(name_, "is not an object");
        if (depth == 1 && event == E::key)
            return begin(parsed.get_ref<const std::string&>());
        if (depth == 1 && event != E::object_start && event != E::array_start)
            return end(parsed);
        if (depth == 1 && is_list(member_) != (event == E::array_start) && known(member_) &&
            member_ != "json_format_version")
            reject(place(), is_list(member_) ? "is not an array" : "is not an object");
        if (depth == 2 && is_list(member_) && event != E::object_start) {
            take(parsed, place() + "/" + std::to_string(index_++));
            return false;
        }
        return true;
    }

    Dump finish() {
        for (const char* const member :
             {"json_format_version", "superblock", "complete", "table_sequences", "entries"})
            if (!seen(member))
                reject(name_, std::string{"has no member '"} + member +
                                  "': it is no dump of "
                                  "metadata");
        add_bad_slots(UINT64_MAX);
        if (dump_.complete && !dump_.snapshot.has_all_blocks())
            reject(name_ + ": /table_sequences", "does not cover the whole table");
        return std::move(dump_);
    }

private:
    static constexpr int max_depth = 8;

    [[nodiscard]] std::string place() const { return name_ + ": /" + printable(member_); }
    [[nodiscard]] bool seen(const std::string& member) const {
        return std::find(seen_.begin(), seen_.end(), member) != seen_.end();
    }
    static bool is_list(const std::string& member) {
        return member == "table_sequences" || member == "table_pads" || member == "bad_slots" ||
               member == "entries";
    }
    static bool known(const std::string& member) {
        return is_list(member) || member == "json_format_version" || member == "superblock" ||
               member == "complete";
    }

    bool begin(const std::string& member) {
        member_ = member;
        index_ = 0;
        if (!known(member))
            return false;
        if (seen(member))
            reject(place(), "is there twice");
        if (is_list(member) && !seen("superblock"))
            reject(place(), "comes before the superblock");
        if (member == "bad_slots" && seen("entries"))
            reject(place(), "comes after the entries");
        seen_.push_back(member);
        return true;
    }

    // The value of a member of the document is complete.
    bool end(const Json& value) {
        if (is_list(member_) && !value.is_array())
            reject(place(), "is not an array");
        if (member_ == "superblock")
            dump_.snapshot.sb = read_superblock(value, place());
        if (member_ == "complete") {
            if (!value.is_boolean())
                reject(place(), "is neither true nor false");
            dump_.complete = value.get<bool>();
        }
        if (member_ == "json_format_version" &&
            (!value.is_array() || value.empty() || value[0] != 1))
            reject(place(), "is not known to this program");
        return false;
    }

    void take(const Json& item, const std::string& where) {
        if (member_ == "entries")
            take_entry(item, where);
        else if (member_ == "bad_slots")
            take_bad_slot(item, where);
        else if (member_ == "table_sequences")
            take_run(item, where);
        else
            take_pad(item, where);
    }

    void take_run(const Json& item, const std::string& where) {
        Members m{item, where};
        std::vector<SequenceRun>& runs = dump_.snapshot.runs;
        const std::uint64_t all = le64_to_cpu(dump_.snapshot.sb.table_init);
        SequenceRun run;
        run.first = m.number("first", all);
        run.count = m.number("count", all - run.first);
        run.seq = dmr_seq(m.number("activation", UINT32_MAX),
                          static_cast<std::uint32_t>(m.number("attempt", UINT32_MAX)));
        m.end();
        const std::uint64_t next = runs.empty() ? 0 : runs.back().first + runs.back().count;
        if (run.count == 0 || run.first < next)
            reject(where, "does not follow the one before");
        runs.push_back(run);
    }

    void take_pad(const Json& item, const std::string& where) {
        Members m{item, where};
        std::vector<TablePad>& pads = dump_.snapshot.pads;
        TablePad pad;
        pad.index = m.number("table_block", le64_to_cpu(dump_.snapshot.sb.table_init));
        const std::vector<std::uint8_t> bytes = m.bytes("hex");
        m.end();
        if (bytes.size() != pad.bytes.size())
            reject(where, "has the wrong length");
        if (!pads.empty() && pad.index <= pads.back().index)
            reject(where, "does not follow the one before");
        std::copy(bytes.begin(), bytes.end(), pad.bytes.begin());
        pads.push_back(pad);
    }

    void set_time(Members& m, dmr_mapping& mapping) {
        const std::uint64_t seconds =
            m.number("time") - le64_to_cpu(dump_.snapshot.sb.created); // may both wrap
        if (seconds % 3600 != 0 || seconds / 3600 > DMR_HOURS_MAX)
            reject(m.place("time"), "is no number of hours after the creation");
        mapping.hours = static_cast<std::uint32_t>(seconds / 3600);
    }

    SlotEntry checked(std::uint64_t slot, const dmr_mapping& mapping, const std::string& where) {
        SlotEntry entry{slot, {}};
        dmr_entry_pack(&entry.raw, &mapping);
        if (slot / DMR_TABLE_ENTRIES >= le64_to_cpu(dump_.snapshot.sb.table_init))
            reject(where, "the slot lies behind the table");
        const char* const problem = entry_problem(dump_.snapshot.sb, entry.raw, slot);
        if (problem != nullptr)
            reject(where, problem);
        return entry;
    }

    void take_bad_slot(const Json& item, const std::string& where) {
        Members m{item, where};
        dmr_mapping mapping{};
        mapping.state = DMR_E_BAD;
        const std::uint64_t slot = m.number("slot");
        mapping.gen = m.number("generation", DMR_GEN_MAX);
        set_time(m, mapping);
        if (m.has("block")) {
            mapping.block = m.number("block", DMR_MAX_BLOCKS - 1);
            mapping.lost = static_cast<std::uint8_t>(m.number("lost_mask", 255));
            mapping.reason = static_cast<std::uint8_t>(m.number("reason_number", 15));
            mapping.flags = static_cast<std::uint8_t>(m.number("flags", 15));
        }
        m.end();
        if (!bad_.empty() && slot <= bad_.back().slot)
            reject(where, "does not follow the one before");
        bad_.push_back(checked(slot, mapping, where));
    }

    // Those below a slot go before its entry.
    void add_bad_slots(std::uint64_t below) {
        while (!bad_.empty() && bad_.front().slot < below) {
            dump_.snapshot.entries.push_back(bad_.front());
            bad_.pop_front();
        }
    }

    void take_entry(const Json& item, const std::string& where) {
        Members m{item, where};
        dmr_mapping mapping{};
        mapping.state = DMR_E_MAPPED;
        const std::uint64_t slot = m.number("slot");
        mapping.block = m.number("block", DMR_MAX_BLOCKS - 1);
        mapping.lost = static_cast<std::uint8_t>(m.number("lost_mask", 255));
        if (m.number("lost_sectors") != static_cast<unsigned>(std::popcount(mapping.lost)))
            reject(m.place("lost_sectors"), "does not fit the lost mask");
        const auto reason = index_of(m.text("reason"), 1, DMR_NR_REASONS - 1, reason_name);
        if (!reason)
            reject(m.place("reason"), "is not known");
        mapping.reason = static_cast<std::uint8_t>(*reason);
        mapping.flags = static_cast<std::uint8_t>((m.flag("shield") ? DMR_F_SHIELD : 0) |
                                                  (m.flag("lost_on_spare") ? DMR_F_SLOT_LOST : 0));
        mapping.gen = m.number("generation", DMR_GEN_MAX);
        set_time(m, mapping);
        m.end();
        add_bad_slots(slot);
        std::deque<SlotEntry>& entries = dump_.snapshot.entries;
        if (!entries.empty() && slot <= entries.back().slot)
            reject(where, "does not follow the one before");
        if (!bad_.empty() && slot == bad_.front().slot)
            reject(where, "the slot is among the bad ones");
        entries.push_back(checked(slot, mapping, where));
    }

    std::string name_;
    std::string member_;
    std::size_t index_ = 0;
    std::vector<std::string> seen_;
    std::deque<SlotEntry> bad_;
    Dump dump_;
};

struct CloseFile {
    void operator()(std::FILE* file) const { (void)std::fclose(file); }
};

std::unique_ptr<std::FILE, CloseFile> open_for_reading(const std::string& path) {
    Fd fd = open_file(path, O_RDONLY);
    struct stat st;
    if (::fstat(fd.get(), &st) == 0 && S_ISDIR(st.st_mode))
        throw os_error(EISDIR, path);
    std::unique_ptr<std::FILE, CloseFile> file{::fdopen(fd.get(), "r")};
    if (!file)
        throw os_error(errno, "cannot open " + path);
    (void)fd.release();
    return file;
}

} // namespace

Dump read_dump(const std::string& path) {
    const auto file = open_for_reading(path);
    Reader reader{path};
    try {
        // nothing is kept but what the reader takes over
        const Json rest =
            Json::parse(file.get(), [&](int depth, Json::parse_event_t event, Json& parsed) {
                return reader.event(depth, event, parsed);
            });
    } catch (const Json::exception& e) {
        if (std::ferror(file.get()) != 0)
            throw os_error(EIO, "cannot read " + path);
        const std::string_view text = e.what(); // "[json.exception...] parse error at line ..."
        const auto at = text.find("] ");
        reject(path, printable(at == text.npos ? text : text.substr(at + 2)));
    }
    return reader.finish();
}

} // namespace remap::format
