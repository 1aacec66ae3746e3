// SPDX-License-Identifier: GPL-2.0-only
#include "core/repair.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "core/set.h"
#include "format/map.h"

namespace remap::core {

namespace {

std::unique_ptr<format::BlockWriter> open_source(sys::Host& host, const RepairRequest& request) {
    std::error_code ignored;
    if (std::filesystem::equivalent(request.source, request.output, ignored))
        throw Error{Code::refused, request.output + ": source and output are the same",
                    "a repair is written to another device or file"};
    std::optional<sys::BlockDevice> device;
    try {
        device = host.inspect(request.source);
    } catch (const Error& e) {
        if (e.code() != Code::not_found)
            throw;
        return std::make_unique<sys::BlockFile>(request.source, sys::Access::read);
    }
    require_unused(host, *device, "source");
    return host.open(*device, sys::Access::read_exclusive);
}

format::Salvage salvage_source(format::BlockReader& source, const RepairRequest& request) {
    std::optional<format::Dump> dump;
    if (!request.dump.empty())
        dump = format::read_dump(request.dump);
    try {
        return format::salvage(source, dump ? &*dump : nullptr);
    } catch (const Error& e) {
        throw Error{e.code(), request.source + ": " + e.reason(), e.hint()};
    }
}

// Copies runs of neighbouring slots.
class SlotCopy {
public:
    SlotCopy(format::BlockReader& from, format::BlockWriter& to, format::Snapshot& snapshot,
             RepairResult& result)
        : from_{from}, to_{to}, snapshot_{snapshot}, result_{result} {}

    void run() {
        auto& entries = snapshot_.entries;
        for (std::size_t i = 0; i < entries.size();) {
            std::size_t end = i;
            while (end < entries.size() && end - i < format::chunk_blocks && mapped(entries[end]) &&
                   entries[end].slot - entries[i].slot == end - i)
                ++end;
            if (end > i)
                copy(i, end - i);
            i = std::max(end, i + 1);
        }
    }

private:
    static bool mapped(const format::SlotEntry& entry) {
        dmr_mapping m;
        dmr_entry_unpack(&entry.raw, &m);
        return m.state == DMR_E_MAPPED;
    }

    void copy(std::size_t first, std::size_t count) {
        const Bytes place =
            to_bytes(Sector{dmr_slot_sector(&snapshot_.sb, snapshot_.entries[first].slot)});
        const auto all = buffer_.span().first(count * block_size);
        if (from_.read(place, all) == 0) {
            write(place, all);
            result_.copied += count;
            return;
        }
        for (std::size_t i = 0; i < count; ++i) {
            const auto one = all.subspan(i * block_size, block_size);
            const Bytes at = place + Bytes{i * block_size};
            if (from_.read(at, one) == 0) {
                write(at, one);
                ++result_.copied;
            } else {
                lose(snapshot_.entries[first + i]);
            }
        }
    }

    void write(Bytes place, std::span<const std::byte> data) {
        if (const int error = to_.write(place, data); error != 0)
            throw os_error(error, "cannot write a slot");
    }

    void lose(format::SlotEntry& entry) {
        dmr_mapping m;
        dmr_entry_unpack(&entry.raw, &m);
        const std::uint8_t whole = format::whole_block_mask(snapshot_.sb, m.block);
        if (m.lost != whole)
            result_.unreadable_slots.emplace_back(m.block);
        m.lost = whole;
        m.flags |= DMR_F_SLOT_LOST;
        dmr_entry_pack(&entry.raw, &m);
    }

    format::BlockReader& from_;
    format::BlockWriter& to_;
    format::Snapshot& snapshot_;
    RepairResult& result_;
    format::AlignedBuffer buffer_{format::chunk_blocks * block_size};
};

} // namespace

RepairPlan plan_repair(sys::Host& host, const RepairRequest& request) {
    RepairPlan plan;
    plan.request = request;
    const auto source = open_source(host, request);
    plan.salvage = salvage_source(*source, request);
    try {
        // the loader has the last word on what is going to be written
        format::SnapshotReader reader{plan.salvage.snapshot};
        plan.entries = format::LoadedMap{reader}.count();
    } catch (const Error& e) {
        throw Error{e.code(), request.source + ": can't be repaired: " + e.reason()};
    }
    plan.target =
        inspect_target(host, request.output, plan.salvage.snapshot, request.source, request.force);
    return plan;
}

void check_repair_is_wanted(const RepairPlan& plan) {
    const RepairRequest& request = plan.request;
    if (request.force)
        return;
    if (plan.salvage.stale())
        throw Error{Code::refused,
                    request.source + ": parts would come from " + request.dump +
                        ", which may be older than the last remap: old content could be read",
                    "use --force if that is better than nothing"};
    if (!plan.salvage.unknown_slots.empty())
        throw Error{Code::refused,
                    request.source + ": which blocks some slots held is not known: main's old "
                                     "content would be read there",
                    "use --from with a dump, or --force if that is better than nothing"};
}

RepairResult copy_slots(format::BlockReader& from, format::BlockWriter& to,
                        format::Snapshot& snapshot) {
    RepairResult result;
    SlotCopy{from, to, snapshot, result}.run();
    return result;
}

RepairResult repair(sys::Host& host, const RepairPlan& plan) {
    RepairResult result;
    format::Snapshot snapshot = plan.salvage.snapshot;
    const auto source = open_source(host, plan.request);
    if (source->size() != Sector{le64_to_cpu(snapshot.sb.spare_sectors)})
        throw Error{Code::failed, plan.request.source + " changed while it was looked at"};
    OpenTarget target{host, plan.target, snapshot.sb};
    try {
        format::start_writing(target.device(), snapshot);
        if (!plan.request.metadata_only)
            result = copy_slots(*source, target.device(), snapshot);
        format::finish_writing(target.device(), snapshot);
    } catch (const Error& e) {
        throw Error{e.code(), plan.request.output + ": " + e.reason(),
                    "what is there now can't be activated"};
    }
    target.keep();
    return result;
}

} // namespace remap::core
