# shellcheck shell=dash
same "root" "$(findmnt -no SOURCE /)" "$(readlink -f /dev/disk/by-id/virtio-root)"
mkdir /var/lib/test
find /usr/bin /usr/sbin -type f -exec sha256sum {} + >/var/lib/test/sums
lsinitramfs "/boot/initrd.img-$(uname -r)" >/out/initramfs
for file in sbin/remapctl udev/remap-probe dm-remap.ko 11-dm-remap-member.rules; do
    check "$file is in the initramfs" grep -q "$file" /out/initramfs
done
