// SPDX-License-Identifier: GPL-2.0-only
#include "core/auto_assemble.h"

#include <algorithm>

#include "base/error.h"
#include "base/text.h"
#include "core/members.h"
#include "core/stopped.h"
#include "format/identity.h"
#include "format/set_name.h"

namespace remap::core {

namespace {

// What goes wrong with one set.
struct Problem {
    Verdict verdict;
    Error error;
};

[[noreturn]] void missing(const std::string& what) {
    throw Problem{Verdict::incomplete, Error{Code::not_found, what}};
}

[[noreturn]] void refuse(const std::string& what, const std::string& hint = {}) {
    throw Problem{Verdict::refused, Error{Code::refused, what, hint}};
}

[[noreturn]] void not_allowed(const std::string& why) {
    throw Problem{Verdict::not_allowed, Error{Code::refused, why}};
}

std::string short_uuid(const Uuid& uuid) {
    constexpr std::size_t digits = 8;
    return uuid.str().substr(0, digits);
}

// The name with the beginning of the UUID behind it, within the limit for names.
std::string longer_name(const std::string& name, const Uuid& uuid) {
    const std::string suffix = "-" + short_uuid(uuid);
    return name.substr(0, DMR_LABEL_SIZE - 1 - suffix.size()) + suffix;
}

class Judge {
public:
    Judge(sys::Host& host, dm::DeviceMapper& dm, const Configuration& configuration,
          const format::Remaptab& remaptab)
        : host_{host},
          dm_{dm},
          configuration_{configuration},
          remaptab_{remaptab},
          spares_{find_spares(host)},
          mains_{find_mains(host)} {
        for (const format::RemaptabEntry& entry : remaptab_.entries)
            if (const auto uuid = set_of(entry))
                listed_.emplace_back(*uuid, entry);
    }

    [[nodiscard]] std::vector<Uuid> sets() const {
        std::vector<Uuid> uuids;
        const auto add = [&](const Uuid& uuid) {
            if (std::find(uuids.begin(), uuids.end(), uuid) == uuids.end())
                uuids.push_back(uuid);
        };
        for (const auto& [uuid, entry] : listed_)
            add(uuid);
        for (const FoundMain& main : mains_)
            if (main.member.header)
                add(main.member.header->set_uuid);
        for (const FoundSpare& spare : spares_)
            if (spare.record)
                add(spare.record->set_uuid);
        return uuids;
    }

    [[nodiscard]] AutoSet judge(const Uuid& uuid, const AutoRequest& request) {
        AutoSet set;
        set.uuid = uuid;
        for (const auto& [listed, entry] : listed_)
            if (listed == uuid)
                set.listed = entry;
        set.name = first_name(set);
        try {
            AssembleRequest wanted;
            if (!find_members(set, wanted))
                return set;
            if (request.event &&
                was_stopped(host_, uuid, {host_.inspect(wanted.main), host_.inspect(wanted.spare)}))
                not_allowed("it was stopped; to have it again run: remapctl assemble UUID=" +
                            uuid.str());
            assemble(set, wanted, request.dry_run);
        } catch (const Problem& problem) {
            set.verdict = problem.verdict;
            set.code = problem.error.code();
            set.reason = problem.error.reason();
            set.hint = problem.error.hint();
        } catch (const Error& e) {
            set.verdict = Verdict::refused;
            set.code = e.code();
            set.reason = e.reason();
            set.hint = e.hint();
        }
        return set;
    }

private:
    // What a set needs to be assembled; false if it is already.
    [[nodiscard]] bool find_members(AutoSet& set, AssembleRequest& request) {
        if (is_assembled(set))
            return false;
        check_policy(set);
        const std::vector<FoundMain> mains = mains_of(mains_, set.uuid);
        if (mains.size() > 1)
            refuse(mains[0].device.path + " and " + mains[1].device.path +
                       " carry the same member header",
                   "one is a copy of the other: disconnect it, or use --main");
        const FoundSpare spare = mains.empty() ? lone_spare(set) : named_spare(set, mains[0]);
        request.uuid = set.uuid;
        request.spare = spare.device.path;
        request.main = mains.empty() ? listed_main(set, *spare.record) : mains[0].device.path;
        request.read_only = set.listed && set.listed->read_only;
        return true;
    }

