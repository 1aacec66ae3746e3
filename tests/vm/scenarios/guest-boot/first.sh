# shellcheck shell=dash
# shellcheck source=/dev/null
. ./common.sh
system_is_up
same "further disks" "$(by_id)" "other spare"
check "the module is where DKMS would put it" \
    sh -c 'modinfo -n dm-remap | grep -q /updates/dkms/dm-remap.ko'
same "its version" "$(modinfo -F version dm-remap)" "$(remapctl --version | awk 'NR == 1 { print $2 }')"
mkfs.ext4 -q -L data /dev/disk/main
remapctl -q create r0 --main /dev/disk/main --spare /dev/disk/spare --no-shield --yes
mount /dev/mapper/r0 /mnt
remapctl -q add r0 2000+8 40000+64
echo one >/mnt/one
sync -f /mnt
sha256sum /usr/bin/* >/mnt/sums 2>/dev/null
umount /mnt
remapctl stop r0
remapctl -q metadata check /dev/disk/spare
# What the host boots is what the guest has in /boot. (update-initramfs does the same with more work:
# minutes of an emulated processor.)
initrd=/boot/initrd.img-$(uname -r)
mkdir -p /tmp/more/conf/conf.d
echo 'echo "<4>made by the guest itself" >/dev/kmsg' >/tmp/more/conf/conf.d/mine
cd /tmp/more || exit
find . | cpio --quiet -o -H newc >/tmp/more.cpio
zstd -qdc "$initrd" | cat - /tmp/more.cpio | zstd -q -1 >/tmp/initrd
mv /tmp/initrd "$initrd"
address main >/out/address
echo "left by the guest" >/out/note
