# shellcheck shell=dash
# What a shield can't hide is refused before anything is written.
main=/dev/disk/refused spare=/dev/disk/spare-refused

# refused WHAT TEXT : create is, with that text, and has written nothing
refused() {
    blockdev --flushbufs $main
    keep $main main
    keep $spare spare
    status=0
    remapctl -q create no --main $main --spare $spare --yes 2>/tmp/said || status=$?
    same "$1: create" "$status" 3
    check "    says why" grep -F "$2" /tmp/said
    blockdev --flushbufs $main $spare
    identical "    main" $main main
    identical "    spare" $spare spare
}

# Enough uberblocks for libblkid, in the two labels at the start.
# It looks for them where there are 64 MiB and more.
i=0
while [ $i -lt 32 ]; do
    printf '\014\261\272\000\000\000\000\000\001\001\001\001\001\001\001\001\001\001\001\001\001\001\001\001'
    head -c 1000 /dev/zero
    i=$((i + 1))
done >/tmp/uberblocks
for place in 128 384; do dd status=none if=/tmp/uberblocks of=$main bs=1k seek=$place; done
same "blkid finds" "$(blkid -p -s TYPE -o value $main)" zfs_member
refused zfs "contains zfs_member"
dd status=none if=/dev/zero of=$main bs=1M count=1

mkswap -q $main
dd status=none if=/dev/urandom of=$main bs=512 count=2
dd status=none if=/dev/urandom of=$main bs=1 seek=1536 count=2550
same "blkid finds" "$(blkid -p -s TYPE -o value $main)" swap
refused "a block that does not compress" "can't be compressed enough"
dd status=none if=/dev/zero of=$main bs=1M count=1

printf 'label: gpt\nsize=8M, type=uefi\n' | sfdisk -q $main
udevadm settle
refused "a disk with an EFI partition" "is an EFI system partition"
check "its partition is still there" [ -n "$(partitions $main)" ]
