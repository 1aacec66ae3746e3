# shellcheck shell=dash
r=/dev/mapper/r0 m=/dev/disk/main
remapctl assemble r0 --main $m --spare /dev/disk/spare
before=$(counter $m 1)
same "lost sector after a reboot" "$(probe $r 7001)" ENODATA
same "reads of the disk for it" $(($(counter $m 1) - before)) 0
check "the rest is still right" sectorio verify $r --shadow /dev/disk/shadow --lost bad.list

# Writes of one sector, of part of a lost block, over a lost sector and healthy ones.
check "writes near the lost sectors" sectorio run $r --shadow /dev/disk/shadow --ops 400 --seed 3 \
    --sizes 512-16K --near bad.list --lost bad.list
for range in "1003 1" "5000 4" "7000 8" "65528 8"; do
    # shellcheck disable=SC2086
    same "write $range" "$(probe $r $range w)" ok
    # shellcheck disable=SC2086
    same "read $range" "$(probe $r $range)" ok
done
lost=$(dmsetup status r0 | awk '{ print $10 }')
check "fewer lost sectors: $lost" [ "$lost" -le 4 ]
dmsetup suspend r0
dmsetup resume r0
same "lost after a suspend" "$(dmsetup status r0 | awk '{ print $10 }')" "$lost"
remapctl stop r0
remapctl assemble r0 --main $m --spare /dev/disk/spare
same "lost after stop and assemble" "$(dmsetup status r0 | awk '{ print $10 }')" "$lost"
same "a rewritten one" "$(probe $r 7001)" ok
check "metadata" remapctl metadata check /dev/disk/spare
