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

# put DEV SECTOR COUNT GENERATION [w|fua] : one direct write; prints "ok" or the name of the error
put() { sectorio probe "$1" "$2" "$3" "${5:-w}" "$4" || true; }

# show DEV SECTOR [COUNT] : the generation that each sector holds, or the name of the error
show() { sectorio show "$1" "$2" "${3:-1}" || true; }

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

# eventually COMMAND... : until it succeeds, up to 90 s: for what tells nobody that it is done
eventually() {
    local tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || return 1
        sleep 0.3
    done
}

# property DEVICE NAME : what udev knows
property() { udevadm info --query property --property "$2" --value "$1"; }

# name_disks : /dev/disk/NAME for every disk the host declared; it put the names in the serial numbers
name_disks() {
    local sys dev serial
    for sys in /sys/block/vd* /sys/block/sd* /sys/block/nvme*; do
        [ -e "$sys" ] || continue
        dev=/dev/${sys##*/}
        serial=$(cat "$sys/serial" 2>/dev/null || cat "$sys/device/serial" 2>/dev/null ||
            tail -c +5 "$sys/device/vpd_pg80" 2>/dev/null)
        serial=$(echo "$serial" | tr -d ' \000')
        [ -z "$serial" ] || [ "$serial" = '*' ] || ln -sfn "$dev" "/dev/disk/$serial"
    done
}

# wait_for_disks FILE : until those named in FILE are there, or sets missing. SCSI disks are found in the
# background.
wait_for_disks() {
    local tries=0 disk
    while name_disks; do
        missing=''
        while read -r disk; do [ -b "/dev/disk/$disk" ] || missing="$missing $disk"; done <"$1"
        [ -n "$missing" ] || return 0
        tries=$((tries + 1))
        [ $tries -lt 200 ] || return 1
        sleep 0.05
    done
}

# -- the set under test is r0 --

# field N : of its status line, see dm-remap(4)
field() { dmsetup status r0 | awk -v f="$1" '{ print $(f + 3) }'; }
mode() { field 2; }
state() { dmsetup status r0 | awk '{ print $9 " entries, " $10 " lost, " $8 " bad, " $5 }'; }
# stat_of NAME : a counter of the message "stats"
stat_of() { dmsetup message r0 0 stats | sed -n "s/^$1=//p"; }
# entry BLOCK : "SLOT MASK REASON FLAGS", nothing if it has none
entry() { dmsetup message r0 0 list "$1" | awk -v b="$1" '$1 == b { print $2, $3, $4, $5 }'; }
msg() { dmsetup message r0 0 "$@"; }

# new_set MAIN SPARE : r0, instead of the set that the boot or the test before has left on the spare
new_set() {
    local entries
    entries=$(remapctl --json metadata check "$2" | sed -n 's/.*"entries": *\([0-9]*\).*/\1/p') || true
    remapctl -q create r0 --main "$1" --spare "$2" --no-shield --yes --force "--discard-remapped=${entries:-0}"
}

# layout : sets slots, and data: where the first one is on the spare (see module/dm-remap-format.h)
layout() {
    slots=$(field 4 | cut -d/ -f2)
    tables=$(((slots + 251) / 252))
    data=$((128 + tables * 8))
}
slot_at() { echo $((data + $1 * 8)); }
# table_at COPY INDEX
table_at() { echo $((($1 ? data + slots * 8 : 128) + $2 * 8)); }
# all_of BLOCK [DEV] : what its sectors hold
all_of() { show "${2:-/dev/mapper/r0}" $(($1 * 8)) 8; }
# eight GENERATION : of a block that was written as a whole
eight() { echo "$1 $1 $1 $1 $1 $1 $1 $1"; }
