# shellcheck shell=bash
# The guest's initramfs: a base archive per kernel, made once, and a small overlay per boot. The kernel
# unpacks concatenated archives in order. Both stay uncompressed: unpacking would be done by an
# emulated processor, reading by the host.
# The caller sets vm (this harness) and cache.
: "${vm:?}" "${cache:?}"

guest_modules="virtio_pci virtio_blk virtio_scsi sd_mod nvme dm-mod dm-flakey dm-delay dm-zero
    dm-log-writes dm-snapshot scsi_debug null_blk loop ext4 crc32c_generic crc32c_intel libcrc32c"
guest_programs="dmsetup blkdiscard mke2fs e2fsck dumpe2fs debugfs"

archive() { # DIR : as cpio on stdout, all owned by root, the same bytes for the same files
    (cd "$1" && find . -print0 | sort -z | cpio -0 -o -H newc --quiet --owner=0:0 --reproducible)
}

# put_program ROOT FILE [BASE] : a program and the libraries it needs that are not in BASE
put_program() {
    local root=$1 file=$2 base=${3:-/nowhere} library
    install -D "$file" "$root/sbin/${file##*/}"
    ldd "$file" 2>/dev/null | grep -oE '/[^ )]+' | while read -r library; do
        [ -e "$root$library" ] || [ -e "$base$library" ] || install -D "$(readlink -f "$library")" "$root$library"
    done
}

# compile NAME SOURCE... : builds a static C program into the cache, prints its path
compile() {
    local out name=$1
    shift
    out=$cache/bin/$name-$(content_hash "$(dirname "$1")")
    if [ ! -x "$out" ]; then
        mkdir -p "$cache/bin"
        # Another run may be at it too.
        "${CC:-gcc}" -O2 -g -static -Wall -Wextra -pthread -o "$out.$$" "$@" || return 1
        mv "$out.$$" "$out"
    fi
    echo "$out"
}

# base_initramfs KERNEL-DIR : prints the directory with base.cpio and the module tree
base_initramfs() {
    local kernel_dir=$1 version programs key dir tree module file
    version=$(cat "$kernel_dir/version")
    programs=$(for p in $guest_programs; do command -v "$p" || echo "missing:$p"; done)
    case $programs in
        *missing:*) echo "not installed: $(grep -o 'missing:.*' <<<"$programs" | cut -d: -f2 | tr '\n' ' ')" >&2; return 1 ;;
    esac
    # shellcheck disable=SC2086  # word lists
    key=$( { echo "$version" $guest_modules; content_hash "$vm/guest" "$vm/lib/initramfs.sh"
             stat -L -c '%n %s %Y' /bin/busybox $programs; } | sha256sum | cut -c1-16)
    dir=$cache/initramfs/$version-$key
    mkdir -p "$cache/initramfs"
    # Two runs may want to make it at the same time; old ones may be in use.
    exec 8>"$cache/initramfs/$version.lock"
    flock 8
    if [ ! -e "$dir/complete" ]; then
        find "$cache/initramfs" -mindepth 1 -maxdepth 1 -type d -name "$version-*" -mtime +1 -exec rm -rf {} +
        rm -rf "$dir"
        tree=$dir/tree
        mkdir -p "$tree"/{bin,sbin,usr,dev,proc,sys,etc,tmp,out,test,run,root,lib,lib64}
        install /bin/busybox "$tree/bin/busybox"
        ln -s busybox "$tree/bin/sh"
        install "$vm/guest/init" "$tree/init"
        install -m 644 "$vm/guest/guest.sh" "$tree/lib/guest.sh"
        install "$(compile sectorio "$vm"/guest/sectorio*.c)" "$tree/sbin/sectorio" || return 1
        for p in $programs; do put_program "$tree" "$p"; done
        ln -s ../bin/busybox "$tree/sbin/modprobe" # where the kernel looks for it
        ln -s mke2fs "$tree/sbin/mkfs.ext4"
        for module in $guest_modules; do
            modprobe -d "$kernel_dir/root" -S "$version" --show-depends "$module" 2>/dev/null || true
        done | awk '$1 == "insmod" { print $2 }' | sort -u | while read -r file; do
            module=$tree/lib/modules/$version/${file##*/lib/modules/"$version"/}
            mkdir -p "${module%/*}"
            # Decompressed, so that any busybox can load them.
            case $file in
                *.xz) xz -dc "$file" >"${module%.xz}" ;;
                *.zst) zstd -qdc "$file" >"${module%.zst}" ;;
                *) cp "$file" "$module" ;;
            esac
        done
        mkdir -p "$tree/lib/modules/$version"
        cp "$kernel_dir/root/lib/modules/$version"/modules.{builtin,order} "$tree/lib/modules/$version/"
        depmod -b "$tree" "$version" 2>/dev/null
        archive "$tree" >"$dir/base.cpio"
        touch "$dir/complete"
    fi
    exec 8>&-
    echo "$dir"
}

# add_modules OVERLAY BASE-DIR VERSION KO... : so that modprobe in the guest finds them
add_modules() {
    local overlay=$1 base=$2 version=$3 scratch
    shift 3
    scratch=$(mktemp -d)
    mkdir -p "$scratch/lib/modules" "$overlay/lib/modules/$version/extra"
    cp -r "$base/tree/lib/modules/$version" "$scratch/lib/modules/"
    mkdir -p "$scratch/lib/modules/$version/extra"
    cp "$@" "$scratch/lib/modules/$version/extra/"
    cp "$@" "$overlay/lib/modules/$version/extra/"
    depmod -b "$scratch" "$version" 2>/dev/null
    cp "$scratch/lib/modules/$version"/modules.{dep,alias,symbols,softdep}{,.bin} \
        "$overlay/lib/modules/$version/" 2>/dev/null || true
    rm -rf "$scratch"
}
