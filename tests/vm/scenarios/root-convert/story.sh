# shellcheck shell=bash
# The host's part of root-convert and root-dracut.
: "${console=}" "${append=}"

# What the initramfs says is on the console, with systemd in it in the journal.
said() { grep -aqF "dm-remap: $1" "$console" "$(results)/journal.txt" || die "nobody says: $1"; }
silent() { ! grep -aE "dm-remap: .*(made|dissolve|create|done)" "$console" "$(results)/journal.txt" || die "that was said"; }

convert_and_back() {
    local ids=/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK long last=2
    long=$(setting long '')
    boot before.sh
    # found by the guest: places that it reads or writes
    errors root "$(results)/rules"
    append="remap.create=sys,${ids}_root,${ids}_spare noresume"
    boot set.sh boot_nr=1
    said "made sys; remove remap.create="
    if [ "$long" = yes ]; then
        # the words are still there: nothing happens
        boot set.sh boot_nr=2
        silent
        append=''
        boot set.sh boot_nr=3
        last=4
    fi
    # A sector is lost: it is not dissolved, and the system boots from it. The guest heals it then.
    append="remap.dissolve=sys"
    boot set.sh boot_nr="$last" last=yes --shuffle 4
    said "remap.dissolve: sys was not dissolved"
    said "remapctl: sys: 1 sector of it are lost"
    errors root </dev/null
    boot back.sh
    said "dissolved sys; remove remap.dissolve="
    [ "$long" = yes ] || return 0
    boot back.sh
    silent
    append=''
    boot back.sh --shuffle 2
}
