# shellcheck shell=dash
# shellcheck disable=SC2154  # failures is the harness's
same "/boot and / are one file system" "$(stat -c %d /boot)" "$(stat -c %d /)"
check "root is a SCSI disk" sh -c 'findmnt -no SOURCE / | grep -q "^/dev/sd"'
same "an error below the guest" "$(probe /dev/disk/main 1000)" ENODATA
fault_disk faulty main
inject faulty rule bad r 2000 error=medium
same "an error in the guest" "$(probe /dev/mapper/faulty 2000)" ENODATA
# If something above is wrong, this says so: 3 is not what the host waits for.
[ "$failures" = 0 ] || exit 3
same "one" 1 2
echo "goes on"
