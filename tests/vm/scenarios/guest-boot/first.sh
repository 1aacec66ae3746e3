# shellcheck shell=dash
# shellcheck source=/dev/null
. ./common.sh
system_is_up
check "the module is where DKMS would put it" \
    sh -c 'modinfo -n dm-remap | grep -q /updates/dkms/dm-remap.ko'
same "the version of remapctl" "$(remapctl --version | awk '{ print $1 }')" remapctl
mkfs.ext4 -q -L data /dev/disk/main
remapctl -q create data --main /dev/disk/main --spare /dev/disk/spare --no-shield --yes
mount /dev/mapper/data /mnt
remapctl -q add data 2000+8 40000+64
echo one >/mnt/one
sync -f /mnt
sha256sum /usr/bin/* >/mnt/sums 2>/dev/null
umount /mnt
remapctl stop data
remapctl -q metadata check /dev/disk/spare
# What the host boots is what the guest has in /boot.
printf '#!/bin/sh\n[ "$1" = prereqs ] || echo "<4>made by the guest itself" >/dev/kmsg\n' \
    >/etc/initramfs-tools/scripts/init-top/mine
chmod +x /etc/initramfs-tools/scripts/init-top/mine
update-initramfs -u
mkdir /var/log/journal
echo "left by the guest" >/out/note
