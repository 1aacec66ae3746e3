# shellcheck shell=dash
# shellcheck source=/dev/null
. ./common.sh
system_is_up
own_initramfs
# shellcheck disable=SC2154  # from the host
check "main is elsewhere: $(address main), first $first_address" [ "$(address main)" != "$first_address" ]
same "a disk that is absent, one that comes late" "$(by_id)" ""
mark plug
echo spare >/tmp/disks
wait_for_disks /tmp/disks
udevadm settle
same "now it is there" "$(by_id)" spare
assembled
same "copies of the two boots before" "$(find /mnt -name '*-*-*-*-*' | wc -l)" 2
for copy in /mnt/*-*-*-*-*; do check "a copy" diff -r /usr/share/initramfs-tools "$copy"; done
check "the journal goes back to the first boot" [ "$(journalctl --list-boots | wc -l)" -ge 3 ]
# /mnt stays mounted: systemd unmounts it before the set goes.
