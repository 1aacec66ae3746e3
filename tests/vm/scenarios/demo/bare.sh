# shellcheck shell=dash
# shellcheck source=/dev/null
. ./narrate.sh
say "Mounted as it is:"
run "mount -t ext4 -o errors=remount-ro /dev/disk/main /mnt"
run "cd /mnt && sha256sum -c SHA256SUMS 2>&1 | grep error"
same "files that can't be read" "$(cd /mnt && sha256sum -c SHA256SUMS 2>/dev/null | grep -c FAILED)" 6
workload
check "the work fails: $bad" [ "$bad" -gt 10 ]
say "  What the kernel said, one line of each kind:"
for kind in 'medium error' 'Buffer I/O error' 'Aborting journal' 'Remounting filesystem'; do
    dmesg | grep -m 1 "$kind" | sed 's/^[^]]*] /@@|     /'
done
run "touch /mnt/anything" && fail "it can still be written"
check "it is read-only" grep -q 'Read-only file system' /tmp/said
say "The file system has gone read-only. This disk is of no more use."
