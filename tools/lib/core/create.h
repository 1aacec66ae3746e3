// SPDX-License-Identifier: GPL-2.0-only
// Making a set: everything is looked at first, then written.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/set.h"
#include "core/shield_plan.h"
#include "format/build.h"

namespace remap::core {

struct CreateRequest {
    std::string name;
    std::string main; // paths
    std::string spare;
    bool shield = true;
    bool force = false; // take a spare that has signatures or belongs to another set
    // the user knows that the spare holds that many remapped blocks of another set
    std::optional<std::uint64_t> discard_remapped{};
};

// What a creation of the same set that was cut off has left.
enum class CutOff {
    nothing,
    started,  // main is as it was, but for a torn first sector
    shielded, // main carries its header: the creation will be finished
};

struct CreatePlan {
    CreateRequest request;
    sys::BlockDevice main;
    sys::BlockDevice spare;
    std::vector<sys::Signature> main_signatures;
    std::string main_signatures_unknown;          // why; empty: they are known
    std::vector<sys::Signature> spare_signatures; // will be removed
    std::vector<std::string> warnings;
    format::SpareRecord record;       // what will be written
    std::optional<ShieldPlan> shield; // nothing without one, or if it is there already
    CutOff cut_off = CutOff::nothing;
    std::vector<format::StoredShield> stored; // that were to become the shield then
    Locks locks;
};

// Look at everything and write nothing. Throws: Code::usage for the name,
// Code::not_found for the devices, Code::busy if the name or a device is in use,
// Code::refused for what is not safe, Code::kernel without the target.
[[nodiscard]] CreatePlan plan_create(sys::Host& host, dm::DeviceMapper& dm,
                                     const CreateRequest& request);

// Format the spare, shield main and activate the set. If a step before the last one
// fails the spare is left in a state that is never activated, and main as it was; if
// activating fails the set stays and the error says how to go on. Returns warnings.
std::vector<std::string> create_set(sys::Host& host, dm::DeviceMapper& dm, const CreatePlan& plan);

} // namespace remap::core
