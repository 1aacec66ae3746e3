# shellcheck shell=dash
# A flush of the spare that fails. What a user was promised by his own flush is not given up silently.
# shellcheck source=/dev/null
. ./set.sh
begin spare
same "block 100" "$(remap 100 2)" ok
same "a flush" "$(probe "$r" 0 1 flush)" ok
flushes() { dmsetup status spare | awk '{ print $6 }'; }
# flush WANTED TIMES : a user's flush, and whether it went to the spare
flush() {
    local before
    before=$(flushes)
    same "flush" "$(probe "$r" 0 1 flush), $(($(flushes) - before)) to the spare" "$1, $2 to the spare"
}

echo "-- of a user"
flush ok 0
same "a write to a slot" "$(put "$r" 800 8 3)" ok
inject spare rule bad f all error=ioerr
flush EIO 1
flush EIO 1
inject spare drop bad
flush ok 1
flush ok 0
same "content" "$(all_of 100)" "$(eight 3)"
same "mode" "$(mode)" active

echo "-- in a commit, once"
same "a write to a slot" "$(put "$r" 800 8 4)" ok
inject spare rule slot w "$data+$((slots * 8))"
inject spare rule bad f all error=ioerr times=1
same "a new block" "$(remap 200 5)" ok
same "its content was written again" "$(inject spare hits slot), $(inject spare hits bad)" "2, 1"
inject spare drop slot
same "mode" "$(state)" "2 entries, 0 lost, 0 bad, active"
# What was written to slots before may be gone, and only the module was told.
flush EIO 0
flush ok 1
flush ok 0
inject spare drop bad
again
same "content" "$(all_of 200) $(all_of 100)" "$(eight 5) $(eight 4)"

echo "-- in a commit, for ever"
inject spare rule bad f all error=ioerr
same "a new block" "$(remap 300 6)" ENODATA
same "mode" "$(state), $(metadata)" "2 entries, 0 lost, 0 bad, spare-fault, $whole"
same "its content" "$(all_of 300)" "$(eight 1)"
same "it is not fenced" "$(inject main drop w300; put "$r" 2400 8 7) $(all_of 300)" "ok $(eight 7)"
same "a user's flush" "$(probe "$r" 0 1 flush)" EIO
inject spare drop bad
same "rearm" "$(msg rearm)" "ok active"
same "a new block" "$(remap 300 8) $(all_of 300)" "ok $(eight 8)"
probe "$r" 0 1 flush >/dev/null
flush ok 0

echo "-- before a superblock"
remapctl -q stop r0
inject spare rule sb w 0+8 error=medium
assemble
same "superblocks" "$(field 13)" 1
inject spare drop sb
same "a write to a slot" "$(put "$r" 800 8 9)" ok
inject spare rule bad f all error=ioerr times=1
check "verify" msg verify
same "its flush failed" "$(inject spare hits bad)" 1
flush EIO 0
flush ok 1
inject spare drop bad
check "verify" msg verify
same "whole" "$(metadata)" "$whole"
flush ok 0
remapctl -q stop r0
