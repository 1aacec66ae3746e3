// SPDX-License-Identifier: GPL-2.0-only
#include "format/dump.h"

#include <bit>
#include <cstring>

#include "base/text.h"
#include "format/hex.h"

namespace remap::format {

namespace {

// What the seal sets, and what the fields account for, is not compared.
void unseal(dmr_superblock& sb) {
    sb.csum = 0;
    sb.copy = 0;
    sb.self_sector = 0;
}

SpareRecord printable_record(const dmr_superblock& sb) {
    SpareRecord r = decode(sb);
    for (std::string* const text :
         {&r.label, &r.main.wwn, &r.main.serial, &r.main.partuuid, &r.options})
        *text = printable(*text);
    return r;
}

// The bytes in which the superblock differs from what its fields give.
Json other_bytes(dmr_superblock sb) {
    dmr_superblock rebuilt = encode(printable_record(sb));
    std::size_t used = 0;
    for (const dmr_distrust& d : sb.distrust)
        if (d.nr != 0)
            rebuilt.distrust[used++] = d;
    rebuilt.distrust_since = sb.distrust_since;
    unseal(sb);
    unseal(rebuilt);
    std::array<std::uint8_t, sizeof(sb)> have;
    std::array<std::uint8_t, sizeof(sb)> want;
    std::memcpy(have.data(), &rebuilt, sizeof(rebuilt));
    std::memcpy(want.data(), &sb, sizeof(sb));
    Json list = Json::array();
    for (std::size_t at = 0; at < want.size(); ++at) {
        std::size_t end = at;
        while (end < want.size() && have[end] != want[end])
            ++end;
        if (end > at)
            list.push_back({{"offset", at}, {"hex", to_hex({want.data() + at, end - at})}});
        at = end;
    }
    return list;
}

Json given_up(const dmr_superblock& sb) {
    Json list = Json::array();
    for (const dmr_distrust& d : sb.distrust)
        if (d.nr != 0)
            list.push_back({{"first", le64_to_cpu(d.first)},
                            {"count", le32_to_cpu(d.nr)},
                            {"copy", le32_to_cpu(d.copy)}});
    return list;
}

unsigned long long time_of(const dmr_superblock& sb, const dmr_mapping& m) {
    return le64_to_cpu(sb.created) + 3600ULL * m.hours;
}

class Lines {
public:
    explicit Lines(std::FILE* out) : out_{out} { std::fputc('[', out_); }
    void next() {
        std::fputs(empty_ ? "\n    " : ",\n    ", out_);
        empty_ = false;
    }
    void end() { std::fputs(empty_ ? "]" : "\n  ]", out_); }

private:
    std::FILE* out_;
    bool empty_ = true;
};

} // namespace

Json superblock_json(const dmr_superblock& sb) {
    const SpareRecord r = printable_record(sb);
    Json json = {{"format_version", le16_to_cpu(sb.version)},
                 {"set_uuid", r.set_uuid.str()},
                 {"spare_uuid", r.spare_uuid.str()},
                 {"label", r.label},
                 {"state", state_name(r.state)},
                 {"seq", r.seq},
                 {"epoch", r.epoch},
                 {"activation", r.activation},
                 {"compat", r.compat},
                 {"ro_compat", r.ro_compat},
                 {"incompat", r.incompat},
                 {"created", r.created},
                 {"updated", r.updated},
                 {"spare_sectors", r.spare_size.value()},
                 {"main_sectors", r.main_size.value()},
                 {"main_logical_block_bytes", r.main_lbs},
                 {"main_physical_block_bytes", r.main_pbs},
                 {"slots", r.slots},
                 {"table_blocks", r.table_blocks},
                 {"table_blocks_initialised", r.table_init},
                 {"main_wwn", r.main.wwn},
                 {"main_serial", r.main.serial},
                 {"main_partuuid", r.main.partuuid},
                 {"options", r.options},
                 {"given_up_since", le64_to_cpu(sb.distrust_since)},
                 {"given_up", given_up(sb)}};
    if (Json bytes = other_bytes(sb); !bytes.empty())
        json["other_bytes"] = std::move(bytes);
    return json;
}

Json sequences_json(const Snapshot& snapshot) {
    Json list = Json::array();
    for (const SequenceRun& run : snapshot.runs)
        list.push_back({{"first", run.first},
                        {"count", run.count},
                        {"activation", run.seq >> 32},
                        {"attempt", run.seq & UINT32_MAX}});
    return list;
}

Json pads_json(const Snapshot& snapshot) {
    Json list = Json::array();
    for (const TablePad& pad : snapshot.pads)
        list.push_back({{"table_block", pad.index}, {"hex", to_hex(pad.bytes)}});
    return list;
}

void write_bad_slots(std::FILE* out, const Snapshot& snapshot) {
    Lines lines{out};
    for (const SlotEntry& entry : snapshot.entries) {
        dmr_mapping m;
        dmr_entry_unpack(&entry.raw, &m);
        if (m.state != DMR_E_BAD)
            continue;
        lines.next();
        std::fprintf(out, "{\"slot\": %llu, \"generation\": %llu, \"time\": %llu",
                     static_cast<unsigned long long>(entry.slot),
                     static_cast<unsigned long long>(m.gen), time_of(snapshot.sb, m));
        if (m.block != 0 || m.lost != 0 || m.reason != 0 || m.flags != 0)
            std::fprintf(out,
                         ", \"block\": %llu, \"lost_mask\": %u, \"reason_number\": %u, "
                         "\"flags\": %u",
                         static_cast<unsigned long long>(m.block), unsigned{m.lost},
                         unsigned{m.reason}, unsigned{m.flags});
        std::fputc('}', out);
    }
    lines.end();
}

void write_entries(std::FILE* out, const Snapshot& snapshot) {
    Lines lines{out};
    for (const SlotEntry& entry : snapshot.entries) {
        dmr_mapping m;
        dmr_entry_unpack(&entry.raw, &m);
        if (m.state != DMR_E_MAPPED)
            continue;
        lines.next();
        std::fprintf(out,
                     "{\"slot\": %llu, \"block\": %llu, \"lost_mask\": %u, \"lost_sectors\": %d, "
                     "\"reason\": \"%s\", \"shield\": %s, \"lost_on_spare\": %s, "
                     "\"generation\": %llu, \"time\": %llu}",
                     static_cast<unsigned long long>(entry.slot),
                     static_cast<unsigned long long>(m.block), unsigned{m.lost},
                     std::popcount(m.lost), reason_name(m.reason),
                     (m.flags & DMR_F_SHIELD) != 0 ? "true" : "false",
                     (m.flags & DMR_F_SLOT_LOST) != 0 ? "true" : "false",
                     static_cast<unsigned long long>(m.gen), time_of(snapshot.sb, m));
    }
    lines.end();
}

} // namespace remap::format
