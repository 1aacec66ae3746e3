# shellcheck shell=dash
# What every guest script can use. Scripts run under "sh -eu" in /test, where the scenario's files
# are; the disks are /dev/disk/NAME; settings are shell variables.

failures=0

# check WHAT COMMAND... : says whether COMMAND succeeds, and goes on if not
check() {
    local what=$1
    shift
    if "$@"; then
        echo "ok    $what"
    else
        echo "FAIL  $what"
        failures=$((failures + 1))
    fi
}

# same WHAT GOT WANTED
same() {
    if [ "$2" = "$3" ]; then
        echo "ok    $1: $2"
    else
        echo "FAIL  $1: got '$2', wanted '$3'"
        failures=$((failures + 1))
    fi
}

fail() {
    echo "FAIL  $*"
    exit 1
}

# Every script ends here by itself.
verdict() {
    [ "$failures" = 0 ] || { echo "$failures checks failed"; exit 1; }
}

# Tells the host that this point is reached: "boot --kill-at TEXT" waits for it.
mark() { echo "@@MARK $*" >/dev/console; }

# probe DEV SECTOR [COUNT] [r|w|fua|flush] : one direct I/O; prints "ok" or the name of the error
probe() { sectorio probe "$1" "$2" "${3:-1}" "${4:-r}" || true; }

# size_of DEV : in sectors
size_of() { blockdev --getsz "$1"; }

# fault_disk NAME DISK : /dev/mapper/NAME is the disk, with faults as they are injected
fault_disk() { dmsetup create "$1" --table "0 $(size_of "/dev/disk/$2") fault /dev/disk/$2 0"; }

# inject NAME MESSAGE... : to a fault target (see README.md)
inject() {
    local name=$1
    shift
    dmsetup message "$name" 0 "$*"
}

# counter DEV FIELD : from /sys/block/*/stat, e.g. 1 reads, 5 writes, 16 flushes
counter() { awk -v f="$2" '{ print $f }' "/sys/class/block/$(basename "$(readlink -f "$1")")/stat"; }
