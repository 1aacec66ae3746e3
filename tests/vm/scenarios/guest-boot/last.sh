# shellcheck shell=dash
# shellcheck source=/dev/null
. ./common.sh
system_is_up
own_initramfs
assembled
same "copies of three boots" "$(find /mnt -name '*-*-*-*-*' | wc -l)" 2
for copy in /mnt/*-*-*-*-*; do check "a copy" diff -r /usr/share/initramfs-tools "$copy"; done
check "the journal goes back to the first boot" [ "$(journalctl --list-boots | wc -l)" -ge 3 ]
# /mnt stays mounted: systemd unmounts it before the set goes.
