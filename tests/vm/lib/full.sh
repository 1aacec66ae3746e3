# shellcheck shell=bash
# guest=full: a Debian with systemd and udev on disks of its own, see build-guest. The host is its boot
# loader: it reads kernel and initramfs from the guest's own /boot before every boot, so what
# update-initramfs did in the guest counts from the next boot on.
: "${vm:?}" "${out=}" "${boot_dir=}" "${build=}" "${version=}" "${kernel=}" "${kernel_dir=}"
: "${layout=}" "${initramfs=}" "${root_options=}" "${tools=}" "${modules=}" "${fault=}" "${console=}"
full_image=''

# full_prepare KO... : makes the disks "root" and, with layout=installed, "boot"
full_prepare() {
    local files=$out/install ko
    mkdir -p "$files"
    if [ "$tools" = yes ]; then
        [ -f "$build/cmake_install.cmake" ] || not_run "no build in $build (cmake --preset release && cmake --build build/release)"
        DESTDIR=$files cmake --install "$build" --prefix /usr --strip >"$out/install.log" 2>&1 ||
            not_run "what is in $build can't be installed: $(tail -n 1 "$out/install.log") (build it first: cmake --build $build)"
    fi
    for ko in "$@"; do install -m 644 -D "$ko" "$files/usr/lib/modules/$version/updates/dkms/${ko##*/}"; done
    # Locked while this runs, or somebody who builds the next one would delete it.
    while :; do
        full_image=$("$vm/build-guest" "$kernel" "$files" "$initramfs")
        exec {full_lock}<"$full_image/complete" || continue
        flock -s "$full_lock"
        [ ! -e "$full_image/complete" ] || break
    done
    case $layout in
        installed)
            # shellcheck disable=SC2086  # several options
            disk root 2G bus=virtio $root_options over="$full_image/root.img"
            disk boot 192M bus=virtio copy="$full_image/boot.img"
            ;;
        plain)
            # shellcheck disable=SC2086  # several options
            disk root 2G bus=virtio $root_options copy="$full_image/root.img"
            move_boot_into_root
            ;;
        *) die "layout=$layout: installed or plain, please" ;;
    esac
}

# Layout plain: /boot is a directory of the root file system.
move_boot_into_root() {
    local scratch name root
    root=$(image root)
    scratch=$(mktemp -d)
    debugfs -R "rdump / $scratch" "$full_image/boot.img" 2>/dev/null
    debugfs -R "dump /etc/fstab $scratch/fstab" "$root" 2>/dev/null
    sed -i '\| /boot |d' "$scratch/fstab"
    {
        for name in vmlinuz initrd.img config System.map; do
            echo "write $scratch/$name-$version /boot/$name-$version"
        done
        echo "rm /etc/fstab"
        echo "write $scratch/fstab /etc/fstab"
        for name in "$scratch"/*"-$version"; do printf 'sif /boot/%s %s 0\n' "${name##*/}" uid "${name##*/}" gid; done
        printf 'sif /etc/fstab %s 0\n' uid gid
    } >"$scratch/commands"
    debugfs -w -f "$scratch/commands" "$root" >"$out/plain.log" 2>&1
    rm -rf "$scratch"
    e2fsck -fn "$root" >>"$out/plain.log" 2>&1 || die "the file system of layout=plain is damaged (log: $out/plain.log)"
}

# full_boot_files : sets boot_kernel and boot_initrd: those that a boot loader would find now
full_boot_files() {
    local from=boot dir='' file
    [ "$layout" = installed ] || from=root dir=/boot
    boot_kernel=$boot_dir/vmlinuz boot_initrd=$boot_dir/initrd
    for file in "vmlinuz $boot_kernel" "initrd.img $boot_initrd"; do
        debugfs -R "dump $dir/${file% *}-$version ${file#* }" "$(image $from)" 2>"$boot_dir/debugfs.log" || true
        [ -s "${file#* }" ] || die "no ${file% *}-$version in the guest's /boot: $(tail -n 1 "$boot_dir/debugfs.log")"
    done
    # Both would have to be unpacked by an emulated processor.
    if cmp -s "$boot_kernel" "$kernel_dir/vmlinuz" && [ -e "$kernel_dir/vmlinux" ]; then
        boot_kernel=$kernel_dir/vmlinux
        rm "$boot_dir/vmlinuz"
    fi
    if zstd -qdc "$boot_initrd" >"$boot_initrd.unpacked" 2>/dev/null; then
        mv "$boot_initrd.unpacked" "$boot_initrd"
    else
        rm -f "$boot_initrd.unpacked"
    fi
}

# full_job SCRIPT : what the guest's agent runs, as a tar on the disk "job"
full_job() {
    local job
    job=$(mktemp -d)
    guest_files "$job" "$1"
    mkdir -p "$job/lib"
    install "$vm/guest/start" "$job/lib/start"
    install -m 644 "$vm/guest/guest.sh" "$job/lib/"
    install -D "$(compile sectorio "$vm"/guest/sectorio*.c)" "$job/sbin/sectorio"
    printf '%s\n' "$modules" >"$job/etc/modules"
    [ "$fault" != yes ] || install -m 644 "$out/fault/dm-fault.ko" "$job/lib/"
    tar -C "$job" --owner=0 --group=0 -cf "$boot_dir/job.img" .
    rm -rf "$job"
    # read as a disk: whole sectors, more than none
    truncate -s %1M "$boot_dir/job.img"
    # shellcheck disable=SC2034  # for run
    boot_disks=(-blockdev "driver=file,node-name=job,filename=$boot_dir/job.img,read-only=on"
        -device "virtio-blk-pci,drive=job,serial=job")
}

# full_status : what became of the guest: its own word, and only if it went down in an orderly way
full_status() {
    local status
    status=$(tar -xOf "$boot_dir/out.img" ./status 2>/dev/null) || status=''
    if [ "$status" = 98 ] || grep -aq '@@DOWN' "$console"; then echo "${status:-125}"; else echo 125; fi
}
