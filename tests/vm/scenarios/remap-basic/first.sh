# shellcheck shell=dash
m=/dev/disk/main s=/dev/disk/spare r=/dev/mapper/r0
remapctl create r0 --main $m --spare $s --no-shield --yes
dmsetup status r0
dmsetup table r0
same "a sector that can't be read" "$(probe $r 1003)" ENODATA
dmsetup status r0
same "its neighbour" "$(probe $r 1002)" ok
same "the block" "$(probe $r 1000 8)" ENODATA
same "a block that can't be written" "$(probe $r 2000 8 w)" ok
same "one sector that can't be written" "$(probe $r 9000 1 w)" ok
i=0
while [ $i -lt 64 ]; do
    [ "$(probe $r $((4000 + i * 8)) 8 w)" = ok ] || fail "write $i"
    i=$((i + 1))
done
same "big write over it" "$(probe $r 3904 1024 w)" ok
same "big read over it" "$(probe $r 3904 1024)" ok
dmsetup message r0 0 list 0 | tail -3
dmsetup status r0
remapctl status r0
remapctl stop r0
verdict
