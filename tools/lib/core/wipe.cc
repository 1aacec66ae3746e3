// SPDX-License-Identifier: GPL-2.0-only
#include "core/wipe.h"

#include "base/error.h"
#include "base/text.h"
#include "format/build.h"

namespace remap::core {

namespace {

void check_content(const WipePlan& plan, const WipeRequest& request) {
    const bool unknown = !plan.spare.record || plan.damaged > 0;
    const std::string count = std::to_string(plan.entries);
    if (unknown && !request.force)
        throw Error{Code::refused,
                    request.path + ": its metadata is damaged, so what it holds is not known",
                    "use --force to erase it nevertheless"};
    const bool named = request.discard_remapped == plan.entries;
    if (plan.entries > 0 && !named)
        throw Error{Code::refused,
                    request.path + ": holds the only copy of " +
                        count_of(plan.entries, "remapped block"),
                    "to give them up use --discard-remapped=" + count};
}

} // namespace

WipePlan plan_wipe(sys::Host& host, const WipeRequest& request) {
    WipePlan plan;
    const sys::BlockDevice device = host.inspect(request.path);
    plan.locks = lock_members(host, {device.number});
    plan.spare = look_at_spare(host, device);
    if (!plan.spare.superblocks.is_member())
        throw Error{Code::not_found, request.path + ": has no dm-remap metadata"};
    require_unused(host, device, "spare");
    const auto file = host.open(device, sys::Access::read_exclusive);
    if (plan.spare.record)
        plan.entries =
            format::read_entries(*file, plan.spare.superblocks.best(), &plan.damaged).size();
    check_content(plan, request);
    return plan;
}

void wipe_device(sys::Host& host, const WipePlan& plan) {
    const sys::BlockDevice& device = plan.spare.device;
    const sys::Lock disk = host.lock_disk(device);
    const auto file = host.open(device, sys::Access::write_exclusive);
    format::clear_superblocks(*file, device.path);
}

} // namespace remap::core
