# shellcheck shell=dash
# The spares have gone, and so has all that this machine had written down.
# shellcheck source=/dev/null
. ./common.sh
rm -rf /var/lib/dm-remap
udevadm settle

# differing FILE FILE : the blocks in which they do
differing() { cmp -l "$1" "$2" | awk '{ b = int(($1 - 1) / 4096) } !(b in seen) { seen[b]; print b }'; }
# says TEXT : the last remapctl did
says() { grep -F "$1" /tmp/said; }

check_ext4() { e2fsck -fn "$1"; }
check_xfs() { xfs_repair -n "$1" 2>&1; }
check_luks16() {
    cryptsetup open --key-file "$key" --readonly "$1" inside && e2fsck -fn /dev/mapper/inside && cryptsetup close inside
}
check_lvm() { vgchange -qq -ay vg_media && e2fsck -fn /dev/vg_media/media && vgchange -qq -an vg_media; }
check_gpt() {
    local node
    node=$(readlink -f "$1")
    sgdisk -v "$1" | grep 'No problems found' && e2fsck -fn "${node}1" && fsck.vfat -n "${node}2"
}

# shellcheck disable=SC2154  # from the host
for f in $formats; do
    raw=/dev/disk/$f
    echo "--- $f ($(cut -d' ' -f1 /proc/uptime) s)"
    hidden "without its spare" "$raw"
    check "no set" [ ! -e "/dev/mapper/$f" ]
    check "mount of raw main fails" fails mount "$raw" /mnt
    keep "$raw" raw

    remapctl recover shield --main "$raw" --dry-run >/tmp/said 2>&1
    check "what was remapped is gone" says "what was remapped is gone with the spare"
    remapctl recover shield --main "$raw" --backup "/root/backup-$f" --dry-run >/tmp/said 2>&1
    check "a backup from elsewhere knows how much" says "8 remapped blocks are gone with the spare"
    same "    and where" "$(sed -n 's/^  \([0-9]*+[0-9]*\)$/\1/p' /tmp/said | awk -F+ '{ for (i = 0; i < $2; i += 8) print ($1 + i) / 8 }' | xargs)" \
        "$(xargs <"/root/gone-$f")"
    blockdev --flushbufs "$raw"
    identical "nothing was written" "$raw" raw

    remapctl recover shield --main "$raw" --yes >/tmp/said 2>&1
    cat /tmp/said
    same "main has all but these blocks" "$(differing "$raw" "/root/full-$f" | xargs)" "$(xargs <"/root/gone-$f")"
    udevadm settle
    same "its type" "$(blkid -p -s TYPE -s PTTYPE -o value "$raw" | head -1)" "$(sed -n "s/^$f //p" types)"
    check "its check finds no damage" "check_$f" "$raw"
    "open_$f" "$raw" ro
    check "content" verify
    same "blocks with old content" "$(grep -ac "^first block" /mnt/victim)" 8
    same "with new content" "$(grep -ac "^later block" /mnt/victim)" 1492
    "close_$f" "$raw"
    rm "$kept/raw"
done
