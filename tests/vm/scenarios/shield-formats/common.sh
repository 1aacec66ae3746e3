# shellcheck shell=dash
# What nobody may see of raw main, and what has to come back.
# shellcheck source=/dev/null
. ./formats.sh
kept=/dev/shm
tab=$(printf '\t')

fails() { ! "$@" >/dev/null 2>&1; }
node_of() { basename "$(readlink -f "$1")"; }
# partitions DISK : that the kernel knows
partitions() { (cd "/sys/class/block/$(node_of "$1")" && echo */partition) | sed 's,/partition,,g; s,^\*$,,'; }
# links DISK : by which its content is found
links() {
    local node
    node=$(node_of "$1")
    find /dev/disk/by-uuid /dev/disk/by-label /dev/disk/by-partuuid /dev/disk/by-partlabel \
        \( -lname "*/$node" -o -lname "*/${node}[0-9]*" \) 2>/dev/null | sort
}
# what_shows DISK : for tools and users
what_shows() {
    echo "blkid$tab$(blkid -p -o export "$1" 2>/dev/null | grep -v '^DEVNAME' | xargs)"
    echo "udev$tab$(property "$1" ID_FS_TYPE)"
    echo "partitions$tab$(partitions "$1")"
    echo "links$tab$(links "$1" | xargs)"
}

# keep DEV NAME : its content, to compare with
keep() { cp --sparse=always "$(readlink -f "$1")" "$kept/$2"; }
# identical WHAT DEV NAME
identical() { check "$1, bit by bit" cmp "$2" "$kept/$3"; }

# hidden WHEN DISK
hidden() {
    same "$1: type for udev" "$(property "$2" ID_FS_TYPE)" dm_remap_member
    same "$1: for lsblk" "$(lsblk -dno FSTYPE "$2")" dm_remap_member
    same "$1: blkid -p finds" "$(blkid -p "$2" || true)" ""
    same "$1: links to it" "$(links "$2")" ""
    same "$1: partitions of it" "$(partitions "$2")" ""
}

# unrecognised DISK : nobody takes the disk of a stopped set for anything, or writes to it
unrecognised() {
    keep "$1" raw
    same "wipefs finds" "$(wipefs --noheadings "$1")" ""
    check "no partition table for partx" fails partx --show "$1"
    check "    for sfdisk" fails sfdisk --dump "$1"
    check "no LUKS" fails cryptsetup isLuks "$1"
    check "    luksDump fails" fails cryptsetup luksDump "$1"
    check "    open fails" fails cryptsetup open --key-file /etc/hostname "$1" wrong
    check "no physical volume" fails pvs "$1"
    check "no member of an array" fails mdadm --examine "$1"
    check "    assemble fails" fails mdadm --assemble --run /dev/md/wrong "$1"
    check "no btrfs" fails btrfs filesystem show "$1"
    check "    super blocks" fails btrfs inspect-internal dump-super --all "$1"
    check "no swap" fails swapon "$1"
    check "no file system for e2fsck" fails e2fsck -p "$1"
    for type in ext4 xfs btrfs vfat ntfs-3g; do
        check "mount -t $type fails" fails mount -t $type "$1" /mnt
    done
    check "mount fails" fails mount "$1" /mnt
    blockdev --flushbufs "$1"
    identical "raw main is what it was" "$1" raw
    rm "$kept/raw"
}
