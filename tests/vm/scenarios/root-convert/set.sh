# shellcheck shell=dash disable=SC2086  # names without blanks
# shellcheck disable=SC2154  # boot_nr and last are from the host
# shellcheck source=/dev/null
. ./common.sh

lost() { dmsetup status sys | awk '{ print $10 }'; }
has_entry() { dmsetup message sys 0 list "$1" | awk -v b="$1" '$1 == b { found = 1 } END { exit !found }'; }

system_is_up
same "root" "$(findmnt -no SOURCE /)" /dev/mapper/sys
same "its UUID leads to" "$(readlink -f "/dev/disk/by-uuid/$(findmnt -no UUID /)")" "$(readlink -f /dev/mapper/sys)"
same "the raw disk" "$(property $main ID_FS_TYPE)" dm_remap_member
same "blkid finds on it" "$(blkid -p $main || true)" ""
if [ "$boot_nr" = 1 ]; then
    remapctl -q add sys 1000000+64 2000000+8
    head -c 65536 /dev/urandom >/run/new
    dd if=/run/new of=$files/kept bs=4k conv=notrunc oflag=direct status=none
    (cd $files && sha256sum kept >kept.sum)
else
    same "activations" "$(dmsetup status sys | awk '{ print $22 }')" "$boot_nr"
    same "lost before anything reads it" "$(lost)" 1
fi
check "a file over bad sectors" sh -c "cd $files && sha256sum --quiet -c kept.sum"
check "what can't be read stays an error" fails dd if=$files/lost of=/dev/null bs=4k skip=3 count=1 iflag=direct
check "but only that" dd if=$files/lost of=/dev/null bs=512 skip=27 count=5 iflag=direct status=none
same "lost" "$(lost)" 1
sync
while read -r block; do check "block $block is remapped" has_entry "$block"; done <$files/journal
same "the file system is writable" "$(findmnt -no FS-OPTIONS / | cut -d, -f1)" rw

# An initramfs never uses a set before a resume from hibernation would have been.
if [ -e /usr/bin/dracut ]; then
    uuid=$(dmsetup info -c --noheadings -o uuid sys)
    journalctl -b -o cat --output-fields=UNIT UNIT=local-fs-pre.target \
        + UNIT="remap-assemble@${uuid#REMAP-}.service" >/out/order
    same "order in the initramfs" "$(head -n 1 /out/order)" local-fs-pre.target
    [ "$boot_nr" = 1 ] || check "which assembled the set" grep -q remap-assemble /out/order
fi

echo "boot $boot_nr" >>$files/boots
same "boots" "$(wc -l <$files/boots)" "$boot_nr"
remapctl status sys
[ "${last:-}" = yes ] || exit 0
head -c 4096 /dev/urandom >/run/new
dd if=/run/new of=$files/lost bs=4k seek=3 conv=notrunc oflag=direct status=none
(cd $files && sha256sum lost >lost.sum)
same "lost after it was written" "$(lost)" 0
