# shellcheck shell=dash
# null_blk fails reads and writes of its bad blocks with BLK_STS_IOERR.
# shellcheck source=/dev/null
. ./bad.sh
modprobe null_blk nr_devices=0
mount -t configfs configfs /sys/kernel/config 2>/dev/null || true
c=/sys/kernel/config/nullb/nullb0
mkdir $c
echo 1 >$c/memory_backed
echo 32 >$c/size
echo 512 >$c/blocksize
echo 1 >$c/power
m=/dev/nullb0
sectorio fill "$m" --shadow /dev/disk/shadow --seed 6
remapctl create r0 --main "$m" --spare /dev/disk/spare --no-shield --yes
check "healthy" sectorio verify "$r" --shadow /dev/disk/shadow
same "no entries" "$(field 6)" 0

ranges bad.list | while read -r first count; do echo "+$first-$((first + count - 1))" >$c/badblocks; done
same "a bad sector of the disk itself" "$(probe "$m" 1003)" EIO
same "writing it" "$(probe "$m" 1003 1 w)" EIO
check_bad $m
ranges fresh.list | while read -r first count; do echo "+$first-$((first + count - 1))" >$c/badblocks; done
check_rescue
remapctl -q stop r0
remapctl -q assemble r0 --main "$m" --spare /dev/disk/spare
check_all "after stop and assemble"
remapctl -q stop r0
check "metadata" remapctl -q metadata check /dev/disk/spare
