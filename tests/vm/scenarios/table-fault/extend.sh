# shellcheck shell=dash
# All slots of the initialised part of the table are in use; making more of it fails half way.
# shellcheck source=/dev/null
. ./set.sh
begin large wide
sectors=$(size_of /dev/mapper/spare)
sb_at() { [ "$1" = 0 ] && echo 0 || echo $((sectors / 8 * 8 - 8)); }
# table_init as each superblock has it
initialised() {
    local c
    for c in 0 1; do
        dd if=/dev/mapper/spare bs=4096 skip=$(($(sb_at $c) / 8)) count=1 iflag=direct of=/tmp/sb 2>/dev/null
        hexdump -s 200 -n 4 -e '1/4 "%u "' /tmp/sb
    done
}
same "initialised" "$(initialised)" "256 256 "
check "not all of it" [ "$tables" -gt 256 ]
same "some content" "$(put "$r" $((70000 * 8)) 256 1)" ok
same "block 100" "$(remap 100 2)" ok
at=1000 end=$((1000 + 256 * 252 - 1))
while [ "$at" -lt "$end" ]; do
    n=$((end - at < 4096 ? end - at : 4096))
    # shellcheck disable=SC2046  # several words
    set -- $(msg add lost "$at+$n")
    case $1 in
        ok) at=$((at + n)) ;;
        next) at=$2 ;;
        *) fail "add: $*" ;;
    esac
done
before="64512 entries, 516088 lost, 0 bad"
same "no free slot left" "$(state), $(stat_of free_slots_initialised)" "$before, active, 0"

block=70000
no_more() { # WHAT SUPERBLOCKS
    unwritable $block
    same "$1: a new block" "$(put "$r" $((block * 8)) 8 3)" ENODATA
    same "$1: keeps its content" "$(all_of $block)" "$(eight 1)"
    same "$1: state" "$(state), $(field 13)" "$before, spare-fault, $2"
}
over() { # WHAT SUPERBLOCKS...
    same "$1: on disk" "$(initialised)" "$2"
    inject spare clear
    again
    same "$1: assembled again" "$(state), $(metadata)" "$before, active, $whole"
    same "$1: content" "$(all_of 100) $(all_of $block) $(show "$r" 8000)" "$(eight 2) $(eight 1) ENODATA"
    block=$((block + 1))
}
inject spare rule bad w "$(table_at 0 270)+8" error=medium
no_more "copy 0" 2
over "copy 0" "256 256 "
inject spare rule bad w "$(table_at 1 260)+8" error=medium
no_more "copy 1" 2
over "copy 1" "256 256 "
inject spare rule bad f all error=ioerr times=1
no_more "flush" 2
over "flush" "256 256 "
inject spare rule bad w "$(sb_at 1)+8" error=medium
no_more "superblock 1" 1
over "superblock 1" "256 256 "
# It can't be taken back either: one superblock says that there is more of the table, and is right.
inject spare rule bad w "$(sb_at 1)+8" error=medium
inject spare rule bad0 w "$(sb_at 0)+8" error=medium skip=1
no_more "both superblocks" 0
same "on disk" "$(initialised)" "$tables 256 "
over "both superblocks" "$tables 256 "
same "then" "$(initialised)" "$tables $tables "

same "a new block" "$(remap $block 4) $(all_of $block)" "ok $(eight 4)"
check "is in the new part" [ "$(entry $block | cut -d' ' -f1)" -ge 64512 ]
before=$(state)
again
same "assembled again" "$(state), $(metadata)" "$before, $whole"
same "content" "$(all_of 100) $(all_of $block)" "$(eight 2) $(eight 4)"
remapctl -q stop r0
check "metadata" remapctl -q metadata check /dev/mapper/spare
