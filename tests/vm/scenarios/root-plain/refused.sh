# shellcheck shell=dash
raw=/dev/disk/by-id/virtio-root
main=/dev/disk/main spare=/dev/disk/spare

# refused TEXT MAIN [OPTION...] : create says so, with exit 3, and writes nothing
refused() {
    local text=$1 device=$2 status=0 writes
    shift 2
    udevadm settle
    writes="$(counter "$device" 7) $(counter "$spare" 7)"
    remapctl create r0 --main "$device" --spare "$spare" --yes "$@" >/tmp/said 2>&1 || status=$?
    same "exit status" "$status" 3
    check "it says: $text" grep -qE "$text" /tmp/said || cat /tmp/said
    same "sectors written" "$(counter "$device" 7) $(counter "$spare" 7)" "$writes"
    same "writable as before" "$(blockdev --getro "$device")" 0
}
# The device is free again, and nothing is in the way of another.
taken() {
    check "$1" remapctl create r0 --main "$main" --spare "$spare" --yes
    remapctl -q dissolve r0 --yes
}

same "the system" "$(systemctl is-system-running --wait)" running
same "root" "$(findmnt -no SOURCE /)" "$(readlink -f $raw)"
same "no set" "$(dmsetup ls --target remap | grep -v '^No devices')" ""
same "type of the raw disk" "$(udevadm info --query property --property ID_FS_TYPE --value $raw)" ext4
check "nothing was written to the spare" cmp -n 134217728 $spare /dev/zero
remapctl create r0 --main $raw --spare $spare --yes >/tmp/said 2>&1 && fail "main is in use"

# As from a rescue system. The journals of two would have to be replayed.
for type in ext4 xfs btrfs; do
    wipefs -aq $main
    "mkfs.$type" -q $main
    mount $main /mnt
    top=/mnt
    if [ $type = btrfs ]; then
        btrfs -q subvolume create /mnt/@
        top=/mnt/@
    fi
    mkdir $top/boot $top/etc
    echo kernel >$top/boot/vmlinuz-1
    umount /mnt
    mount $main /mnt
    echo more >/mnt/more
    sync -f /mnt
    [ $type = btrfs ] || xfs_io -x -c "shutdown -f" /mnt
    umount /mnt
    [ $type != ext4 ] || check "needs recovery" sh -c "dumpe2fs -h $main 2>/dev/null | grep -q needs_recovery"
    refused "file system holds /boot/vmlinuz-1, which .* reads from the raw disk" $main
    mount $main /mnt
    echo "LABEL=boot /boot ext4 defaults 0 2" >$top/etc/fstab
    umount /mnt
    taken "$type: with another file system on /boot"
    mount -o ro $main /mnt
    same "$type: content" "$(cat $top/boot/vmlinuz-1)" kernel
    umount /mnt
done

echo "label: gpt
size=40M, type=uefi
type=linux" | sfdisk -q /dev/disk/esp
udevadm settle
part=$(readlink -f /dev/disk/esp)1
mkfs.vfat "$part"
for option in --no-shield --force; do
    refused "is an EFI system partition, which" "$part" $option
    refused "partition .* is an EFI system partition, which" /dev/disk/esp $option
done
