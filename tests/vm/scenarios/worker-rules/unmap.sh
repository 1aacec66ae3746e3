# shellcheck shell=dash
# unmap takes all of what was written to the slot along.
# shellcheck source=/dev/null
. ./set.sh
same "entries" "$(msg add 500 600 700 800)" "ok 4 0 0"

echo "-- a write to the slot is under way"
inject spare rule h w "$(slot_at 0)+8" hold times=1
inject main rule seen w 4000+8
start a put "$r" 4002 3 2
inject spare await h held 1
start b msg unmap 500
not_yet "unmap waits" main seen 1
inject spare release h
answers "the write" a ok
answers "unmap" b "ok 1 0 0"
same "on main" "$(all_of 500 "$main") $(all_of 500) $(entry 500)" "1 1 2 2 2 1 1 1 1 1 2 2 2 1 1 1 "
inject main clear
inject spare clear

echo "-- a read of the slot is under way"
inject spare rule h r "$(slot_at 1)+8" hold times=1
inject main rule seen w 4800+8
start a show "$r" 4800 8
inject spare await h held 1
start b msg unmap 600
not_yet "unmap waits" main seen 1
inject spare release h
answers "the read" a "$(eight 1)"
answers "unmap" b "ok 1 0 0"
inject main clear
inject spare clear

echo "-- a write comes while main is written"
inject main rule h w 5600+8 hold times=1
inject spare rule seen w "$(slot_at 2)+8"
start b msg unmap 700
inject main await h held 1
start a put "$r" 5603 1 3
not_yet "the write waits" spare seen 1
inject main release h
answers "unmap" b "ok 1 0 0"
answers "the write" a ok
same "on main" "$(all_of 700 "$main") $(all_of 700)" "1 1 1 3 1 1 1 1 1 1 1 3 1 1 1 1"
same "not in the slot" "$(inject spare hits seen)" 0
inject main clear

echo "-- main does not take it"
inject main rule bad w 6400+8 error=medium
same "a write" "$(put "$r" 6400 8 4)" ok
same "unmap" "$(msg unmap 800)" "ok 0 0 1"
same "content" "$(all_of 800) $(entry 800)" "$(eight 4) 3 00 a -"
inject main drop bad
inject main rule bad r 6400+8 error=medium
same "unmap, can't be verified" "$(msg unmap 800)" "ok 0 0 1"
same "content" "$(all_of 800) $(entry 800)" "$(eight 4) 3 00 a -"
same "state" "$(state)" "1 entries, 0 lost, 0 bad, active"
remapctl -q stop r0
