# shellcheck shell=dash
r=/dev/mapper/r0 m=/dev/disk/main
remapctl assemble r0 --main $m --spare /dev/disk/spare

# The first reading finds out; it may ask the disk as often as it likes.
check "every sector is right or lost" sectorio verify $r --shadow /dev/disk/shadow \
    --lost bad.list --list-lost /tmp/lost
same "lost sectors" "$(wc -l </tmp/lost)" 12
for sector in 1003 5003 7001 7006 65535; do
    before=$(counter $m 1)
    same "sector $sector" "$(probe $r $sector)" ENODATA
    same "reads of the disk for sector $sector" $(($(counter $m 1) - before)) 0
done
for sector in 1002 1004 4999 5008 7000 7002 7005 7007 65534; do
    same "sector $sector beside a lost one" "$(probe $r $sector)" ok
done
same "entries and lost sectors" "$(dmsetup status r0 | awk '{ print $9, $10 }')" "4 12"
remapctl stop r0
