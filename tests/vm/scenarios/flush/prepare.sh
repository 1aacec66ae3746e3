# shellcheck shell=dash
mkfs.ext4 -q -b 4096 -E lazy_itable_init=0,lazy_journal_init=0 /dev/disk/main 24M
mkdir -p /m
mount -t ext4 /dev/disk/main /m
yes 'content of a file' | head -c 65536 >/m/file
umount /m
debugfs -R 'dump_extents -l /file' /dev/disk/main 2>/dev/null
