// SPDX-License-Identifier: GPL-2.0-only
#include "base/text.h"
#include "completion.h"

namespace remap::ctl {

namespace {

// The part that does not depend on the command line. REMAPCTL_COMPLETE_ROOT stands
// before /dev and /sys, for tests.
constexpr const char* zsh_helpers = R"zsh(
__remapctl_find_assembled() {
    local root=${REMAPCTL_COMPLETE_ROOT-} file
    for file in $root/sys/class/block/dm-*/dm/uuid(N); do
        [[ "$(<$file)" == REMAP-* ]] && found+=( "$(<${file:h}/name)" )
    done
}

__remapctl_assembled() {
    local -a found
    __remapctl_find_assembled
    compadd "$@" -a found
}

__remapctl_sets() {
    local -aU found
    __remapctl_find_assembled
    # a disk that does not answer must not hold up the shell
    found+=( ${(f)"$(timeout 5 ${(Q)service_command} list -aq --no-headings -o name 2>/dev/null)"} )
    found=( ${found:#-} )
    compadd "$@" -a found
}

__remapctl_devices() {
    local root=${REMAPCTL_COMPLETE_ROOT-} entry
    local -a found
    for entry in $root/sys/class/block/*(N); do
        [[ -r $entry/size && "$(<$entry/size)" != 0 ]] || continue
        found+=( /dev/${${entry:t}//\!//} )
        [[ -r $entry/dm/name ]] && found+=( "/dev/mapper/$(<$entry/dm/name)" )
    done
    _alternative "devices:block device:compadd -a found" \
        "files:file:_path_files -g '*(-%b,-/)'"
}
)zsh";

std::string replaced(std::string text, std::string_view characters, std::string_view before) {
    std::string result;
    for (const char c : text) {
        if (characters.find(c) != std::string_view::npos)
            result += before;
        result += c;
    }
    return result;
}

// A word of zsh, whatever is in it.
std::string quoted(const std::string& text) {
    std::string result = "'";
    for (const char c : text)
        result += c == '\'' ? std::string{"'\\''"} : std::string{c};
    return result + "'";
}

// Between the brackets or colons of a specification for _arguments.
std::string explained(const std::string& text) {
    return replaced(text, "\\[]:", "\\");
}

std::string action(const ValueModel& value) {
    if (!value.choices.empty())
        return "(" + join(value.choices, " ") + ")";
    if ((value.offer & offer_files) != 0)
        return "_files";
    if ((value.offer & offer_devices) != 0)
        return "__remapctl_devices";
    if ((value.offer & offer_sets) != 0)
        return "__remapctl_sets";
    return (value.offer & offer_assembled) != 0 ? "__remapctl_assembled" : " ";
}

std::string message(const ValueModel& value) {
    return ":" + explained(value.choices.empty() ? value.word : "one of") + ":" + action(value);
}

// Each name of an option excludes the others.
std::string option_specs(const OptionModel& option) {
    std::string specs;
    for (const std::string& name : option.names) {
        const bool is_long = name.starts_with("--");
        specs +=
            "\n        " +
            quoted((option.names.size() > 1 ? "(" + join(option.names, " ") + ")" : "") + name +
                   (!option.has_value ? ""
                    : is_long         ? "="
                                      : "+") +
                   "[" + explained(option.description) + "]" +
                   (option.has_value ? message(option.value) : ""));
    }
    return specs;
}

std::string options_of(const VerbModel& verb) {
    std::string specs;
    for (const OptionModel& option : verb.options)
        specs += option_specs(option);
    return specs;
}

std::string arguments_of(const VerbModel& verb) {
    std::string specs;
    std::size_t number = 0;
    for (const ValueModel& argument : verb.arguments) {
        ++number;
        const std::string place =
            argument.repeats ? "*" : std::to_string(number) + (argument.required ? "" : ":");
        specs += "\n        " + quoted(place + message(argument));
    }
    return specs;
}

// Lines that go on.
std::string continued(const std::string& specs) {
    std::string lines;
    for (const char c : specs)
        lines += c == '\n' ? std::string{" \\\n"} : std::string{c};
    return lines;
}

// A function that offers the verbs below a verb.
void offer_function(std::string& script, const VerbModel& verb, const std::string& function) {
    script += "\n" + function + "_verbs() {\n    local -a verbs=(";
    for (const VerbModel& sub : verb.verbs)
        script += "\n        " + quoted(replaced(sub.name, "\\:", "\\") + ":" +
                                        replaced(sub.description, "\\", "\\"));
    script += "\n    )\n    _describe -t verbs verb verbs\n}\n";
}

void verb_function(std::string& script, const VerbModel& verb, const std::string& function);

// Verbs, each with a function for what follows it. Those functions see the local
// variables of the one for the program.
void family_function(std::string& script, const VerbModel& verb, const std::string& function,
                     const std::string& locals, const std::string& options) {
    offer_function(script, verb, function);
    script += "\n" + function + "() {\n    local curcontext=$curcontext state line ret=1\n" +
              locals + "    _arguments -C -s \"${shared[@]}\"" + continued(options) +
              " \\\n        '1:verb:" + function +
              "_verbs' '*::argument:->rest' && ret=0\n"
              "    if [[ $state == rest ]]; then\n"
              "        curcontext=${curcontext%:*}-${words[1]}:\n"
              "        (( $+functions[" +
              function + "_${words[1]}] )) && " + function +
              "_${words[1]} && ret=0\n    fi\n    return ret\n}\n";
    for (const VerbModel& sub : verb.verbs)
        verb_function(script, sub, function + "_" + sub.name);
}

void verb_function(std::string& script, const VerbModel& verb, const std::string& function) {
    if (!verb.verbs.empty()) {
        family_function(script, verb, function, "", options_of(verb));
        return;
    }
    std::string arguments = arguments_of(verb);
    for (const ValueModel& argument : verb.arguments)
        if ((argument.offer & offer_verbs) != 0)
            arguments = "\n        '1:verb:__remapctl_verbs'"
                        "\n        '2:verb:{ (( $+functions[__remapctl_${words[2]}_verbs] )) "
                        "&& __remapctl_${words[2]}_verbs }'";
    script += "\n" + function + "() {\n    _arguments -s \"${shared[@]}\"" +
              continued(options_of(verb) + arguments) + "\n}\n";
}

} // namespace

std::string zsh_completion(const VerbModel& program) {
    std::string script = "#compdef remapctl\n"
                         "# zsh completion for remapctl, made by: remapctl completion zsh\n";
    script += zsh_helpers;
    family_function(script, program, "__remapctl",
                    "    local service_command=${words[1]}\n    typeset -A opt_args\n"
                    "    local -a shared=(" +
                        options_of(program) + "\n    )\n",
                    "");
    return script + "\n_remapctl() {\n    __remapctl \"$@\"\n}\n\n"
                    "# autoloaded, or read by hand\n"
                    "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n"
                    "    _remapctl \"$@\"\nelse\n    compdef _remapctl remapctl\nfi\n";
}

} // namespace remap::ctl
