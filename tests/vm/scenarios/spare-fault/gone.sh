# shellcheck shell=dash
# The spare goes away and stays away. Nobody falls back to main.
# shellcheck source=/dev/null
. ./set.sh
begin spare
same "block 500" "$(remap 500 2)" ok
same "block 600" "$(remap 600 3)" ok
remapctl -q add r0 5608+8 --lost --yes

goes() { # ERROR ERRNO
    echo "-- gone: $1"
    same "an unflushed write to a slot" "$(put "$r" 4000 8 5)" ok
    events=$(dmsetup info -c --noheadings -o events r0)
    inject spare rule gone rwfdz all error="$1"
    inject main rule stale r 4000+8
    inject main rule stale2 r 4800+8
    same "reads of slots" "$(show "$r" 4000 8) $(show "$r" 4001) $(show "$r" 4800)" "$2 $2 $2"
    same "a read that begins before" "$(show "$r" 3984 32)" "$2"
    same "a write" "$(put "$r" 4000 8 90)" "$2"
    same "a write of a part" "$(put "$r" 4803 2 91)" "$2"
    same "a lost sector" "$(show "$r" 5610)" ENODATA
    same "a write to it" "$(put "$r" 5610 1 92)" EIO
    same "a block that main can't take" "$(remap 700 93)" ENODATA
    same "has its old content" "$(all_of 700)" "$(eight 1)"
    inject main drop w700
    same "the mode shows it" "$(state)" "3 entries, 8 lost, 0 bad, spare-fault"
    check "an event" [ "$(dmsetup info -c --noheadings -o events r0)" -gt "$events" ]
    same "flushes" "$(probe "$r" 0 1 flush) $(probe "$r" 0 1 flush)" "$2 $2"
    same "rearm, too early" "$(msg rearm)" "ok spare-fault"
    same "healthy blocks" "$(put "$r" 8000 64 6) $(show "$r" 8000) $(put "$r" 3992 8 6)" "ok 6 ok"
    dmsetup suspend --nolockfs r0
    check "suspend and resume" dmsetup resume r0
    same "healthy blocks afterwards" "$(put "$r" 8000 64 7) $(show "$r" 8000)" "ok 7"
    same "slots afterwards" "$(show "$r" 4000) $(put "$r" 4800 8 94)" "$2 $2"
    same "main was not read there" "$(inject main hits stale) $(inject main hits stale2)" "0 0"
    inject main drop stale
    inject main drop stale2
}
back() {
    inject spare drop gone
    same "content" "$(all_of 500) $(all_of 600) $(show "$r" 5610)" "$(eight 5) $(eight 3) ENODATA"
    # the first one tells of the flush that rearm wanted to make
    same "flushes" "$(probe "$r" 0 1 flush) $(probe "$r" 0 1 flush)" "EIO ok"
    same "rearm" "$(msg rearm)" "ok active"
    same "a new block" "$(remap "$1" 8) $(entry "$1" | cut -d' ' -f2-)" "ok 00 w -"
    same "unmap" "$(inject main drop "w$1")$(msg unmap "$1")" "ok 1 0 0"
    same "state" "$(state)" "3 entries, 8 lost, 0 bad, active"
}
goes ioerr EIO
back 800
goes transport ENOLINK
back 810

echo "-- gone when the set is stopped"
goes medium ENODATA
check "stop" remapctl -q stop r0
check "not assembled without it" sh -c "! $(command -v remapctl) -q assemble r0 --main /dev/mapper/main --spare /dev/mapper/spare 2>/dev/null"
check "not by the kernel either" sh -c "! dmsetup create r0 --table '0 32768 remap /dev/mapper/main /dev/mapper/spare' 2>/dev/null"
inject spare drop gone
assemble
same "content" "$(all_of 500) $(all_of 600) $(show "$r" 5610)" "$(eight 5) $(eight 3) ENODATA"
same "state" "$(state)" "3 entries, 8 lost, 0 bad, active"
remapctl -q stop r0
