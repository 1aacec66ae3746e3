# shellcheck shell=dash
main=/dev/disk/by-id/virtio-root
property() { udevadm info --query property --property "$2" --value "$1"; }

same "the system" "$(systemctl is-system-running --wait)" running
systemctl --failed --no-legend
same "root" "$(findmnt -no SOURCE /)" /dev/mapper/sys
same "its UUID leads to" "$(readlink -f "/dev/disk/by-uuid/$(findmnt -no UUID /)")" "$(readlink -f /dev/mapper/sys)"
same "the raw disk" "$(property "$main" ID_FS_TYPE)" dm_remap_member
same "blkid finds on it" "$(blkid -p "$main" || true)" ""
check "content" sha256sum --quiet -c /var/lib/test/sums
# shellcheck disable=SC2154  # from the host
if [ "$boot_nr" = 1 ]; then
    remapctl -q add sys 1000000+64 2000000+8
else
    same "activations" "$(dmsetup status sys | awk '{ print $22 }')" "$boot_nr"
fi
echo "boot $boot_nr" >>/var/lib/test/boots
same "boots" "$(wc -l </var/lib/test/boots)" "$boot_nr"
remapctl status sys
journalctl -b -u 'remap-*' --no-pager -o cat
