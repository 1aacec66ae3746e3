# shellcheck shell=dash
r=/dev/mapper/r0
remapctl assemble r0 --main /dev/disk/main --spare /dev/disk/spare

# Slots in a row, slots out of order, holes: all kinds of runs.
remapctl add r0 1200-1263 >/dev/null
for sector in 1296 1288 1280 1272 1264; do remapctl add r0 $sector >/dev/null; done
remapctl add r0 65000+8 >/dev/null
sectorio probe $r 1024 64 w >/dev/null
sectorio probe $r 20008 1 w >/dev/null
sectorio verify $r --shadow /dev/disk/shadow --list-lost /tmp/lost >/dev/null || true
dmsetup status r0
remapctl map r0
# Where kinds of blocks meet. The largest sizes at a few places, for they take long.
printf '%s\n' 1003 20008 >large.list
printf '%s\n' 1003 1024 1087 1200 1264 1288 3000 3015 20008 65520 >near.list
check "reads up to 4 MiB" sectorio bios $r --near large.list
check "reads" sectorio bios $r --near near.list --max 128K

# Blocks that move to the spare and back while they are read: BUSY again and again.
(
    while [ ! -e /tmp/stop ]; do
        remapctl -q add r0 1320+64 1400+8 || exit 1
        remapctl -q unmap r0 1320+64 1400+8 || exit 1
    done
    touch /tmp/moved-well
) &
printf '%s\n' 1320 1352 1404 >moving.list
check "reads of blocks on the move" sectorio bios $r --near moving.list --max 64K
check "writes of blocks on the move" sectorio bios $r --near moving.list --writes --max 64K
touch /tmp/stop
wait
check "the moves went well" [ -e /tmp/moved-well ]
check "writes" sectorio bios $r --near near.list --writes --max 64K
dmsetup status r0
