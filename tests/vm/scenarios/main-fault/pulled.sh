# shellcheck shell=dash
# The disk is pulled out in the middle of a storm of writes, and plugged in again: a new disk for the
# kernel, so the set has to be stopped and assembled anew.
# shellcheck source=/dev/null
. ./set.sh
m=$(readlink -f /dev/disk/disk)
sectorio fill "$m" --shadow "$shadow" --seed 21
create "$m"
device=$(readlink -f "/sys/class/block/${m##*/}/device")
before=$(counter "$m" 5)
storm 1000 22 &
while [ $(($(counter "$m" 5) - before)) -lt 200 ]; do sleep 0.05; done
echo 1 >"$device/delete"
wait $!
check "the storm met it" grep -q "write of" /tmp/storm
same "entries" "$(entries)" "0 entries, 0 lost"
check "a read fails" [ "$(probe "$r" 1000)" != ok ]
check "rearm answers" dmsetup message r0 0 rearm
same "entries" "$(entries)" "0 entries, 0 lost"
remapctl -q stop r0
for host in /sys/class/scsi_host/*/scan; do echo "- - -" >"$host"; done
disk=''
while [ ! -d "$disk" ]; do
    sleep 0.1
    for disk in "$device"/block/*; do :; done
done
while [ ! -b "/dev/${disk##*/}" ]; do sleep 0.1; done
check "the set is assembled" remapctl -q assemble r0 --main "/dev/${disk##*/}" --spare /dev/disk/spare
# unflushed writes may be gone: not here, QEMU keeps them
check_works "plugged in again"
same "entries" "$(entries), $(mode)" "0 entries, 0 lost, active"
remapctl -q stop r0
