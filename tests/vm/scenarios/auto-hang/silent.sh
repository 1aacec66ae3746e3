# shellcheck shell=dash
# Two disks of scsi_debug: on request no medium access command is answered any more, so that each runs
# into its timeout; other commands are. And a dm device that keeps reads, as multipath without a path.
knobs=/sys/bus/pseudo/drivers/scsi_debug
silent() { echo 1 >$knobs/every_nth; echo 0x80 >$knobs/opts; }
answering() { echo 0 >$knobs/opts; echo 0 >$knobs/every_nth; }
in_flight() { awk '{ print $1 }' "/sys/class/block/${1#/dev/}/inflight"; }
number_of() { tr -d '\n' <"/sys/class/block/$(basename "$(readlink -f "$1")")/dev"; }
policy() { printf '[assemble]\nauto=%s\n' "$1" >/etc/dm-remap/remapctl.conf; }
# settle_after ACTION DEVICE... : sets took: milliseconds until udev is done with that event of the devices
settle_after() {
    local action=$1 start
    shift
    start=$(date +%s%3N)
    udevadm trigger --action="$action" "$@"
    udevadm settle || echo "udev is not done"
    took=$(($(date +%s%3N) - start))
}
# within WHAT BASE LIMIT : took is no more than LIMIT ms longer than BASE, but for what a busy machine does to
# a guest, which is less than the timeout of a command; and not much less, or the disk was not silent
within() {
    check "$1: $took ms, $2 ms if it answers" [ "$took" -ge "$3" ]
    check "no longer than $3 ms more" [ "$took" -le $(($2 + $3 + 4000)) ]
}
lvm_is_done() { [ -z "$(systemctl list-units --no-legend --plain --state=active,activating 'lvm-activate-*')" ]; }
no_waits() { [ -z "$(systemctl list-units --no-legend --plain --state=activating 'remap-wait@*')" ]; }

clear_faults() {
    answering
    inject queue clear 2>/dev/null
}
# a failed test must not keep the guest from going down
trap clear_faults EXIT

# scsi_disk : sets disk to the newest one of scsi_debug. Going silent is for all of them: the second one
# comes when the first one is done with.
scsi_disk() {
    disk=$(find $knobs/adapter*/host*/target*/*/block -mindepth 1 -maxdepth 1 | sort | tail -n 1)
    disk=${disk##*/}
    echo 15 >"/sys/block/$disk/device/timeout"
    # or the kernel takes it for dead
    echo 1000 | tee "/sys/block/$disk/device/scsi_disk/"*/max_medium_access_timeouts >/dev/null
}

modprobe scsi_debug dev_size_mb=32 per_host_store=1
udevadm settle
scsi_disk
main=/dev/$disk
policy none
remapctl -q create hang --main "$main" --spare /dev/disk/spare --yes
remapctl -q create other --main /dev/disk/other-main --spare /dev/disk/other-spare --yes
echo content | dd of=/dev/mapper/hang bs=4k seek=5 conv=sync oflag=direct status=none
uuid=$(dmsetup info -c --noheadings -o uuid hang | sed 's/^REMAP-//')
# by remapctl they would stay stopped
udevadm settle
dmsetup remove --retry hang
dmsetup remove --retry other
mkfs.ext4 -q -U d0000000-0000-4000-8000-000000000012 /dev/disk/queue
udevadm settle

settle_after add "$main"
disk_base=$took
policy mutual

echo "-- a disk"
silent
settle_after add "$main"
within "udev and a disk that is silent" "$disk_base" 3000
check "it is read by somebody: $(in_flight "$main") in flight" [ "$(in_flight "$main")" -gt 0 ]
same "what udev knows" "$(property "$main" DM_REMAP_STATE)" no_answer
same "nobody has looked for a file system" "$(property "$main" ID_FS_TYPE)" ""
same "a unit waits" "$(systemctl show -p ActiveState --value "remap-wait@$(number_of "$main").service")" activating
# as when the kernel and systemd-udev-trigger announce it both
settle_after add "$main"
within "the same once more" "$disk_base" 3000
timeout 20 remapctl assemble --all --event || fail "remapctl waits for a disk that udev knows as silent"
same "the other set" "$(dmsetup status other | awk '{ print $5 }')" active
check "not this one" [ ! -e /dev/mapper/hang ]
answering
check "its set is there when it answers" udevadm wait --timeout=60 /dev/mapper/hang
same "content" "$(dd if=/dev/mapper/hang bs=4k skip=5 count=1 iflag=direct status=none | tr -d '\000')" content
# said a moment later
check "by itself" eventually sh -c "journalctl -b -q -o cat -u 'remap-assemble@$uuid.service' | grep -q 'Assembled hang'"
same "what udev knows" "$(property "$main" DM_REMAP_STATE)" valid
check "nobody waits any more" eventually no_waits

echo "-- a disk with partitions"
echo 1 >$knobs/add_host
udevadm settle
scsi_disk
parted=/dev/$disk
[ "$parted" != "$main" ] || fail "no second disk"
printf '%s\n' size=10M size=10M | sfdisk -q --label dos "$parted"
udevadm settle
mkfs.ext4 -q -U d0000000-0000-4000-8000-000000000011 "${parted}1"
vgcreate -qq vg "${parted}2"
lvcreate -qq -y -Wn -L 4M -n lv vg
udevadm settle
vgchange -qq -an vg
udevadm settle
settle_after add "$parted" "${parted}1" "${parted}2"
parts_base=$took
check "LVM activates" udevadm wait --timeout=60 /dev/vg/lv
eventually lvm_is_done
vgchange -qq -an vg
udevadm settle
# as at boot, where nobody has seen it before
rm -rf /run/lvm/pvs_online /run/lvm/vgs_online
silent
settle_after add "$parted" "${parted}1" "${parted}2"
within "udev and its partitions" "$parts_base" 6000
for part in 1 2; do same "partition $part" "$(property "$parted$part" DM_REMAP_STATE)" no_answer; done
answering
check "they answer" eventually no_waits
udevadm settle
same "the file system" "$(readlink -f /dev/disk/by-uuid/d0000000-0000-4000-8000-000000000011)" "${parted}1"
same "disk" "$(property "$parted" DM_REMAP_STATE)" ""
# LVM looks at an event only that announces a disk
check "what was not looked at is activated" udevadm wait --timeout=60 /dev/vg/lv
vgchange -qq -an vg

echo "-- a device-mapper device"
fault_disk queue queue
udevadm settle
same "its file system" "$(property /dev/mapper/queue ID_FS_TYPE)" ext4
settle_after change /dev/mapper/queue
base=$took
inject queue rule reads r all hold
settle_after change /dev/mapper/queue
within "udev and a device that keeps reads" "$base" 3000
same "what udev knows" "$(property /dev/mapper/queue DM_REMAP_STATE)" no_answer
inject queue drop reads
check "it answers" eventually no_waits
udevadm settle
same "its file system" "$(property /dev/mapper/queue ID_FS_TYPE)" ext4
same "what udev knows" "$(property /dev/mapper/queue DM_REMAP_STATE)" ""
journalctl -b -q -o cat -u 'remap-*'
