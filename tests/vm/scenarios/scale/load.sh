# shellcheck shell=dash
# shellcheck disable=SC2154  # loaded comes from the host
# shellcheck source=/dev/null
. ./common.sh
# What the module itself needs is there before.
modprobe dm-remap
before=$(free_kb)
started=$(seconds)
check "a million entries load" remapctl assemble r0 --main /dev/disk/main --spare /dev/disk/million
echo "assembled in $(since "$started") s"
after=$(free_kb)
echo "memory: $((before - after)) KiB, $(((before - after) * 1024 / loaded)) bytes per remap"
dmsetup status r0
started=$(seconds)
# With dmsetup page by page this would take minutes, in an emulated processor.
remapctl --no-headings map r0 | awk '{ $1 = $1; print }' >/tmp/listed
echo "listed in $(since "$started") s"
same "listed" "$(wc -l </tmp/listed)" "$loaded"
check "each in the slot that the image says" cmp /tmp/listed entries
for file in entries.*; do
    dmsetup message r0 0 list "${file#entries.}" | head -n "$(wc -l <"$file")" >/tmp/page
    check "the kernel's list from ${file#entries.} on" cmp "$file" /tmp/page
done
check "content of slots and of healthy blocks beside them" \
    sectorio compare "$r" /dev/disk/expected --only sample.list

# Between all these, new ones.
{ head -n 5000 entries; tail -n 5000 entries; } | awk '{ print $1 / 8 }' >/tmp/some
count=0
while read -r block; do
    same "block $block: healthy before" "$(probe "$r" $((block * 8 + 8)))" ok
    remapctl -q add r0 --lost $((block * 8 + 8))+8
    same "block $block, the next one: lost" "$(probe "$r" $((block * 8 + 15)))" ENODATA
    same "block $block: itself still readable" "$(probe "$r" $((block * 8)) 8)" ok
    same "block $block, the next but one" "$(probe "$r" $((block * 8 + 16)))" ok
    count=$((count + 1))
done <<LIST
$(awk '{ if (NR > 1 && $1 > last + 2 && ++n % 2500 == 1) print last; last = $1 }' /tmp/some)
LIST
check "some were tried: $count" [ "$count" -ge 3 ]
same "entries" "$(dmsetup status r0 | awk '{ print $9 }')" $((loaded + count))
remapctl stop r0
