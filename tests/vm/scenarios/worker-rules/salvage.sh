# shellcheck shell=dash
# What enters a slot is read after the block is BUSY and the drain has ended.
# shellcheck source=/dev/null
. ./set.sh

echo "-- two failed writes to one block share a slot"
inject main rule h w 4000+8 hold error=medium times=2
inject main rule bad w 4000+8 error=medium
start a put "$r" 4002 1 2
inject main await h held 1
start b put "$r" 4005 1 3
inject main await h held 2
inject main release h
answers "the first" a ok
answers "the second" b ok
same "entry" "$(entry 500)" "0 00 w -"
same "one slot" "$(field 4), $(state)" "1/$slots, 1 entries, 0 lost, 0 bad, active"
same "both are there" "$(all_of 500)" "1 1 2 1 1 3 1 1"
inject main clear

echo "-- a write to a sector that is being isolated"
# The bio, the worker, the whole block, and then the sector alone.
inject main rule h r 4803 hold error=medium skip=3 times=1
inject main rule bad r 4803 error=medium
inject main rule seen w 4800+8
start a show "$r" 4800 8
inject main await h held 1
start b put "$r" 4803 1 4
not_yet "the write waits" main seen 1
inject main release h
answers "the read" a ENODATA
answers "the write" b ok
same "not lost" "$(entry 600)" "1 00 r -"
same "content" "$(all_of 600)" "1 1 1 4 1 1 1 1"
same "main did not see it" "$(inject main hits seen)" 0
inject main clear

echo "-- a write that heals a sector and was there before its isolation"
inject main rule h w 5603 hold times=1
start a put "$r" 5603 1 5
inject main await h held 1
inject main rule bad r 5603 error=medium
start b show "$r" 5603
inject main await bad hits 2
not_yet "the salvage waits for it" main bad 3
inject main drop bad
inject main release h
answers "the write" a ok
answers "the read" b 5
same "no entry" "$(entry 700)$(field 7)" 0
same "content" "$(all_of 700)" "1 1 1 5 1 1 1 1"
inject main clear

echo "-- the same, and another sector can't be read for good"
inject main rule h w 6003 hold times=1
start a put "$r" 6003 1 5
inject main await h held 1
inject main rule bad r 6003 error=medium
inject main rule bad2 r 6005 error=medium
start b show "$r" 6005
inject main await bad2 hits 2
not_yet "the salvage waits for it" main bad 1
inject main drop bad
inject main release h
answers "the write" a ok
answers "the read" b ENODATA
same "only that one is lost" "$(entry 750)" "2 20 r -"
same "content" "$(show "$r" 6000 5) $(show "$r" 6005) $(show "$r" 6006 2)" "1 1 1 5 1 ENODATA 1 1"
inject main clear

echo "-- a write is under way when another one has its block remapped"
at=$region1
lonely 16384
inject main rule h w $((at + 5)) hold times=1
start a put "$r" $((at + 5)) 1 6
inject main await h held 1
inject main rule bad w $((at + 2)) error=medium
inject main rule salvage r "$at+8"
start b put "$r" $((at + 2)) 1 7
inject main await bad hits 2
not_yet "the salvage waits for it" main salvage 1
inject main release h
answers "the one under way" a ok
answers "the other one" b ok
same "entry" "$(entry 16384)" "13 00 w -"
same "both are in the slot" "$(all_of 16384)" "1 1 7 1 1 6 1 1"
inject main clear

echo "-- a write beside a salvage"
inject main rule bad w 7203 error=medium
inject main rule h r 7200+8 hold times=1
inject main rule seen w 7205
start a put "$r" 7203 1 8
inject main await h held 1
start b put "$r" 7205 1 9
not_yet "it waits" main seen 1
start c show "$r" 7203
inject main release h
answers "the rescue" a ok
answers "the one beside it" b ok
answers "a read" c 8
same "entry" "$(entry 900)" "14 00 w -"
same "content" "$(all_of 900)" "1 1 1 8 1 9 1 1"
same "main did not see it" "$(inject main hits seen)" 0
same "nor was it changed there" "$(show "$main" 7205)" 1
remapctl -q stop r0