    [[nodiscard]] bool is_assembled(AutoSet& set) {
        const auto device = dm_.info_by_uuid(dm::device_uuid(set.uuid));
        if (!device)
            return false;
        set.name = device->name;
        set.verdict = Verdict::already;
        return true;
    }

    // Another event of the same set, or a set of the same name, may come in between.
    void assemble(AutoSet& set, AssembleRequest& request, bool dry_run) {
        request.new_name = dm_.info(set.name) ? longer_name(set.name, set.uuid) : set.name;
        try {
            try_once(set, request, dry_run);
        } catch (const Error& e) {
            if (e.code() == Code::busy && is_assembled(set))
                return;
            const bool name_taken = request.new_name == set.name && dm_.info(set.name);
            if (e.code() != Code::busy || !name_taken)
                throw;
            request.new_name = longer_name(set.name, set.uuid);
            try_once(set, request, dry_run);
        }
    }

    void try_once(AutoSet& set, const AssembleRequest& request, bool dry_run) {
        const AssemblePlan plan = plan_assemble(host_, dm_, request);
        set.notes.insert(set.notes.end(), plan.warnings.begin(), plan.warnings.end());
        if (!plan.already && !dry_run)
            assemble_set(host_, dm_, plan);
        set.verdict = plan.already ? Verdict::already
                      : dry_run    ? Verdict::ready
                                   : Verdict::assembled;
        set.name = plan.name;
        set.main = plan.main.path;
        set.spare = plan.spare.path;
        set.read_only = plan.read_only;
    }

    // The set that a line stands for; nothing if its spare is not there.
    [[nodiscard]] std::optional<Uuid> set_of(const format::RemaptabEntry& entry) const {
        if (entry.set_uuid)
            return entry.set_uuid;
        try {
            const sys::BlockDevice device = host_.inspect(entry.spare_path);
            for (const FoundSpare& spare : spares_)
                if (spare.record && spare.device.number == device.number)
                    return spare.record->set_uuid;
        } catch (const Error&) {
            return std::nullopt;
        }
        return std::nullopt;
    }

    [[nodiscard]] std::vector<FoundSpare> spares_of(const Uuid& uuid) const {
        std::vector<FoundSpare> spares;
        std::copy_if(spares_.begin(), spares_.end(), std::back_inserter(spares),
                     [&](const auto& s) { return s.record && s.record->set_uuid == uuid; });
        return spares;
    }

    // As listed, else by its label, which anybody may have written.
    [[nodiscard]] std::string first_name(const AutoSet& set) const {
        std::string name;
        if (set.listed)
            return set.listed->name;
        for (const FoundMain& main : mains_of(mains_, set.uuid))
            name = main.member.header->label;
        for (const FoundSpare& spare : spares_of(set.uuid))
            name = spare.record->label;
        return format::name_problem(name) ? longer_name("remap", set.uuid) : name;
    }

    void check_policy(const AutoSet& set) const {
        if (set.listed && set.listed->no_auto)
            not_allowed("/etc/remaptab says noauto");
        if (configuration_.auto_policy == AutoPolicy::none)
            not_allowed("remapctl.conf says auto=none");
        if (configuration_.auto_policy == AutoPolicy::listed && !set.listed)
            not_allowed("it is not in /etc/remaptab, and remapctl.conf says auto=listed");
    }

