// SPDX-License-Identifier: GPL-2.0-only
#include "usage.h"

#include <algorithm>

#include "base/text.h"
#include "verbs.h"

namespace remap::ctl {

namespace {

// Letters that were inserted, left out or replaced, and neighbours that changed places.
std::size_t distance(const std::string& a, const std::string& b) {
    std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) {
        for (std::size_t j = 0; j <= b.size(); ++j) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1,
                                d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[a.size()][b.size()];
}

bool is_option(const std::string& word) {
    return word.size() > 1 && word[0] == '-';
}

std::string did_you_mean(const std::vector<std::string>& words, const std::string& otherwise) {
    std::vector<std::string> quoted;
    quoted.reserve(words.size());
    for (const std::string& word : words)
        quoted.push_back("'" + word + "'");
    return quoted.empty() ? otherwise : "did you mean " + join(quoted, " or ") + "?";
}

// prefix: the family of the verbs, with a blank behind it.
Error unknown_verb(const CLI::App& family, const std::string& prefix, const std::string& word) {
    std::vector<std::string> names;
    for (const CLI::App* sub : family.get_subcommands([](const CLI::App*) { return true; }))
        if (sub->get_name() != not_a_verb)
            names.push_back(sub->get_name());
    std::vector<std::string> near = nearest(word, names);
    for (std::string& name : near)
        name.insert(0, prefix);
    return {Code::usage, "there is no verb '" + prefix + printable(word) + "'",
            did_you_mean(near, prefix.empty() ? "see: remapctl help --all"
                                              : "see: remapctl " + prefix + "--help")};
}

Error unknown_option(const std::vector<const CLI::App*>& apps, const std::string& word,
                     const std::string& help) {
    const std::string name = word.substr(0, word.find('='));
    std::vector<std::string> names;
    for (const CLI::App* app : apps)
        for (const CLI::Option* option : app->get_options())
            for (const std::string& known : option->get_lnames())
                names.push_back("--" + known);
    return {Code::usage, "there is no option '" + printable(name) + "'",
            did_you_mean(nearest(name, names), help)};
}

// CLI11's own words, where they are good enough.
std::string own_words(const CLI::ParseError& e) {
    std::string text = e.what();
    while (!text.empty() && (text.back() == '\n' || text.back() == '.'))
        text.pop_back();
    if (text.starts_with("A subcommand"))
        return "a verb is required";
    const auto colon = text.find(": ");
    if (colon != std::string::npos && text.find("At Most 1 required") != std::string::npos)
        return text.substr(0, colon) + " was given more than once";
    if (colon != std::string::npos && text.ends_with(" missing"))
        return text.substr(0, colon) + " needs a value";
    return text;
}

} // namespace

std::vector<std::string> nearest(const std::string& word,
                                 const std::vector<std::string>& candidates) {
    std::vector<std::string> result;
    std::size_t best = std::max<std::size_t>(1, word.size() / 3);
    for (const std::string& candidate : candidates) {
        const bool begins = word.size() > 1 && candidate.starts_with(word);
        const std::size_t far = begins ? 1 : distance(word, candidate);
        if (far > best)
            continue;
        if (far < best)
            result.clear();
        best = far;
        result.push_back(candidate);
    }
    return result;
}

Error usage_error(const CLI::App& app, const CLI::ParseError& e) {
    std::vector<const CLI::App*> apps{&app};
    std::string verb;
    while (!apps.back()->get_subcommands().empty()) {
        apps.push_back(apps.back()->get_subcommands().front());
        verb += apps.back()->get_name() + " ";
    }
    const std::string help = "see: remapctl " + verb + "--help";
    const std::vector<std::string> rest = app.remaining(true);
    const auto option = std::find_if(rest.begin(), rest.end(), is_option);
    const bool needs_verb = verb.empty() || apps.back()->get_require_subcommand_min() > 0;
    if (needs_verb && !rest.empty() && !is_option(rest.front()))
        return unknown_verb(*apps.back(), verb, rest.front());
    if (option != rest.end())
        return unknown_option(apps, *option, help);
    if (!rest.empty() && dynamic_cast<const CLI::ExtrasError*>(&e) != nullptr)
        return {Code::usage, "'" + printable(rest.front()) + "' is one argument too many", help};
    return {Code::usage, own_words(e), help};
}

} // namespace remap::ctl
