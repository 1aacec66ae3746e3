# shellcheck shell=dash
# shellcheck source=/dev/null
. ./common.sh
udevadm settle
main=/dev/disk/main
mkfs.ext4 -q -L mine "$main"
mount "$main" /mnt
cp -r /usr/share/initramfs-tools /mnt/tree
(cd /mnt && find tree -type f -exec sha256sum {} + >sums)
umount /mnt
echo "UUID=$(blkid -s UUID -o value "$main") /srv ext4 nofail,x-systemd.device-timeout=120 0 2" >>/etc/fstab
remapctl create data --main "$main" --spare /dev/disk/spare --yes
udevadm settle
remapctl -q add data 2000+8 40000+64
systemctl daemon-reload
mount /srv
set_is_up
dmsetup info -c --noheadings -o uuid data | sed 's/^REMAP-//' >/etc/set-uuid
same "what the set is called" "$(property /dev/disk/main DM_REMAP_UUID)" "$(cat /etc/set-uuid)"
