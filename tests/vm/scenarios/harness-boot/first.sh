# shellcheck shell=dash
for d in a b c d e; do
    same "size of $d" "$(size_of /dev/disk/$d)" 32768
    sectorio fill /dev/disk/$d --shadow /tmp/$d.shadow
    sectorio run /dev/disk/$d --shadow /tmp/$d.shadow --ops 100 --threads 4 --readers 1 --flush-every 20 --sizes 512-1M
    check "verify $d" sectorio verify /dev/disk/$d --shadow /tmp/$d.shadow
done
same "logical block of d" "$(blockdev --getss /dev/disk/d)" 4096
same "write cache of a" "$(cat "/sys/class/block/$(basename "$(readlink /dev/disk/a)")/queue/write_cache")" "write back"
same "write cache of e" "$(cat "/sys/class/block/$(basename "$(readlink /dev/disk/e)")/queue/write_cache")" "write through"
mkfs.ext4 -q /dev/disk/b
mount -t ext4 /dev/disk/b /mnt
fio --name=job --filename=/mnt/file --size=1M --bs=4k --rw=randwrite --verify=crc32c --output=/out/fio.txt
cp /tmp/a.shadow /mnt/
umount /mnt
check "fsck" e2fsck -fn /dev/disk/b
echo "0 $(size_of /dev/disk/a) linear /dev/disk/a 0" | dmsetup create lin
check "a dm device" [ -b /dev/mapper/lin ]
dmsetup remove lin
echo "left by the guest" >/out/note
