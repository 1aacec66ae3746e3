# shellcheck shell=dash
# Entries of all kinds, with lost sectors among them.
# shellcheck source=/dev/null
. ./common.sh
r=/dev/mapper/r0
remapctl assemble r0 --main /dev/disk/main --spare /dev/disk/spare
sectorio verify $r --shadow /dev/disk/shadow --lost unreadable.list
remapctl -q add r0 16000-16099 30000+16
sectorio run $r --shadow /dev/disk/shadow --ops 200 --seed 22 --sizes 512-32K --range 1600+20000 \
    --near unwritable.list --lost unreadable.list --rescued unwritable.list
remapctl -q unmap r0 16016-16031
remapctl status r0
lost $r >/out/lost
sum $r >/out/sum
check "sectors are lost" [ -s /out/lost ]
remapctl stop r0
