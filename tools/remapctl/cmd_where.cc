// SPDX-License-Identifier: GPL-2.0-only
#include "core/where.h"

#include "arguments.h"
#include "base/text.h"
#include "sys/ext2fs.h"
#include "verbs.h"

namespace remap::ctl {

namespace {

struct WhereOptions {
    std::string name;
    std::string position;
    std::string layer = "device";
    bool lba = false;
    bool files = false;
};

template <class T, class Convert>
Json or_null(const std::optional<T>& value, Convert&& convert) {
    return value ? Json(convert(*value)) : Json();
}

Json place_json(const core::Place& place) {
    return {{"path", place.path},
            {"sector", place.sector.value()},
            {"lba", place.lba},
            {"logical_block_bytes", place.logical_block}};
}

Json metadata_json(const core::SparePart& part) {
    const bool table = part.kind == core::SparePart::Kind::table;
    return {{"kind", table ? "table" : "superblock"},
            {"copy", part.copy},
            {"table_block", table ? Json(part.index) : Json()}};
}

Json where_json(const WhereOptions& options, const core::Where& where) {
    using Kind = core::SparePart::Kind;
    const auto& part = where.part;
    const bool is_slot = part && part->kind == Kind::slot;
    const bool is_metadata = where.content == core::Content::metadata;
    return {{"name", options.name},
            {"of", options.layer},
            {"device", or_null(where.device, place_json)},
            {"main", or_null(where.main, place_json)},
            {"disk", or_null(where.disk, place_json)},
            {"spare", or_null(where.spare, place_json)},
            {"block", or_null(where.block, [](BlockNo block) { return block.value(); })},
            {"slot", is_slot ? Json(part->index) : Json()},
            {"metadata", is_metadata ? metadata_json(*part) : Json()},
            {"state", core::content_name(where.content)},
            {"reason",
             or_null(where.entry, [](const dm::MapEntry& e) { return dm::reason_name(e.reason); })},
            {"text", core::describe(where)}};
}

Json files_json(const sys::BlockUse& use) {
    Json owners = Json::array();
    for (const sys::BlockOwner& owner : use.owners)
        owners.push_back(
            {{"inode", owner.inode},
             {"type", owner.type},
             {"role", sys::role_name(owner.role)},
             {"offset_bytes", or_null(owner.offset, [](Bytes b) { return b.value(); })},
             {"paths", owner.paths}});
    return {{"block", use.block},         {"block_bytes", use.block_size},
            {"use", kind_name(use.kind)}, {"text", describe(use)},
            {"owners", owners},           {"problems", use.problems}};
}

void print_where(Context& context, const core::Where& where) {
    using Align = TextTable::Align;
    TextTable table{
        {{"LAYER"}, {"DEVICE"}, {"SECTOR", Align::right}, {"LBA", Align::right}, {"LOGICAL"}}};
    TextTable plain{{{"LAYER"}, {"DEVICE"}, {"SECTOR", Align::right}}};
    bool large = false; // logical blocks that are not sectors
    for (const auto& [layer, place] : {std::pair{"device", &where.device},
                                       {"main", &where.main},
                                       {"disk", &where.disk},
                                       {"spare", &where.spare}}) {
        if (!*place)
            continue;
        const core::Place& p = **place;
        const std::string sector = std::to_string(p.sector.value());
        large = large || p.logical_block != sector_size;
        table.add_row({layer, p.path, sector, std::to_string(p.lba),
                       std::to_string(p.logical_block) + " bytes"});
        plain.add_row({layer, p.path, sector});
    }
    context.print(large ? table : plain);
    if (where.block)
        context.print(strf("block   %llu\n", ull(where.block->value())));
    if (where.entry)
        context.print(strf("slot    %llu\n", ull(where.entry->slot)));
    context.print("state   " + core::describe(where) + "\n");
}

void print_files(Context& context, const sys::BlockUse& use) {
    if (use.owners.empty())
        context.print("files   " + describe(use) + "\n");
    for (const sys::BlockOwner& owner : use.owners) {
        context.print("files   " + describe(owner) + "\n");
        for (const std::string& path : owner.paths)
            context.print("          " + path + "\n");
        if (owner.paths.empty())
            context.print("          no name was found\n");
    }
}

void look_up_files(Context& context, const WhereOptions& options, const core::Where& where) {
    if (!where.device) {
        context.print("files   none: this holds no content of " + options.name + "\n");
        context.set("files", nullptr);
        return;
    }
    const auto use = sys::find_block_use(where.device->path, where.device->sector);
    context.set("files", or_null(use, files_json));
    if (!use) {
        context.print("files   no ext2/3/4 file system directly on " + options.name + "\n");
        return;
    }
    print_files(context, *use);
    for (const std::string& problem : use->problems)
        context.warn(options.name + ": could not be read on the way: " + problem);
}

int where(Context& context, const WhereOptions& options) {
    const core::Layer layer = core::parse_layer(options.layer);
    // what can't be a position at all, before anything is asked of the kernel
    (void)core::parse_place(options.position, options.lba, sector_size);
    const core::Layout layout = core::read_layout(context.host(), context.dm(), options.name);
    const Sector sector =
        core::parse_place(options.position, options.lba, core::logical_block(layout, layer));
    const core::Where found = core::find_place(context.host(), context.dm(), layout, layer, sector);
    if (found.entry && !found.spare)
        context.warn(layout.spare.path +
                     ": where slots lie is not known: " + layout.superblock_problem);
    context.set("where", where_json(options, found));
    print_where(context, found);
    if (options.files)
        look_up_files(context, options, found);
    return 0;
}

} // namespace

void add_where(CLI::App& app, Selected& selected) {
    auto options = std::make_shared<WhereOptions>();
    CLI::App* sub = app.add_subcommand("where", "Translate a position between the devices of a set")
                        ->group(group_more);
    sub->add_option("NAME", options->name, "The set")->required();
    sub->add_option("POS", options->position, "A sector, or a number with a unit")->required();
    choice(sub->add_option("--of", options->layer, "Device that POS counts on; default: device"),
           {"device", "main", "disk", "spare"});
    sub->add_flag("--lba", options->lba, "POS is a logical block of that disk, as SMART counts");
    sub->add_flag("--files", options->files, "Name the files there (ext2, ext3, ext4)");
    sub->footer(
        "device is the set's own; main, the protected device, has the same sectors; disk is "
        "the whole\ndisk that main is a partition of, as in the kernel log. Paths of files "
        "begin at the root of\nthe file system.");
    sub->callback([&selected, options] {
        selected.run = [options](Context& context) { return where(context, *options); };
    });
}

} // namespace remap::ctl
