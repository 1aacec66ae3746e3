# shellcheck shell=dash
uuid=$(cat /etc/set-uuid 2>/dev/null) || true
# name_of DISK : its kernel name
name_of() { basename "$(readlink -f "/dev/disk/$1")"; }
# said UNIT TEXT : whether the unit has said so since the machine was started
said() { journalctl -b -q -o cat -u "$1" | grep -qF -- "$2"; }
# The kernel says so whenever it tries, by whatever name.
never_mounted() {
    check "the kernel was never asked to mount $1" sh -c "! dmesg | grep -F '($(name_of "$1"))' | grep -iE 'ext4|vfs'"
}
set_is_up() {
    same "assembled" "$(dmsetup status data | awk '{ print $5 }')" active
    same "mounted" "$(findmnt -no SOURCE /srv)" /dev/mapper/data
    same "its UUID leads to" "$(readlink -f "/dev/disk/by-uuid/$(findmnt -no UUID /srv)")" "$(readlink -f /dev/mapper/data)"
    check "content" sh -c 'cd /srv && sha256sum --quiet -c sums'
}
member_is_hidden() {
    same "type of $1" "$(property "/dev/disk/$1" ID_FS_TYPE)" dm_remap_member
    check "no link to a file system on $1" \
        sh -c "! find /dev/disk/by-uuid /dev/disk/by-label -lname '*/$(name_of "$1")' | grep ."
}
