// SPDX-License-Identifier: GPL-2.0-only
#include "core/restore.h"

#include "base/error.h"
#include "base/text.h"
#include "format/map.h"

namespace remap::core {

namespace {

void check_complete(const format::Dump& dump, const RestoreRequest& request) {
    if (dump.complete)
        return;
    if (!dump.snapshot.has_all_blocks())
        throw Error{Code::damaged,
                    request.dump + ": is the dump of damaged metadata and lacks table blocks",
                    "see: remapctl metadata repair --help"};
    if (!request.force)
        throw Error{Code::refused,
                    request.dump + ": is the dump of damaged metadata, entries were left out: of "
                                   "their blocks main's old content would be read",
                    "use --force to restore what is there"};
}

void load(RestorePlan& plan, const std::string& name) {
    try {
        format::SnapshotReader reader{plan.snapshot};
        const format::LoadedMap map{reader};
        plan.entries = map.count();
        plan.lost_sectors = map.lost_sectors();
        plan.bad_slots = map.bad_slots();
    } catch (const Error& e) {
        throw Error{e.code(), name + ": " + e.reason()};
    }
}

} // namespace

RestorePlan plan_restore(sys::Host& host, const RestoreRequest& request) {
    RestorePlan plan;
    format::Dump dump = format::read_dump(request.dump);
    check_complete(dump, request);
    plan.snapshot = std::move(dump.snapshot);
    plan.target = inspect_target(host, request.target, plan.snapshot, "the dump", request.force);
    load(plan, request.dump);
    plan.warnings.emplace_back("what was remapped after the dump was made is not in it: of those "
                               "blocks old content would be read");
    return plan;
}

void restore(sys::Host& host, const RestorePlan& plan) {
    OpenTarget target{host, plan.target, plan.snapshot.sb};
    try {
        format::start_writing(target.device(), plan.snapshot);
        format::finish_writing(target.device(), plan.snapshot);
    } catch (const Error& e) {
        throw Error{e.code(), plan.target.path + ": " + e.reason(),
                    "what is there now can't be activated; restore it again"};
    }
    target.keep();
}

} // namespace remap::core
