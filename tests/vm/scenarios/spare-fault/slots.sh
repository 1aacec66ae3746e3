# shellcheck shell=dash
# shellcheck source=/dev/null
. ./set.sh
begin spare

echo "-- a slot that can't be written"
inject spare rule bad0 w "$(slot_at 0)+8" error=medium
same "a write" "$(remap 500 2)" ok
same "goes to the next slot" "$(entry 500)" "1 00 w -"
same "the bad one is retired" "$(state)" "1 entries, 0 lost, 1 bad, active"
same "content" "$(all_of 500)" "$(eight 2)"
inject spare rule once w "$(slot_at 2)+8" error=medium times=1
same "a slot that fails once" "$(remap 600 3)" ok
same "is as good as any" "$(entry 600)" "2 00 w -"
inject spare rule away w "$(slot_at 3)+8" error=transport
same "an error that is not the slot's" "$(remap 700 4)" ENODATA
same "retires nothing" "$(state)" "2 entries, 0 lost, 1 bad, spare-fault"
same "and leaves main's content" "$(all_of 700)" "$(eight 1)"
inject spare drop away
same "rearm" "$(msg rearm)" "ok active"
same "over" "$(put "$r" 5600 8 4)" ok
same "the same slot again" "$(entry 700)" "3 00 w -"
again
same "assembled again" "$(state)" "3 entries, 0 lost, 1 bad, active"
same "entries" "$(entry 500), $(entry 600), $(entry 700)" "1 00 w -, 2 00 w -, 3 00 w -"
same "content" "$(all_of 500) $(all_of 600) $(all_of 700)" "$(eight 2) $(eight 3) $(eight 4)"

echo "-- a slot that can't be read"
for n in 1 2; do
    inject spare rule "times$n" r "$(slot_at 1)+8" error=medium times=$n
    same "a read that fails $n times" "$(all_of 500)" "$(eight 2)"
    same "it did" "$(inject spare hits "times$n")" $n
done
same "nothing has changed" "$(entry 500) $(state)" "1 00 w - 3 entries, 0 lost, 1 bad, active"
inject main rule never r 4000+8
inject spare rule bad r $(($(slot_at 1) + 3)) error=medium
same "a bad sector" "$(all_of 500)" ENODATA
same "is lost" "$(entry 500)" "1 08 w l"
same "state" "$(state)" "3 entries, 1 lost, 1 bad, active"
before=$(reads_of_spare)
same "error at once" "$(show "$r" 4003) $(all_of 500)" "ENODATA ENODATA"
same "without a read of it" "$(($(reads_of_spare) - before))" 0
same "its neighbours" "$(show "$r" 4000 3) $(show "$r" 4004 4)" "2 2 2 2 2 2 2"
again
same "assembled again" "$(entry 500)" "1 08 w l"
before=$(reads_of_spare)
same "still an error at once" "$(show "$r" 4003)" ENODATA
same "without a read" "$(($(reads_of_spare) - before))" 0
same "retry, too early" "$(msg retry 500)" "ok 0 1 0"
inject spare drop bad
same "retry" "$(msg retry 500)" "ok 1 0 0"
same "the flag stays" "$(entry 500)" "1 00 w l"
same "content" "$(all_of 500)" "$(eight 2)"
same "main was never read" "$(inject main hits never)" 0
inject spare rule bad r $(($(slot_at 1) + 3)) error=medium
same "lost once more" "$(show "$r" 4003) $(entry 500)" "ENODATA 1 08 w l"
inject spare drop bad
same "still lost" "$(show "$r" 4003)" ENODATA
same "a write to it" "$(put "$r" 4003 1 9)" ok
same "ends that" "$(entry 500)" "1 00 w l"
same "content" "$(all_of 500)" "2 2 2 9 2 2 2 2"

