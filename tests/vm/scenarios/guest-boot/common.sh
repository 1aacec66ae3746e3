# shellcheck shell=dash

system_is_up() {
    same "the system" "$(systemctl is-system-running --wait)" running
    check "udev is done" udevadm settle --timeout=60
    systemctl --failed --no-legend
    same "processor 1 is systemd" "$(cat /proc/1/comm)" systemd
    for link in scsi-0QEMU_QEMU_HARDDISK_main virtio-root virtio-boot; do
        check "by-id/$link" [ -b "/dev/disk/by-id/$link" ]
    done
    same "/boot" "$(findmnt -no SOURCE /boot)" "$(readlink -f /dev/disk/by-id/virtio-boot)"
    echo "main is $(readlink /dev/disk/main), root $(findmnt -no SOURCE /); up after $(cut -d' ' -f1 /proc/uptime) s"
}

# by_id : what else has a link there: "spare", "other" or both
by_id() { find /dev/disk/by-id/ -name 'scsi-0QEMU_QEMU_HARDDISK_spare' -o -name 'nvme-*_other' | sed 's/.*_//' | sort | xargs; }

# address DISK : where it is on the SCSI bus
address() { basename "$(readlink "/sys/class/block/$(basename "$(readlink "/dev/disk/$1")")/device")"; }

own_initramfs() {
    check "the initramfs is the one the guest made" sh -c 'dmesg | grep -q "made by the guest itself"'
}

# The set, as it was, with its content
assembled() {
    remapctl -q assemble r0 --main /dev/disk/main --spare /dev/disk/spare
    mount /dev/mapper/r0 /mnt
    same "the set" "$(state)" "9 entries, 0 lost, 0 bad, active"
    same "a file" "$(cat /mnt/one)" one
    check "many sums" sh -c 'sha256sum --quiet -c /mnt/sums'
}
