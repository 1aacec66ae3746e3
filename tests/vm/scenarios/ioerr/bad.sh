# shellcheck shell=dash
# Sourced. The first half of the disk is written after it went bad, sectors 20000+64 are first written
# when they can't be any more, 30003+2 never. Bad sectors here can be neither read nor written.
r=/dev/mapper/r0

field() { dmsetup status r0 | awk -v f="$1" '{ print $(f + 3) }'; }

check_all() { # WHAT
    check "$1: every sector is right or lost" sectorio verify "$r" --shadow /dev/disk/shadow --lost bad.list
}

# bad.list has begun to fail.
check_bad() { # MAIN
    local sector before
    check "every sector is right or lost" sectorio verify "$r" --shadow /dev/disk/shadow \
        --lost bad.list --list-lost /tmp/lost
    same "lost sectors" "$(wc -l </tmp/lost)" 53
    same "entries and lost sectors" "$(field 6) $(field 7)" "9 53"
    for sector in 1003 3000 7001 7006 9039 30003; do
        before=$(counter "$1" 1)
        same "lost sector $sector" "$(probe "$r" $sector)" ENODATA
        same "reads of the disk for it" $(($(counter "$1" 1) - before)) 0
    done
    for sector in 1002 1004 2999 3008 7000 7002 7005 7007 8999 9040 30002 30005; do
        same "sector $sector beside a lost one" "$(probe "$r" $sector)" ok
    done
    check "writes" sectorio run "$r" --shadow /dev/disk/shadow --ops 400 --seed 4 --sizes 512-32K \
        --near bad.list --lost bad.list --range 0+16384 --fua 10 --flush-every 20
    check_all "after writes"
    same "mode" "$(field 2)" active
}

# fresh.list has begun to fail as well: nothing of it was read, the first that happens is a write.
check_rescue() {
    local before
    before=$(field 6)
    check "writes of what can't be written" sectorio run "$r" --shadow /dev/disk/shadow --ops 100 \
        --seed 5 --sizes 4K-32K --align 4K --range 20000+64 --reads 0 --threads 2 \
        --rescued fresh.list --flush-every 10
    same "rescued blocks" $(($(field 6) - before)) 8
    check_all "rescued"
    same "mode" "$(field 2)" active
    dmsetup suspend r0
    dmsetup resume r0
    check_all "after a suspend"
}

# ranges FILE : "FIRST COUNT"
ranges() { sed 's/+/ /; t; s/$/ 1/' "$@"; }