    // The spare that the header on main names.
    [[nodiscard]] FoundSpare named_spare(AutoSet& set, const FoundMain& main) const {
        const format::MemberHeader& header = *main.member.header;
        std::vector<FoundSpare> named;
        std::string other;
        for (const FoundSpare& spare : spares_of(set.uuid)) {
            if (const auto mismatch = member_mismatch(header, *spare.record)) {
                other = "the spare " + spare.device.path + " " + *mismatch;
                set.notes.push_back(spare.device.path + " is ignored: it " + *mismatch);
            } else {
                named.push_back(spare);
            }
        }
        if (named.size() > 1)
            refuse(named[0].device.path + " and " + named[1].device.path +
                       " both claim to be its spare",
                   "one is a copy of the other: disconnect it, or use --spare");
        if (named.size() == 1)
            return named[0];
        if (!other.empty()) {
            set.notes.clear(); // the reason says it
            refuse(other, "look for the right one: " + describe_spare(header));
        }
        for (const FoundSpare& spare : spares_)
            if (!spare.record)
                set.notes.push_back(spare.device.path + " is a spare with damaged metadata: " +
                                    spare.superblocks.problem);
        missing("its spare (" + describe_spare(header) + ") is missing; main is " +
                main.device.path);
    }

    // The spare of a set whose main has no header that names the set: such a spare can
    // say of any disk that it is its main.
    [[nodiscard]] FoundSpare lone_spare(AutoSet& set) const {
        std::vector<FoundSpare> spares = spares_of(set.uuid);
        std::erase_if(spares, [](const FoundSpare& spare) {
            return spare.record->state == format::State::retired;
        });
        if (spares.empty())
            missing("its spare is missing");
        std::stable_sort(spares.begin(), spares.end(), [](const auto& a, const auto& b) {
            return a.record->epoch > b.record->epoch;
        });
        const format::SpareRecord& record = *spares[0].record;
        bool read_only = false;
        if (const char* const why = dmr_sb_refusal(&spares[0].superblocks.best(), &read_only))
            refuse("the spare " + spares[0].device.path + " can't be used: " + why);
        if ((record.incompat & DMR_INCOMPAT_SHIELD) != 0)
            missing("its main device (" + describe_main(record.main) +
                    ") is missing; the spare is " + spares[0].device.path);
        if (!set.listed)
            not_allowed("its main device has no member header, and /etc/remaptab does not "
                        "list it");
        if (spares.size() > 1 && spares[1].record->epoch == record.epoch)
            refuse(spares[0].device.path + " and " + spares[1].device.path +
                       " both claim to be its spare",
                   "one is a copy of the other: disconnect it, or use --spare");
        for (std::size_t i = 1; i < spares.size(); ++i)
            set.notes.push_back(spares[i].device.path + " is ignored: it is an older generation");
        return spares[0];
    }

    // The main device of a set without header, as the line in remaptab says.
    [[nodiscard]] std::string listed_main(const AutoSet& set,
                                          const format::SpareRecord& record) const {
        const format::RemaptabEntry& entry = *set.listed;
        if (!entry.main_path.empty()) {
            try {
                return host_.inspect(entry.main_path).path;
            } catch (const Error& e) {
                missing(std::string{"its main device is missing: "} + e.what());
            }
        }
        const format::Identity& identity = entry.names_main() ? entry.main : record.main;
        if (identity.empty())
            refuse("its main device has no stable identity", "name it in /etc/remaptab");
        std::vector<std::string> found;
        for (const sys::BlockDevice& device : host_.block_devices())
            if (!format::identity_mismatch(identity, record.main_size,
                                           {device.size, device.partition, host_.identity(device)}))
                found.push_back(device.path);
        if (found.empty())
            missing("its main device (" + describe_main(identity) + ") is missing");
        if (found.size() > 1)
            refuse(found[0] + " and " + found[1] + " both look like its main device");
        return found[0];
    }

    sys::Host& host_;
    dm::DeviceMapper& dm_;
    const Configuration& configuration_;
    const format::Remaptab& remaptab_;
    std::vector<FoundSpare> spares_;
    std::vector<FoundMain> mains_;
    std::vector<std::pair<Uuid, format::RemaptabEntry>> listed_;
};

} // namespace

std::vector<AutoSet> assemble_auto(sys::Host& host, dm::DeviceMapper& dm,
                                   const Configuration& configuration,
                                   const format::Remaptab& remaptab, const AutoRequest& request) {
    Judge judge{host, dm, configuration, remaptab};
    std::vector<AutoSet> sets;
    for (const Uuid& uuid : judge.sets())
        if (!request.only || uuid == *request.only)
            sets.push_back(judge.judge(uuid, request));
    return sets;
}

} // namespace remap::core
