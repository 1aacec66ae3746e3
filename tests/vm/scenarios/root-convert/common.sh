# shellcheck shell=dash
# shellcheck disable=SC2034  # used by the scripts
main=/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_root spare=/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_spare
files=/var/lib/test

fails() { ! "$@" >/dev/null 2>&1; }

system_is_up() {
    same "the system" "$(systemctl is-system-running --wait)" running
    systemctl --failed --no-legend
    check "the programs" sha256sum --quiet -c $files/sums
    journalctl -b -u 'remap-*' --no-pager -o cat
}