echo "-- a slot in use that can't be written any more"
inject spare rule once1 w $(($(slot_at 1) + 2)) error=medium
same "in one place" "$(put "$r" 4002 1 10)" ok
same "is moved" "$(entry 500)" "4 00 m l"
same "the old one is retired" "$(state)" "3 entries, 0 lost, 2 bad, active"
same "content" "$(all_of 500)" "2 2 10 9 2 2 2 2"
inject spare rule once2 w $(($(slot_at 4) + 2)) error=medium times=1
same "that fails once" "$(put "$r" 4002 1 11)" ok
same "stays" "$(entry 500)" "4 00 m l"
inject spare rule bad rw $(($(slot_at 2) + 5)) error=medium
same "that can't be read in one place either" "$(put "$r" 4800 8 12)" ok
same "does not matter to a write of all of it" "$(entry 600)" "5 00 m -"
same "content" "$(all_of 600)" "$(eight 12)"
inject spare rule bad3 rw $(($(slot_at 3) + 5)) error=medium
inject spare rule bad3w w "$(slot_at 3)+8" error=medium
same "a write beside that place" "$(put "$r" 5601 1 13)" ok
same "it is lost, and not main's" "$(entry 700)" "6 20 m l"
same "content" "$(show "$r" 5600 5) $(show "$r" 5605) $(show "$r" 5606 2)" "4 13 4 4 4 ENODATA 4 4"
again
same "assembled again" "$(state)" "3 entries, 1 lost, 4 bad, active"
same "entries" "$(entry 500), $(entry 600), $(entry 700)" "4 00 m l, 5 00 m -, 6 20 m l"
same "content" "$(all_of 500) $(all_of 600) $(show "$r" 5605)" "2 2 11 9 2 2 2 2 $(eight 12) ENODATA"
same "a write to what is lost" "$(put "$r" 5605 1 14) $(all_of 700)" "ok 4 13 4 4 4 14 4 4"

echo "-- lost on main, or off a bad slot: retry has nothing to read"
inject spare clear
same "lost on the spare" "$(unwritable 750; put "$r" 6000 8 15) $(entry 750)" "ok 7 00 w -"
inject spare rule bad rw "$(slot_at 7)+2" error=medium
inject spare rule badw w "$(slot_at 7)+8" error=medium
same "moved with a hole" "$(put "$r" 6005 1 16) $(entry 750)" "ok 8 03 m l"
same "retry" "$(msg retry 750)" "ok 0 2 0"
same "content" "$(show "$r" 6000) $(show "$r" 6001) $(show "$r" 6002 6)" "ENODATA ENODATA 15 15 15 16 15 15"
same "a lost block" "$(msg add lost 760) $(put "$r" 6080 2 17) $(entry 760)" "ok 1 0 0 ok 9 fc a -"
inject spare rule bad1 r "$(slot_at 9)" error=medium
same "loses one more on the spare" "$(show "$r" 6080) $(entry 760)" "ENODATA 9 fd a l"
inject spare drop bad1
same "retry" "$(msg retry 760)" "ok 1 6 0"
same "content" "$(show "$r" 6080 2) $(show "$r" 6082)" "17 17 ENODATA"
same "unmapped again" "$(put "$r" 6000 2 15) $(put "$r" 6082 6 17)$(inject main drop w750) $(msg unmap 750 760)" "ok ok ok 2 0 0"

echo "-- many bad slots in a row"
inject spare clear
inject spare rule many w "$(slot_at 7)+320" error=medium
same "a new block" "$(remap 900 20) $(all_of 900)" "ok $(eight 20)"
check "is far from them" [ "$(entry 900 | cut -d' ' -f1)" -ge 252 ]
same "those that were tried are retired" "$(state)" "4 entries, 0 lost, 10 bad, active"
same "and one more" "$(remap 901 21) $(state)" "ok 5 entries, 0 lost, 10 bad, active"
again
same "assembled again" "$(state) $(all_of 900)" "5 entries, 0 lost, 10 bad, active $(eight 20)"
remapctl -q stop r0
