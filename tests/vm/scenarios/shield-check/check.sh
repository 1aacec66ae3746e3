# shellcheck shell=dash
d=/dev/disk
size=$(size_of $d/main-good)

fails() { ! "$@" 2>/dev/null; }
log_lines() { dmesg | wc -l; }
said() { dmesg | tail -n "+$((lines + 1))" | grep -qF "$1" || { dmesg | tail -n "+$((lines + 1))"; false; }; }
sum() { md5sum <"$1" | cut -d' ' -f1; }
on() { echo "0 $size remap $1 $d/$2"; }

# refused WHAT REASON MAIN SPARE : nothing is written
refused() {
    local before
    before="$(sum "$3") $(sum "$d/$4")"
    lines=$(log_lines)
    check "refused: $1" fails dmsetup create bad --table "$(on "$3" "$4")"
    check "    $2" said "$2"
    check "    nothing was written" [ "$(sum "$3") $(sum "$d/$4")" = "$before" ]
}
# accepted WHAT MAIN REASON : assembled as r0, with a word in the log
accepted() {
    lines=$(log_lines)
    check "accepted: $1" dmsetup create r0 --table "$(on "$2" spare)"
    [ -z "$3" ] || check "    $3" said "$3"
}

refused "no header" "does not carry the header of the set" $d/main-bare spare
refused "another set" "belongs to another set" $d/main-other spare
refused "an old spare" "has been given another since" $d/main-newer newer

accepted "the right one" $d/main-good ""
list=$(dmsetup message r0 0 list 0)
same "entries of the shield" "$(echo "$list" | awk '$4 == "h" && $5 == "s"' | wc -l)" 3
blocks=$(echo "$list" | awk '$5 == "s" { print $1 }')
# shellcheck disable=SC2086  # several words
set -- $blocks
check "its content is in the slot, not the header" [ "$(dd if=/dev/mapper/r0 bs=4096 skip="$1" count=1 2>/dev/null | tr -d '\0' | grep -c 'dm-remap')" = 0 ]
same "the shield can't be unmapped" "$(msg unmap "$1")" "ok 0 0 1"
same "nor is it lost" "$(msg retry "$1")" "ok 0 0 0"
dmsetup remove r0

accepted "a damaged header, for another place says it" $d/main-torn "checksum mismatch"
dmsetup remove r0

fault_disk f main-good
inject f rule head r 0+8 error=medium
accepted "the header can't be read, for another place says it" /dev/mapper/f "block 0 of the shield can't be read"
check "    and that is enough" fails said "no header of its set can be read"
dmsetup remove r0
for b in $blocks; do inject f rule "b$b" r "$((b * 8))+8" error=medium; done
accepted "no header can be read" /dev/mapper/f "no header of its set can be read"
dmsetup remove r0
dmsetup remove f

fault_disk f main-bare
inject f rule head r 0+8 error=medium

lines=$(log_lines)
check "refused: the header can't be read, and another place says no" fails dmsetup create bad --table "$(on /dev/mapper/f spare)"
check "    overwritten" said "of the shield is overwritten"
dmsetup remove f
