# shellcheck shell=dash
# What nobody may take for a file system, before the set is assembled and after.
main=/dev/disk/main spare=/dev/disk/spare

fails() { ! "$@" >/dev/null 2>&1; }

members_are_hidden() {
    local d
    for d in "$main" "$spare"; do
        same "$1: type of $d" "$(property "$d" ID_FS_TYPE)" dm_remap_member
        check "$1: $d can't be mounted" fails mount "$d" /mnt
        check "$1: nor as what it was" fails mount -t ext4 "$d" /mnt
        check "$1: no link to a file system on $d" \
            sh -c "! find /dev/disk/by-uuid /dev/disk/by-label -lname '*/$(basename "$(readlink -f "$d")")' | grep ."
    done
    same "$1: what blkid finds on raw main" "$(blkid -p "$main" || true)" ""
    same "$1: what lsblk says" "$(lsblk -no FSTYPE "$main" | head -1)" dm_remap_member
}
set_is_up() {
    check "assembled" [ -b /dev/mapper/data ]
    same "mounted" "$(findmnt -no SOURCE /srv)" /dev/mapper/data
    same "by-uuid" "$(readlink -f "/dev/disk/by-uuid/$(findmnt -no UUID /srv)")" "$(readlink -f /dev/mapper/data)"
    check "content" sh -c 'cd /srv && sha256sum --quiet -c sums'
    same "status" "$(dmsetup status data | awk '{ print $5 }')" active
}
