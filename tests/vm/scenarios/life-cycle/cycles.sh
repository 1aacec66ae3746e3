# shellcheck shell=dash
# Many lives in one boot, and the module's own.
# shellcheck source=/dev/null
. ./set.sh
main=/dev/disk/disk spare=/dev/disk/spare
size=$(size_of "$main")
# What the kernel holds on to, in KiB. Caches of the file systems are no part of it.
held() {
    sync
    echo 3 >/proc/sys/vm/drop_caches
    awk '/^(SUnreclaim|VmallocUsed|Percpu):/ { sum += $2 } END { print sum }' /proc/meminfo
}

new_set "$main" "$spare"
dmsetup message r0 0 add 100+50 >/dev/null
check "the module stays as long as it is used" fails rmmod dm_remap
remapctl -q stop r0
table="0 $size remap $main $spare"
n=0
while [ $n -lt 300 ]; do
    n=$((n + 1))
    dmsetup create r0 --table "$table"
    case $n in
        50) start=$(held) ;;
        *5) [ "$(probe "$r" 800)" = ok ] || fail "cycle $n: a read" ;;
    esac
    dmsetup remove r0
done
end=$(held)
echo "$n cycles; kernel memory $start -> $end KiB"
check "nothing piles up" [ $((end - start)) -lt 2048 ]
dmsetup create r0 --table "$table"
same "activations" "$(field 19)" 302
same "entries" "$(field 6)" 50
dmsetup remove r0
check "the module goes" rmmod dm_remap
check "and comes back" dmsetup create r0 --table "$table"
same "entries" "$(field 6)" 50
dmsetup remove r0
rmmod dm_remap
