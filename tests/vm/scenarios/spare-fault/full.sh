# shellcheck shell=dash
# The last slot is taken in the middle of a workload.
# shellcheck source=/dev/null
. ./set.sh
begin tiny
same "slots" "$slots" 56
echo 80+320 >/tmp/lost
same "40 blocks are lost" "$(msg add lost 10+40)" "ok 40 0 0"
for b in $(seq 1000 20 2400); do
    unwritable "$b"
    echo $((b * 8))+8
done >/tmp/bad
run() { # SEED
    sectorio run "$r" --shadow /tmp/shadow --seed "$1" --ops 600 --sizes 512-8K --near /tmp/bad --range 4000+20000 >/tmp/run || true
    same "its errors" "$(grep -o ': E[A-Z]*' /tmp/run | sort -u | tr -d ':\n')" " $2"
}
right() { check "$1: everything acknowledged is right" sectorio verify "$r" --shadow /tmp/shadow --lost /tmp/lost; }
events=$(dmsetup info -c --noheadings -o events r0)
run 1 ENODATA
same "every slot is in use" "$(state)" "56 entries, 320 lost, 0 bad, full"
check "an event" [ "$(dmsetup info -c --noheadings -o events r0)" -gt "$events" ]
right "full"
run 2 ENODATA
right "still full"
same "by hand" "$(msg add 3000)" "ok 0 0 1"
same "state" "$(state)" "56 entries, 320 lost, 0 bad, full"

mapped=$(msg list 1000 | awk '$4 == "w" { print $1; exit }')
free=$(for b in $(seq 1000 20 2400); do [ -n "$(entry "$b")" ] || { echo "$b"; break; }; done)
same "main does not take it back" "$(msg unmap "$mapped")" "ok 0 0 1"
inject main drop "w$mapped"
same "now it does" "$(msg unmap "$mapped")" "ok 1 0 0"
same "one slot is free" "$(state)" "55 entries, 320 lost, 0 bad, active"
right "unmapped"
one() { # BLOCK SEED : a write of all of it
    sectorio run "$r" --shadow /tmp/shadow --seed "$2" --ops 1 --sizes 4K-4K --align 4K --reads 0 --range $(($1 * 8))+8 >/tmp/run
}
check "a new block" one "$free" 3
check "has it" [ -n "$(entry "$free")" ]
same "state" "$(state | cut -d, -f1)" "56 entries"
inject main rule "w$mapped" w $((mapped * 8))+8 error=medium
check "the next one does not" sh -c "! sectorio run $r --shadow /tmp/shadow --seed 4 --ops 1 --sizes 4K-4K --align 4K --reads 0 --range $((mapped * 8))+8 >/dev/null"
same "state" "$(state)" "56 entries, 320 lost, 0 bad, full"
right "full again"
again
right "assembled"
run 5 ENODATA
same "it finds out by itself" "$(state)" "56 entries, 320 lost, 0 bad, full"
right "and after that"
remapctl -q stop r0
