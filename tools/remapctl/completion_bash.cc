// SPDX-License-Identifier: GPL-2.0-only
#include "base/text.h"
#include "completion.h"

namespace remap::ctl {

namespace {

// The part that does not depend on the command line. REMAPCTL_COMPLETE_ROOT stands
// before /dev and /sys, for tests.
constexpr const char* bash_engine = R"bash(
# The words up to the cursor, without the cuts that bash makes at ':' and '='.
__remapctl_words() {
    local rest=${COMP_LINE:0:COMP_POINT} word blanks i
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        blanks=${rest%%[![:space:]]*}
        rest=${rest#"$blanks"}
        [[ $rest == "$word"* ]] || word=$rest # the cursor is within the word
        rest=${rest#"$word"}
        if [[ $i == 0 || $blanks ]]; then
            words+=("$word")
        else
            words[-1]+=$word
        fi
    done
}

__remapctl_enter() {
    if [[ $path == '' && $1 == help ]]; then
        # what follows are verbs again
        in_help=yes
        __remapctl_describe help
        all_flags+=" $flags"
        __remapctl_describe ''
    else
        path+=${path:+ }$1
        __remapctl_describe "$path"
        all_flags+=" $flags"
        all_values+=" $values"
    fi
    position=0
}

# Sets expected to what follows that option, or to nothing.
__remapctl_value_of() {
    local name=$1 value
    [[ $name == --* ]] || name=-${name: -1} # the last of several letters
    expected=''
    for value in $all_values; do
        [[ ${value%%=*} != "$name" ]] || expected=${value#*=}
    done
}

__remapctl_assembled() {
    local file uuid name
    for file in "$root"/sys/class/block/dm-*/dm/uuid; do
        uuid='' name=''
        { read -r uuid <"$file"; } 2>/dev/null
        [[ $uuid == REMAP-* ]] || continue
        { read -r name <"${file%uuid}name"; } 2>/dev/null
        found+=("$name")
    done
}

__remapctl_sets() {
    local name
    __remapctl_assembled
    # a disk that does not answer must not hold up the shell
    while read -r name; do
        [[ $name == - || " ${found[*]} " == *" $name "* ]] || found+=("$name")
    done < <(timeout 5 "$program" list -aq --no-headings -o name 2>/dev/null)
}

__remapctl_devices() {
    local entry size name file
    for entry in "$root"/sys/class/block/*; do
        size=0 name=''
        { read -r size <"$entry/size"; } 2>/dev/null
        [[ $size != 0 ]] || continue
        entry=${entry##*/}
        found+=("/dev/${entry//!//}")
        { read -r name <"$root/sys/class/block/$entry/dm/name"; } 2>/dev/null
        [[ ! $name ]] || found+=("/dev/mapper/$name")
    done
    # other names of them
    while read -r file; do
        if [[ -d $file ]]; then
            found+=("${file#"$root"}/")
        elif [[ -b $file && " ${found[*]} " != *" ${file#"$root"} "* ]]; then
            found+=("${file#"$root"}")
        fi
    done < <(compgen -f -- "$root$current")
}

# What can stand for a word such as DEV or auto|always|never.
__remapctl_offer() {
    local word
    for word in ${1//|/ }; do
        case $word in
        DEV) __remapctl_devices ;;
        FILE) compopt -o default 2>/dev/null ;; # bash knows best how to quote
        NAME) __remapctl_assembled ;;
        SET) __remapctl_sets ;;
        [a-z]*) found+=("$word") ;;
        esac
    done
}

__remapctl_argument() {
    local word number=0
    for word in $arguments; do
        if [[ $number == "$position" || $word == *... ]]; then
            __remapctl_offer "${word%...}"
            return
        fi
        number=$((number + 1))
    done
}

_remapctl() {
    local IFS=$' \t\n' root=${REMAPCTL_COMPLETE_ROOT-} program=$1
    local flags values arguments verbs all_flags='' all_values=''
    local path='' in_help='' position=0 expected='' ended='' prefix='' current word cut
    local -a words found=()
    COMPREPLY=()
    __remapctl_words
    current=${words[-1]}
    unset 'words[-1]'
    __remapctl_enter ''
    for word in "${words[@]:1}"; do
        if [[ $expected ]]; then
            expected=''
        elif [[ $ended || $word != -?* ]]; then
            if [[ $position == 0 && " $verbs " == *" $word "* ]]; then
                __remapctl_enter "$word"
            else
                position=$((position + 1))
            fi
        elif [[ $word == -- ]]; then
            ended=yes
        elif [[ $word != --*=* ]]; then
            __remapctl_value_of "$word"
        fi
    done
    if [[ ! $expected && ! $ended && $current == --*=* ]]; then
        __remapctl_value_of "${current%%=*}"
        prefix=${current%%=*}= current=${current#*=}
        [[ $expected ]] || return 0
    fi
    if [[ $expected ]]; then
        __remapctl_offer "$expected"
    elif [[ ! $ended && $current == -* ]]; then
        for word in $all_flags $all_values; do
            found+=("${word%%=*}")
        done
    elif [[ $verbs && $position == 0 ]]; then
        for word in $verbs; do
            found+=("$word")
        done
    elif [[ ! $in_help ]]; then
        __remapctl_argument
    fi
    for word in "${found[@]}"; do
        [[ $word != "$current"* ]] || COMPREPLY+=("$prefix$word")
    done
    # bash puts back what stands before its last cut
    word=$prefix$current
    cut=${word%"${word##*[=:]}"}
    COMPREPLY=("${COMPREPLY[@]#"$cut"}")
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace 2>/dev/null
    fi
    return 0
}

complete -F _remapctl remapctl
)bash";

std::string quoted(const std::vector<std::string>& words) {
    return "'" + join(words, " ") + "'";
}

void describe_verb(std::string& script, const VerbModel& verb, const std::string& path) {
    std::vector<std::string> flags;
    std::vector<std::string> values;
    for (const OptionModel& option : verb.options)
        for (const std::string& name : option.names)
            if (option.has_value)
                values.push_back(name + "=" + option.value.word);
            else
                flags.push_back(name);
    std::vector<std::string> arguments;
    for (const ValueModel& argument : verb.arguments)
        arguments.push_back(argument.word + (argument.repeats ? "..." : ""));
    std::vector<std::string> verbs;
    for (const VerbModel& sub : verb.verbs)
        verbs.push_back(sub.name);
    script += "    '" + path + "')\n        flags=" + quoted(flags) +
              "\n        values=" + quoted(values) + "\n        arguments=" + quoted(arguments) +
              "\n        verbs=" + quoted(verbs) + "\n        ;;\n";
    for (const VerbModel& sub : verb.verbs)
        describe_verb(script, sub, path + (path.empty() ? "" : " ") + sub.name);
}

} // namespace

std::string bash_completion(const VerbModel& program) {
    std::string script = "# bash completion for remapctl, made by: remapctl completion bash\n"
                         "# shellcheck shell=bash\n\n"
                         "# What can follow these verbs. values: option=WORD.\n"
                         "__remapctl_describe() {\n    case $1 in\n";
    describe_verb(script, program, "");
    script += "    *) flags='' values='' arguments='' verbs='' ;;\n    esac\n}\n";
    return script + bash_engine;
}

} // namespace remap::ctl
