# shellcheck shell=dash
# One copy of a table block can't be written. It is left alone, changes go to another one.
# shellcheck source=/dev/null
. ./set.sh
begin spare
last=0
# entries of table block INDEX
in_block() { msg list 0 | awk -v k="$1" 'NF == 5 && int($2 / 252) == k' | wc -l; }

same "block 100" "$(remap 100 2)" ok
remapctl -q add r0 1600+24 --lost --yes
same "block 101" "$(remap 101 2)" ok
same "in the first table block" "$(in_block 0)" 5

frozen() { # COPY BLOCK : a new entry for BLOCK while this copy of the first table block can't be written
    local copy=$1 b=$2 what="copy $1"
    echo "-- $what"
    inject spare rule bad w "$(table_at "$copy" 0)+8" error=medium
    same "$what: a new block" "$(remap "$b" 3)" ok
    same "$what: is in another table block" "$(($(entry "$b" | cut -d' ' -f1) / 252 > 0))" 1
    same "$what: metadata" "$(metadata)" "superblocks 2, tables 1, frozen 1"
    same "$what: mode" "$(mode)" active
    # a change of an entry in the frozen block
    same "$what: a write to a lost sector" "$(put "$r" $((1600 + last)) 1 4)" ok
    same "$what: moves the block" "$(($(entry 200 | cut -d' ' -f1) / 252 > 0)) $(entry 200 | cut -d' ' -f3,4)" "1 m -"
    last=$((last + 1))
    same "$what: a plain write" "$(put "$r" 800 1 5)" ok
    inject main drop w101
    same "$what: unmap is refused" "$(msg unmap 101)" "ok 0 0 1"
    same "$what: of the new one as well" "$(inject main drop "w$b")$(msg unmap "$b")" "ok 0 0 1"
    unwritable 101 "$b"
    same "$what: one more" "$(remap $((b + 1)) 6) $(($(entry $((b + 1)) | cut -d' ' -f1) / 252 > 0))" "ok 1"
    same "$what: add" "$(msg add $((b + 2)))" "ok 1 0 0"
    right "$what" "$b"
}
right() { # WHAT BLOCK
    same "$1: content" "$(all_of 100) $(all_of 101)" "5 2 2 2 2 2 2 2 $(eight 2)"
    same "$1: lost" "$(entry 200 | cut -d' ' -f2) $(show "$r" 1600)" "$(printf %02x $((255 - (1 << last) + 1))) 4"
    same "$1: new ones" "$(all_of "$2") $(all_of $(($2 + 1))) $(all_of $(($2 + 2)))" "$(eight 3) $(eight 6) $(eight 1)"
}
save() { dd if=/dev/disk/spare of=/tmp/spare bs=1M iflag=direct 2>/dev/null; }
restore() { dd if=/tmp/spare of=/dev/disk/spare bs=1M oflag=direct 2>/dev/null; }
# The set is stopped and a copy of a table block is lost.
loses() { # BLOCK
    local k c before
    before=$(state)
    remapctl -q stop r0
    save
    for k in 0 1; do
        for c in 0 1; do
            restore
            # it is not the injector's fault
            zero "$(table_at $c $k)"
            assemble
            same "without copy $c of table block $k" "$(state), $(metadata)" "$before, $whole"
            right "without copy $c of table block $k" "$1"
            remapctl -q stop r0
        done
    done
    restore
}

frozen 0 300
echo "-- copy 0, stopped, and a copy lost"
inject spare drop bad
loses 300
assemble
same "assembled" "$(metadata)" "$whole"

frozen 1 310
echo "-- copy 1, stopped, and a copy lost"
inject spare drop bad
loses 310
assemble

echo "-- still bad when it is assembled"
inject spare rule bad w "$(table_at 0 0)+8" error=medium
same "a new block" "$(remap 320 3) $(metadata)" "ok superblocks 2, tables 1, frozen 1"
before=$(state)
again
# The two copies are the same, so nothing is wrong with it until it is written.
same "assembled again" "$(state)" "$before"
same "a new block" "$(remap 321 7) $(metadata)" "ok superblocks 2, tables 1, frozen 1"
same "content" "$(all_of 320) $(all_of 321)" "$(eight 3) $(eight 7)"

next=1608
for verb in verify rearm; do
    echo "-- $verb"
    case $verb in
        verify) same "too early" "$(msg verify | cut -d' ' -f1,4) $(metadata)" "ok 1 superblocks 2, tables 1, frozen 1" ;;
        rearm) same "too early" "$(msg rearm) $(metadata)" "ok active superblocks 2, tables 1, frozen 1" ;;
    esac
    inject spare drop bad
    check "$verb" msg $verb
    same "thawed" "$(metadata)" "$whole"
    same "content" "$(all_of 320) $(all_of 321)" "$(eight 3) $(eight 7)"
    right "$verb" 310
    same "nothing left to repair" "$(msg verify | cut -d' ' -f1,3,4)" "ok 0 0"
    inject spare rule bad w "$(table_at 1 0)+8" error=medium
    # a change of an entry that is in there
    same "frozen once more" "$(put "$r" "$next" 1 8) $(field 15) $(show "$r" "$next")" "ok 1 8"
    next=$((next + 8))
done
inject spare drop bad
same "rearm" "$(msg rearm)" "ok active"
inject main drop w101
same "unmap works again" "$(msg unmap 101) $(show "$r" 808) $(show /dev/mapper/main 808)" "ok 1 0 0 2 2"
before=$(state)
again
same "assembled again" "$(state), $(metadata)" "$before, $whole"
remapctl -q stop r0
check "metadata" remapctl -q metadata check /dev/mapper/spare
