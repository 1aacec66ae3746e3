# shellcheck shell=dash
# Formats of a main device. For each there are
#   make_NAME DEV        put it on the device, with content; nothing uses it afterwards
#   open_NAME DEV MODE   use it, "ro" or "rw": files are at $at, if it has files
#   close_NAME DEV       and no more
# shellcheck disable=SC2317,SC2329  # called by name
at=/mnt
key=/root/key

fill() {
    cp -rL /usr/share/initramfs-tools "$1/tree"
    (cd "$1" && find tree -type f -exec sha256sum {} + >sums)
}
# The same files, and what was added since.
verify() { [ -z "$at" ] || (cd "$at" && sha256sum --quiet -c sums && for f in more.*; do [ ! -e "$f" ] || sha256sum --quiet -c "$f"; done); }
change() {
    [ -n "$at" ] || return 0
    mkdir "$at/$1"
    cp -L /usr/bin/b* "$at/$1/" 2>/dev/null || [ -e "$at/$1/bash" ]
    (cd "$at" && sha256sum "$1"/* >"more.$1")
}

make_fs() { # DEV TYPE
    mount -t "$2" "$1" /mnt
    fill /mnt
    umount /mnt
}
open_fs() { at=/mnt && mount -t "$3" -o "$2" "$1" /mnt; } # DEV MODE TYPE
close_fs() { umount /mnt; }

make_ext4() { mkfs.ext4 -q -L media "$1" && make_fs "$1" ext4; }
open_ext4() { open_fs "$1" "$2" ext4; }
close_ext4() { close_fs; }

make_xfs() { mkfs.xfs -q -L media "$1" && make_fs "$1" xfs; }
# mounted read-only it still writes its log and super block, where the device can be written to
open_xfs() { open_fs "$1" "$2$([ "$2" != ro ] || echo ,norecovery)" xfs; }
close_xfs() { close_fs; }

# One super block; and one that is large enough for a second.
make_btrfs() { mkfs.btrfs -q --mixed "$1" && make_fs "$1" btrfs; }
open_btrfs() { open_fs "$1" "$2" btrfs; }
close_btrfs() { close_fs; }
make_btrfs2() { mkfs.btrfs -q "$1" && make_fs "$1" btrfs; }
open_btrfs2() { open_fs "$1" "$2" btrfs; }
close_btrfs2() { close_fs; }

make_vfat() { mkfs.vfat -n MEDIA "$1" >/dev/null && make_fs "$1" vfat; }
open_vfat() { open_fs "$1" "$2" vfat; }
close_vfat() { close_fs; }

make_ntfs() { mkfs.ntfs -q -F -Q -L media -p 0 -H 255 -S 63 "$1" >/dev/null && make_fs "$1" ntfs-3g; }
open_ntfs() { open_fs "$1" "$2" ntfs-3g; }
# the process behind it may still write when umount is back: it ends with the last write
close_ntfs() {
    local pid
    pid=$(pidof mount.ntfs-3g ntfs-3g) || true
    umount /mnt
    [ -z "$pid" ] || tail --pid="$pid" -f /dev/null
}

# What changes is the first block.
make_swap() { mkswap -q -L media "$1"; }
open_swap() { at='' && swapon "$1" && swapoff "$1" && { [ "$2" = ro ] || swaplabel -L "label-$(cut -d. -f1 /proc/uptime)" "$1"; }; }
close_swap() { :; }

make_luks() { # DEV OPTION...
    echo secret >$key
    cryptsetup luksFormat --batch-mode --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
        --key-file $key "$@"
    cryptsetup open --key-file $key "$1" inside
    mkfs.ext4 -q /dev/mapper/inside
    make_fs /dev/mapper/inside ext4
    cryptsetup close inside
}
open_luks() {
    local option=''
    [ "$2" != ro ] || option=--readonly
    cryptsetup open --key-file $key $option "$1" inside
    open_fs /dev/mapper/inside "$2" ext4
}
close_luks() { close_fs && cryptsetup close inside; }
make_luks16() { make_luks "$1" --luks2-metadata-size 16k --luks2-keyslots-size 16m; }
open_luks16() { open_luks "$@"; }
close_luks16() { close_luks; }
make_luks4m() { make_luks "$1" --luks2-metadata-size 4m --luks2-keyslots-size 16m; }
open_luks4m() { open_luks "$@"; }
close_luks4m() { close_luks; }

# Nobody activates it on raw main while it is made.
make_lvm() {
    pvcreate -qq "$1"
    vgcreate -qq --setautoactivation n vg_media "$1"
    lvcreate -qq -y -l 100%FREE -n media vg_media
    mkfs.ext4 -q /dev/vg_media/media
    make_fs /dev/vg_media/media ext4
    vgchange -qq -an vg_media
}
open_lvm() {
    vgchange -qq -ay vg_media
    same "the physical volume" "$(pvs --noheadings -o pv_name -S vg_name=vg_media | xargs readlink -f)" "$(readlink -f "$1")"
    if [ "$2" = rw ] && [ -z "$(vgs --noheadings -o autoactivation vg_media | xargs)" ]; then
        vgchange -qq --setautoactivation y vg_media
    fi
    open_fs /dev/vg_media/media "$2" ext4
}
close_lvm() { close_fs && vgchange -qq -an vg_media; }

# no_md_by_itself : udev assembles no array; md_by_itself: as ever
no_md_by_itself() { mkdir -p /etc/mdadm && echo 'AUTO -all' >/etc/mdadm/mdadm.conf; }
# (mdmonitor fails without an address)
md_by_itself() { echo 'MAILADDR root' >/etc/mdadm/mdadm.conf; }
make_md() { # DEV VERSION
    mdadm --quiet --create /dev/md/media --run --force --level=1 --raid-devices=1 --metadata="$2" "$1"
    mkfs.ext4 -q /dev/md/media
    make_fs /dev/md/media ext4
    mdadm --quiet --stop /dev/md/media
}
array_on() { ls "/sys/class/block/$(basename "$(readlink -f "$1")")/holders"; }
open_md() {
    local option=''
    udevadm settle
    [ "$2" != ro ] || option=--readonly
    [ -n "$(array_on "$1")" ] || mdadm --quiet --assemble $option /dev/md/media "$1"
    open_fs "/dev/$(array_on "$1")" "$2" ext4
}
close_md() { close_fs && mdadm --quiet --stop "/dev/$(array_on "$1")"; }
make_md12() { make_md "$1" 1.2; }
open_md12() { open_md "$@"; }
close_md12() { close_md "$1"; }
make_md10() { make_md "$1" 1.0; }
open_md10() { open_md "$@"; }
close_md10() { close_md "$1"; }

# The second partition has a file system too.
make_table() { # DEV LABEL
    local node
    node=$(readlink -f "$1")
    printf 'label: %s\nsize=24M, type=linux\nsize=24M, type=linux\n' "$2" | sfdisk -q "$1"
    udevadm settle
    mkfs.ext4 -q "${node}1"
    mkfs.vfat "${node}2" >/dev/null
    make_fs "${node}1" ext4
    make_fs "${node}2" vfat
}
# Of raw main the kernel has partitions, of a device-mapper device they are made as kpartx makes them.
open_table() {
    local nr start count option='' name=${1##*/} node
    at=/mnt
    case $1 in
        /dev/mapper/*)
            [ "$2" != ro ] || option=--readonly
            partx -rgo NR,START,SECTORS "$1" >/tmp/partitions
            while read -r nr start count; do
                dmsetup create "${name}p$nr" $option --uuid "part$nr-$(dmsetup info -c --noheadings -o uuid "$name")" \
                    --table "0 $count linear $1 $start"
            done </tmp/partitions
            check "the second partition" mount -t vfat -o "$2" "/dev/mapper/${name}p2" /mnt
            verify && umount /mnt && mount -t ext4 -o "$2" "/dev/mapper/${name}p1" /mnt
            ;;
        *)
            node=$(readlink -f "$1")
            check "the second partition" mount -t vfat -o "$2" "${node}2" /mnt
            verify && umount /mnt && mount -t ext4 -o "$2" "${node}1" /mnt
            ;;
    esac
}
close_table() {
    local name=${1##*/}
    close_fs
    case $1 in /dev/mapper/*) dmsetup remove --retry "${name}p1" && dmsetup remove --retry "${name}p2" ;; esac
}
make_gpt() { make_table "$1" gpt; }
open_gpt() { open_table "$@"; }
close_gpt() { close_table "$1"; }
make_mbr() { make_table "$1" dos; }
open_mbr() { open_table "$@"; }
close_mbr() { close_table "$1"; }
