# shellcheck shell=dash
# Two states of one spare, from two moments.
# shellcheck source=/dev/null
. ./set.sh
main=/dev/disk/disk spare=/dev/disk/spare
copy() { dd status=none if="$1" of="$2" bs=1M iflag=direct oflag=direct conv=notrunc; }
new_set "$main" "$spare"
same "add" "$(dmsetup message r0 0 add 100+5)" "ok 5 0 0"
remapctl -q stop r0
copy "$spare" /dev/disk/old
copy "$spare" /dev/disk/retired
for block in 300 301; do
    remapctl -q assemble r0 --main "$main" --spare "$spare"
    same "add" "$(dmsetup message r0 0 add $block)" "ok 1 0 0"
    remapctl -q stop r0
done
copy "$spare" /dev/disk/twin
