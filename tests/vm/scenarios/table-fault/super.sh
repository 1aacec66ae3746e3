# shellcheck shell=dash
# A superblock that can't be written at activation; then the other one is lost.
# shellcheck source=/dev/null
. ./set.sh
begin spare
same "block 100" "$(remap 100 2)" ok
remapctl -q stop r0
sectors=$(size_of /dev/mapper/spare)
sb_at() { [ "$1" = 0 ] && echo 0 || echo $((sectors / 8 * 8 - 8)); }
generation=2
for c in 0 1; do
    echo "-- superblock $c"
    inject spare rule bad w "$(sb_at $c)+8" error=medium
    assemble
    same "assembled" "$(metadata)" "superblocks 1, tables 2, frozen 0"
    same "works" "$(all_of 100) $(put "$r" 800 8 $((generation + 1))) $(remap $((200 + c)) 5)" "$(eight $generation) ok ok"
    same "verify, too early" "$(msg verify | cut -d' ' -f1,4) $(field 13)" "ok 1 1"
    again
    same "again" "$(metadata)" "superblocks 1, tables 2, frozen 0"
    same "a new entry" "$(remap $((210 + c)) 6)" ok
    activation=$(field 19)
    generation=$((generation + 1))
    remapctl -q stop r0
    # Only the old one is left now.
    inject spare drop bad
    zero "$(sb_at $((1 - c)))"
    assemble
    same "from the old one" "$(all_of 100) $(all_of $((200 + c))) $(all_of $((210 + c)))" "$(eight $generation) $(eight 5) $(eight 6)"
    check "numbers of the table do not come again" [ "$(field 19)" -gt "$activation" ]
    same "whole" "$(metadata)" "$whole"
    inject spare rule bad w "$(sb_at $c)+8" error=medium
    again
    same "once more" "$(field 13)" 1
    inject spare drop bad
    check "verify" msg verify
    same "repairs it" "$(metadata)" "$whole"
    remapctl -q stop r0
    check "metadata" remapctl -q metadata check /dev/mapper/spare
done

echo "-- both"
inject spare rule bad0 w "$(sb_at 0)+8" error=medium
inject spare rule bad1 w "$(sb_at 1)+8" error=medium
check "refused" sh -c "! $(command -v remapctl) -q assemble r0 --main /dev/mapper/main --spare /dev/mapper/spare 2>/dev/null"
inject spare clear
dmsetup remove r0 2>/dev/null || true
assemble
same "afterwards" "$(all_of 100), $(metadata)" "$(eight $generation), $whole"
remapctl -q stop r0
