// SPDX-License-Identifier: GPL-2.0-only
#include "completion.h"

#include "arguments.h"
#include "base/text.h"

namespace remap::ctl {

namespace {

unsigned offer_of(std::string_view word) {
    if (word == "DEV")
        return offer_devices;
    if (word == "FILE")
        return offer_files;
    if (word == "NAME")
        return offer_assembled;
    if (word == "SET")
        return offer_sets;
    return word == "VERB" ? offer_verbs : offer_nothing;
}

// Choices are in lower case, words that stand for something in upper case.
bool is_choice(std::string_view word) {
    return !word.empty() && word.front() >= 'a' && word.front() <= 'z';
}

ValueModel describe_value(const CLI::Option& option) {
    ValueModel value;
    value.word = value_word(option);
    value.description = option.get_description();
    value.required = option.get_required();
    value.repeats = option.get_expected_max() >= CLI::detail::expected_max_vector_size;
    for (const std::string_view word : split(value.word, '|')) {
        value.offer |= offer_of(word);
        if (is_choice(word))
            value.choices.emplace_back(word);
    }
    return value;
}

OptionModel describe_option(const CLI::Option& option) {
    OptionModel model;
    for (const std::string& name : option.get_snames())
        model.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames())
        model.names.push_back("--" + name);
    model.description = option.get_description();
    model.has_value = option.get_expected_max() > 0 && option.get_type_size_max() > 0;
    if (model.has_value)
        model.value = describe_value(option);
    return model;
}

} // namespace

VerbModel describe_command_line(const CLI::App& app) {
    VerbModel verb;
    verb.name = app.get_name();
    verb.description = app.get_description();
    for (const CLI::Option* option : app.get_options()) {
        // every verb has --help, as the program does
        if (option->get_group().empty() ||
            (option == app.get_help_ptr() && app.get_parent() != nullptr))
            continue;
        if (option->get_positional())
            verb.arguments.push_back(describe_value(*option));
        else
            verb.options.push_back(describe_option(*option));
    }
    for (const CLI::App* sub : app.get_subcommands({}))
        if (!sub->get_name().empty() && !is_hidden(*sub))
            verb.verbs.push_back(describe_command_line(*sub));
    return verb;
}

} // namespace remap::ctl
