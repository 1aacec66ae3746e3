# shellcheck shell=dash
# A block is looked up again before each step: somebody else may have mapped it.
# shellcheck source=/dev/null
. ./set.sh

echo "-- a failed write whose block another one has mapped"
at=$region1
lonely 16384
inject main rule ha w $((at + 2)) hold error=medium times=1
inject main rule hb w $((at + 5)) hold error=medium times=1
inject main rule bad w $((at + 2)) error=medium
inject main rule seen w $((at + 5))
inject main rule salvage r "$at+8"
start a put "$r" $((at + 2)) 1 2
inject main await ha held 1
start b put "$r" $((at + 5)) 1 3
inject main await hb held 1
inject main release ha
inject main await bad hits 1
not_yet "the first waits for the second" main salvage 1
inject main release hb
answers "the first" a ok
answers "the second" b ok
same "content" "$(all_of 16384)" "1 1 2 1 1 3 1 1"
same "main was not asked again" "$(inject main hits seen)" 0
same "one slot" "$(field 4)" "11/$slots"
inject main clear

# The proof that main takes writes is held; the write itself would succeed by now.
while_proving() { # BLOCK FIRST COUNT CONTENT
    local at=$(($1 * 8))
    inject main rule proof r $((at + 128))+8 hold times=1
    inject main rule bad w $at+8 error=medium times=2
    inject main rule seen w $at+8
    start a put "$r" $((at + $2)) "$3" 4
    inject main await proof held 1
    same "add" "$(msg add "$1")" "ok 1 0 0"
    inject main release proof
    answers "the write" a ok
    same "entry" "$(entry "$1" | cut -d' ' -f2-)" "00 a -"
    same "content" "$(all_of "$1")" "$4"
    same "main was not asked again" "$(inject main hits seen), $(all_of "$1" "$main")" "0, $(eight 1)"
    inject main clear
}
echo "-- a write whose block the administrator has mapped"
while_proving 600 0 8 "$(eight 4)"
while_proving 700 3 2 "1 1 1 4 4 1 1 1"

echo "-- a read whose block the administrator has mapped"
reads() { # BLOCK : the first rule fails what comes before "h"
    local at=$(($1 * 8)) n
    inject main rule h r $at+8 hold error=medium times=1
    inject main rule seen r $at+8
    start a show "$r" $at 8
    inject main await h held 1
    same "add" "$(msg add "$1")" "ok 1 0 0"
    same "a write since" "$(put "$r" $at 8 6)" ok
    n=$(inject main hits seen)
    inject main release h
    answers "the read" a "$(eight 6)"
    same "main was not asked again" "$(inject main hits seen)" "$n"
    inject main clear
}
reads 800
inject main rule first r 7200+8 error=medium times=1
reads 900

echo "-- one of several blocks"
inject main rule h w 8000+24 hold error=medium times=1
inject main rule seen w 8008+8
inject main rule salvage r 8008+8
start a put "$r" 8000 24 8
inject main await h held 1
start b msg add 1001
not_yet "add waits for the write" main salvage 1
inject main release h
answers "add" b "ok 1 0 0"
answers "the write" a ok
same "content" "$(all_of 1000) $(all_of 1001) $(all_of 1002)" "$(eight 8) $(eight 8) $(eight 8)"
same "the middle one is not on main" "$(inject main hits seen), $(all_of 1001 "$main")" "0, $(eight 1)"
same "the others are" "$(all_of 1000 "$main") $(all_of 1002 "$main") $(entry 1000)$(entry 1002)" "$(eight 8) $(eight 8) "
inject main clear

inject main rule h r 8160+24 hold error=medium times=1
start a show "$r" 8160 24
inject main await h held 1
same "add" "$(msg add 1021)" "ok 1 0 0"
same "a write" "$(put "$r" 8168 8 9)" ok
inject main rule seen r 8168+8
inject main release h
answers "a read" a "$(eight 1) $(eight 9) $(eight 1)"
same "main was not asked again for the middle one" "$(inject main hits seen)" 0
inject main clear

# Mapped before, and not the first one of the bio.
same "a write over it" "$(put "$r" 8000 24 10) $(put "$r" 8164 16 11)" "ok ok"
same "content" "$(all_of 1000) $(all_of 1001) $(all_of 1002)" "$(eight 10) $(eight 10) $(eight 10)"
same "content in one read" "$(show "$r" 8000 24)" "$(eight 10) $(eight 10) $(eight 10)"
same "on main" "$(all_of 1001 "$main")" "$(eight 1)"
same "unaligned" "$(show "$r" 8160 24)" "1 1 1 1 11 11 11 11 $(eight 11) 11 11 11 11 1 1 1 1"
same "on main" "$(all_of 1021 "$main")" "$(eight 1)"
same "a lost block" "$(msg add lost 1041)" "ok 1 0 0"
same "is seen by a read that begins before" "$(show "$r" 8320 24)" ENODATA
same "nothing was mapped by itself" "$(stat_of rescued_writes), $(field 7)" "1, 8"
remapctl -q stop r0
