# shellcheck shell=dash
# shellcheck source=/dev/null
. ./narrate.sh
run "remapctl assemble data --main /dev/disk/main --spare /dev/disk/spare"
run "e2fsck -fn /dev/mapper/data 2>&1 | tail -n 1"
check "the file system" e2fsck -fn /dev/mapper/data
run "mount -t ext4 -o errors=remount-ro /dev/mapper/data /mnt"
say "The checksums of all files, those written in act 2 included:"
sed 's, files/, copy/,' /backup/SHA256SUMS | cat /backup/SHA256SUMS - >/tmp/sums
run "cd /mnt && sha256sum -c /tmp/sums 2>&1 | grep error"
(cd /mnt && sha256sum -c /tmp/sums 2>/dev/null) >/tmp/result || true
say "    $(grep -c 'OK$' /tmp/result) files are right, $(grep -c FAILED /tmp/result) can't be read"
same "files that can't be read" "$(grep -c FAILED /tmp/result)" 1
same "files checked" "$(wc -l </tmp/result)" $((2 * $(wc -l </backup/SHA256SUMS)))
say "What is lost, to the sector; reading it fails at once, the disk is not even asked:"
run "remapctl map data | awk 'NR == 1 || \$3 != \"00\"'"
same "medium errors since the boot" "$(dmesg | grep -c 'medium error')" 0
run "remapctl status data"
run "umount /mnt && remapctl stop data"
