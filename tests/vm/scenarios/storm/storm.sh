# shellcheck shell=dash
r=/dev/mapper/r0
remapctl assemble r0 --main /dev/disk/main --spare /dev/disk/spare
check "the storm" sectorio run $r --shadow /dev/disk/shadow --ops 1200 --seed 4 --sizes 512-16K \
    --near unwritable.list --lost unreadable.list --rescued rescued.list --threads 4 \
    --flush-every 12 --fua 10
dmsetup status r0
check "everything is right" sectorio verify $r --shadow /dev/disk/shadow --lost unreadable.list
