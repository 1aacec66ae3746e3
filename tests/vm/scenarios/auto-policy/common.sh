# shellcheck shell=dash
uuid_of() { awk -v name="$1" '$1 == name { print $2 }' /test/uuids; }
journal_of() { journalctl -b -q -o cat -u "remap-assemble@$(uuid_of "$1").service" -u "remap-last-resort@$(uuid_of "$1").service"; }
fails() { ! "$@"; }
# await_line SET TEXT : until the journal has such a line about the set
await_line() {
    local tries=0
    until journal_of "$1" | grep -qF -- "$2"; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || return 1
        sleep 0.3
    done
}
# says SET TEXT : a line about this set in the journal
says() { check "$1: $2" await_line "$1" "$2"; }
says_not() {
    journal_of "$1" >/tmp/said
    check "$1: no word of: $2" fails grep -qF -- "$2" /tmp/said
}
# names of all remap devices
sets() { dmsetup info -c --noheadings --separator ' ' -o uuid,name | sed -n 's/^REMAP-[^ ]* //p'; }
# its device by the UUID of the set
device_of() { dmsetup info -c --noheadings --separator ' ' -o uuid,name | sed -n "s/^REMAP-$(uuid_of "$1") //p"; }
up() { same "$1: assembled" "$(device_of "$1")" "${2:-$1}"; }
down() { same "$1: not assembled" "$(device_of "$1")" ""; }
# Every event is handled and every unit that it started has ended.
quiet() {
    local tries=0
    udevadm settle
    while systemctl list-jobs --no-legend 'remap-assemble@*' | grep -q . ; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || fail "remap-assemble does not end"
        sleep 0.2
    done
}
# The policy is about sets: members are hidden in any case.
members_are_hidden() {
    local disk seen=0
    for disk in /dev/disk/*-main /dev/disk/*-spare /dev/disk/*-copy /dev/disk/three-* /dev/disk/fake-* /dev/disk/hostile; do
        [ "$(property "$disk" ID_FS_TYPE) $(property "$disk" SYSTEMD_READY)" = "dm_remap_member 0" ] ||
            { failures=$((failures + 1)); echo "FAIL  $disk is not hidden"; }
        seen=$((seen + 1))
    done
    check "$seen members are hidden" [ $seen -gt 30 ]
    foreign_disk victim /dev/disk/victim f0
    foreign_disk "a disk that ends like a spare" /dev/disk/tail f1
    foreign_disk "the partition before a spare" "$(readlink -f /dev/disk/parts)1" f2
    same "the disk of both" "$(property /dev/disk/parts DM_REMAP_ROLE)$(property /dev/disk/parts ID_FS_TYPE)" ""
    same "the spare behind it" "$(property "$(readlink -f /dev/disk/parts)2" DM_REMAP_STATE)" active
}
# foreign_disk WHAT DISK UUID-END : is as it would be without us
foreign_disk() {
    same "$1: by-uuid" "$(readlink -f "/dev/disk/by-uuid/d0000000-0000-4000-8000-0000000000$3")" "$(readlink -f "$2")"
    same "$1: dm-remap" "$(property "$2" DM_REMAP_ROLE)" ""
    check "$1: can be mounted" mount "$2" /mnt
    umount /mnt
}
probe_never_crashed() {
    journalctl -b -q -o cat -u systemd-udevd -k >/tmp/udev
    check "remap-probe never crashed" sh -c '! grep -E "remap-probe.*(terminated|failed|timeout)|remap-probe\[[0-9]*\]: segfault" /tmp/udev'
}
