# shellcheck shell=dash
# Sourced: main is a device-mapper device over the disk "base".
m=/dev/mapper/main

# table [FILE] : linear, and errors in the sectors of FILE
table() {
    { [ $# = 0 ] || ranges "$@" | sort -n; } | awk -v size="$(size_of /dev/disk/base)" '
        $1 > at { print at + 0, $1 - at, "linear /dev/disk/base", at + 0 }
        { print $1, $2, "error"; at = $1 + $2 }
        END { print at + 0, size - at, "linear /dev/disk/base", at + 0 }'
}

# load_table : from stdin, under whatever is on it
load_table() {
    dmsetup load main
    dmsetup resume main
}
