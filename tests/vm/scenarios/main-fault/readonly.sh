# shellcheck shell=dash
# A worn-out SSD: it can be read, but it takes no more writes.
# shellcheck source=/dev/null
. ./set.sh
fault_disk main disk
sectorio fill /dev/mapper/main --shadow "$shadow" --seed 4
create /dev/mapper/main

wears_out() { # ERROR ERRNO
    local before
    echo "-- $1"
    before=$(events)
    inject main rule worn wz all error="$1"
    storm 200 9
    errors_of_storm "$2"
    same "entries" "$(entries)" "0 entries, 0 lost"
    same "mode" "$(mode)" main-fault
    check "an event" [ "$(events)" -gt "$before" ]
    check_all "it can be read"
    same "rearm, too early" "$(dmsetup message r0 0 rearm)" "ok main-fault"
    # the last one close to the bad block below: what works there ends the fault that was found there
    storm 20 10 --range 20100+200 --threads 1
    same "entries" "$(entries)" "0 entries, 0 lost"
    inject main drop worn
}
wears_out medium ENODATA
same "rearm" "$(dmsetup message r0 0 rearm)" "ok active"
check_works "rearmed"

# Without rearm: the next bad sector finds out that main is well.
wears_out ioerr EIO
inject main rule bad w 20000+8 error=medium
check "a bad block" sectorio run "$r" --shadow "$shadow" --ops 1 --range 20000+8 --sizes 4K-4K --align 4K \
    --reads 0 --seed 11
same "is remapped" "$(entries)" "1 entries, 0 lost"
same "mode" "$(mode)" active
check_works "without rearm"
same "entries" "$(entries)" "1 entries, 0 lost"
remapctl -q stop r0
dmsetup remove main
