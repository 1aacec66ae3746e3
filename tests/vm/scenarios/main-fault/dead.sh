# shellcheck shell=dash
# Every I/O of main fails from some moment on, with the errors a bad sector has, and with others.
# shellcheck source=/dev/null
. ./set.sh
fault_disk main disk
sectorio fill /dev/mapper/main --shadow "$shadow" --seed 3
create /dev/mapper/main
offline=ENODEV
case $(uname -r) in 5.10.*) offline=EIO ;; esac

dies() { # ERROR ERRNO MODE
    local before
    echo "-- $1"
    before=$(events)
    inject main rule dead rwfdz all error="$1" skip=150
    storm 500 "$(cut -d. -f1 /proc/uptime)"
    check "it died" [ "$(inject main hits dead)" -gt 100 ]
    errors_of_storm "$2"
    same "entries" "$(entries)" "0 entries, 0 lost"
    same "mode" "$(mode)" "$3"
    same "a write" "$(probe "$r" 800 8 w)" "$2"
    same "a read" "$(probe "$r" 801)" "$2"
    same "rearm, too early" "$(dmsetup message r0 0 rearm)" "ok $3"
    [ "$3" = active ] || check "an event" [ "$(events)" -gt "$before" ]
    inject main drop dead
    before=$(events)
    same "rearm" "$(dmsetup message r0 0 rearm)" "ok active"
    [ "$3" = active ] || check "an event" [ "$(events)" -gt "$before" ]
    check_works "$1 is over"
    same "entries" "$(entries)" "0 entries, 0 lost"
    same "mode" "$(mode)" active
}
dies ioerr EIO main-fault
dies medium ENODATA main-fault
[ $offline = EIO ] || dies offline $offline active
dies transport ENOLINK active
remapctl -q stop r0
dmsetup remove main
