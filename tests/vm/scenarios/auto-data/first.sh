# shellcheck shell=dash
# shellcheck source=/dev/null
. ./common.sh
udevadm settle
mkfs.ext4 -q "$main"
mount "$main" /mnt
cp -r /usr/share/initramfs-tools /mnt/tree
(cd /mnt && find tree -type f -exec sha256sum {} + >sums)
umount /mnt
echo "UUID=$(blkid -s UUID -o value "$main") /srv ext4 defaults,nofail 0 2" >>/etc/fstab
remapctl create data --main "$main" --spare "$spare" --yes
udevadm settle
systemctl daemon-reload
mount /srv
set_is_up
remapctl -q add data 2000+8 40000+64
members_are_hidden "assembled"
umount /srv
remapctl -q stop data
udevadm settle
members_are_hidden "stopped"
check "no set that nobody asked for" [ ! -e /dev/mapper/data ]
sum=$(sha256sum <"$main")
check "fsck of raw main does nothing" fails e2fsck -p "$main"
check "nor do others" fails dumpe2fs "$main"
same "raw main" "$(sha256sum <"$main")" "$sum"
