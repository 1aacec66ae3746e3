# shellcheck shell=dash
# shellcheck disable=SC2154  # added comes from the host
# shellcheck source=/dev/null
. ./common.sh
remapctl create r0 --main /dev/disk/main --spare /dev/disk/spare --no-shield --yes

started=$(seconds)
begin=$(clock)
check "add" remapctl -q add r0 --lost --from bad.list
took=$(($(clock) - begin))
echo "added in $(since "$started") s"
check "$added entries in at most 10 s: $took to $((took + 1)) s" [ $took -le 10 ]
dmsetup status r0
check_list() { # WHAT FILE : sorted list of what has to be in /tmp/listed
    same "$1: listed" "$(wc -l </tmp/listed)" "$added"
    check "$1: and they are those, in order" cmp /tmp/listed "$2"
    same "$1: all lost" "$(dmsetup status r0 | awk '{ print $10 }')" $((added * 8))
}
entries | cut -d' ' -f1 >/tmp/listed
check_list "after add" blocks.list
for at in 1 $((added / 2)) "$added"; do
    block=$(sed -n "${at}p" blocks.list)
    same "block $block" "$(probe "$r" $((block * 8)))" ENODATA
    same "the block behind it" "$(probe "$r" $((block * 8 + 8)))" ok
done
remapctl stop r0
started=$(seconds)
remapctl assemble r0 --main /dev/disk/main --spare /dev/disk/spare
echo "assembled in $(since "$started") s"
remapctl --no-headings map r0 | awk '{ print $1 }' >/tmp/listed
check_list "after assemble" sectors.list
remapctl stop r0
