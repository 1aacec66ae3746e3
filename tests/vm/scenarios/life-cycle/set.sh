# shellcheck shell=dash
# Sourced. Set r0 over the fault targets "disk" (below "main", which can grow) and "spare".
r=/dev/mapper/r0 shadow=/dev/disk/shadow

field() { dmsetup status r0 | awk -v f="$1" '{ print $(f + 3) }'; }
fails() { ! "$@" 2>/dev/null; }
uptime_ms() { awk '{ print int($1 * 1000) }' /proc/uptime; }
events() { dmsetup info -c --noheadings -o events r0; }
# main_is SECTORS : the size of main
main_is() { echo "0 $1 linear /dev/mapper/disk 0"; }
# table SECTORS [OPTION...]
table() {
    local size=$1
    shift
    echo "0 $size remap /dev/mapper/main /dev/mapper/spare${*:+ $# $*}"
}
reload() { # TABLE
    dmsetup load r0 --table "$1"
    dmsetup resume r0
}
start() { # SECTORS
    fault_disk disk disk
    fault_disk spare spare
    dmsetup create main --table "$(main_is "$1")"
    sectorio fill /dev/mapper/main --shadow "$shadow" --seed 3
    new_set /dev/mapper/main /dev/mapper/spare
}
finish() {
    remapctl -q stop r0
    check "metadata" remapctl -q metadata check /dev/mapper/spare
    dmsetup remove main
    dmsetup remove disk
    dmsetup remove spare
}
check_all() { check "$1: every sector is right" sectorio verify "$r" --shadow $shadow; }
