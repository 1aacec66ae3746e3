# shellcheck shell=dash
# A change that may or may not be on disk: nobody writes to the block until that is settled.
# shellcheck source=/dev/null
. ./set.sh
begin spare
same "block 100" "$(remap 100 2)" ok
remapctl -q add r0 1600+8 --lost --yes
remapctl -q add r0 1616+8 --yes
before="3 entries, 8 lost, 0 bad"

# Neither the first table block can be written nor any other one.
bad() { inject spare rule bad w "$(table_at "$1" 0)+$((tables * 8))" error=medium; }
fenced() { # COPY BLOCK
    echo "-- copy $1"
    bad "$1"
    same "a new block" "$(remap "$2" 3)" ENODATA
    same "mode" "$(state)" "$before, meta-fault"
    same "a write to it" "$(put "$r" $(($2 * 8)) 8 4)" EIO
    same "a part of it" "$(put "$r" $(($2 * 8 + 1)) 1 4)" EIO
    unwritable $(($2 + 1))
    same "no further remaps" "$(put "$r" $(($2 * 8 + 8)) 8 5) $(all_of $(($2 + 1)))" "ENODATA $(eight 1)"
    same "a write to a lost sector" "$(put "$r" 1600 1 9)" EIO
    same "which stays lost" "$(show "$r" 1600)" ENODATA
    same "unmap" "$(msg unmap 202)" "ok 0 0 1"
    same "plain I/O" "$(put "$r" 801 1 6) $(all_of 100) $(put "$r" 8000 8 6)" "ok 2 6 2 2 2 2 2 2 ok"
    same "rearm, too early" "$(msg rearm)" "ok meta-fault"
    same "verify, too early" "$(msg verify | cut -d' ' -f1) $(mode)" "ok meta-fault"
    same "still fenced" "$(put "$r" $(($2 * 8)) 8 4)" EIO
}
# A write that failed may be there after all, once the set is assembled again.
lost() { [ "$(entry 200 | cut -d' ' -f2)" = fe ]; }
right() { # BLOCK
    same "state" "$(state), $(metadata)" "$before, active, $whole"
    case $(show "$r" $(($1 * 8))) in
        1) same "the fenced block" "$(all_of "$1")" "$(eight 1)" ;;
        *) same "the fenced block" "$(all_of "$1")" "$(eight 3)" ;;
    esac
    same "the others" "$(all_of 100) $(all_of 202)" "2 6 2 2 2 2 2 2 $(eight 1)"
    same "the lost sector" "$(show "$r" 1600)" "$(lost && echo 9 || echo ENODATA)"
    same "works" "$(put "$r" $(($1 * 8)) 8 7) $(all_of "$1")" "ok $(eight 7)"
    same "its neighbour" "$(put "$r" $(($1 * 8 + 8)) 8 8) $(all_of $(($1 + 1)))" "ok $(eight 8)"
    before="$(field 6) entries, $(field 7) lost, 0 bad"
}
block=300
for c in 0 1; do
    fenced $c $block
    inject spare drop bad
    same "rearm" "$(msg rearm)" "ok active"
    right $block
    again
    same "after stop" "$(all_of $block) $(all_of $((block + 1))) $(state)" "$(eight 7) $(eight 8) $before, active"
    block=$((block + 10))
done
for c in 0 1; do
    fenced $c $block
    remapctl -q stop r0
    inject spare drop bad
    assemble
    # Likewise a block that was to be remapped.
    before="$(field 6) entries, $(field 7) lost, 0 bad"
    check "the rest of the other one is lost" [ "$(field 7)" -ge 7 ]
    right $block
    block=$((block + 10))
done

echo "-- unmap"
bad 1
inject main rule never r 1616+8
same "unmap" "$(msg unmap 202)" "ok 0 0 1"
same "mode" "$(mode)" meta-fault
same "a write" "$(put "$r" 1616 8 9)" EIO
same "content" "$(all_of 202)" "$(eight 1)"
inject spare drop bad
same "rearm" "$(msg rearm)" "ok active"
same "a write" "$(put "$r" 1616 8 10) $(all_of 202)" "ok $(eight 10)"
again
same "content" "$(all_of 202)" "$(eight 10)"
same "unmap" "$(msg unmap 202)" "ok 1 0 0"
same "content" "$(all_of 202)" "$(eight 10)"
again
same "content" "$(all_of 202), $(metadata)" "$(eight 10), $whole"
remapctl -q stop r0
