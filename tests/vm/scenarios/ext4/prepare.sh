# shellcheck shell=dash
# A healthy disk with files on it, which then goes bad.
mkfs.ext4 -q -b 4096 -E lazy_itable_init=0,lazy_journal_init=0 /dev/disk/main
mkdir -p /m
mount -t ext4 /dev/disk/main /m
mkdir /m/before
cp -a /bin /lib/modules /test /m/before/
cp /sbin/dmsetup /sbin/e2fsck /sbin/debugfs /sbin/sectorio /m/before/
dd if=/dev/urandom of=/m/fio.dat bs=1M count=24 status=none
sync
(cd /m && find before -type f -size +0 | sort >/out/files.list)
(cd /m && xargs sha256sum </out/files.list >/out/before.sha256)
same "files" "$(wc -l </out/before.sha256)" "$(wc -l </out/files.list)"
df -k /m
umount /m
remapctl create r0 --main /dev/disk/main --spare /dev/disk/spare --no-shield --yes
