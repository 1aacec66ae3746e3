# shellcheck shell=dash
# shellcheck source=/dev/null
. ./narrate.sh
say "A second disk of 16 MiB becomes its spare; what is on the failing disk stays:"
run "remapctl create data --main /dev/disk/main --spare /dev/disk/spare --no-shield --yes"
run "mount -t ext4 -o errors=remount-ro /dev/mapper/data /mnt"
run "cd /mnt && sha256sum -c SHA256SUMS 2>&1 | grep error"
(cd /mnt && sha256sum -c SHA256SUMS 2>/dev/null) | sed -n 's/: FAILED.*//p' >/tmp/damaged
same "files that can't be read" "$(wc -l </tmp/damaged)" 6
say "What the disk can't read no tool brings back. But now it is known exactly what is lost:"
run "remapctl status data --check" || true
lost=$(dmsetup status data | awk '{ print $10 }')
check "lost sectors: $lost" [ "$lost" -ge 6 ]
workload
same "failed" "$bad" 0
say "Every write got through. Five of the six damaged files are restored from the backup, in place;"
say "of the last there is none, let us say:"
last=$(tail -n 1 /tmp/damaged)
while read -r file; do
    [ "$file" != "$last" ] || continue
    run "dd if=/backup/$file of=/mnt/$file bs=4k conv=notrunc,fsync status=none"
done </tmp/damaged
run "remapctl status data"
check "fewer lost sectors" [ "$(dmsetup status data | awk '{ print $10 }')" -lt "$lost" ]
check "the file system can be written" grep -q ' /mnt ext4 rw' /proc/mounts
run "umount /mnt && remapctl stop data"
