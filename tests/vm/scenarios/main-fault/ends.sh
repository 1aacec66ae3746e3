# shellcheck shell=dash
# An outage that ends while it is looked into: after 1, 2, 3, ... failed I/Os main works again. Whatever
# step that falls into, nothing was bad.
# shellcheck source=/dev/null
. ./set.sh
fault_disk main disk
sectorio fill /dev/mapper/main --shadow "$shadow" --seed 5
create /dev/mapper/main

ends() { # WHAT FIRST COUNT OPERATION ERROR
    local n=0 bad=0
    while [ $n -lt 25 ]; do
        n=$((n + 1))
        inject main rule out rwfz all error="$5" times=$n
        # another block each time: errors that heal add up
        probe "$r" $(($2 + n * 16)) "$3" "$4" >/dev/null
        inject main drop out
        [ "$(entries)" = "0 entries, 0 lost" ] || { bad=$n; break; }
        dmsetup message r0 0 rearm >/dev/null
    done
    same "$1: entries after $n I/Os" "$(entries)" "0 entries, 0 lost"
    [ $bad = 0 ] || dmsetup message r0 0 list 0
}
ends "a read of a sector" 8003 1 r ioerr
ends "a read of two blocks" 9000 16 r medium
ends "a write of a block" 10000 8 w ioerr
ends "a write of a sector" 11002 1 w medium
ends "a FUA write" 12000 8 fua ioerr
same "mode" "$(mode)" active
# The writes were probes: what they left is right by itself.
same "a read of it all" "$(probe "$r" 0 2048)" ok
remapctl -q stop r0
dmsetup remove main
