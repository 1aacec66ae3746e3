# shellcheck shell=dash
# shellcheck source=/dev/null
. ./common.sh
# shellcheck disable=SC2154  # from the host
echo "$missing is missing, $present is there"
# The boot got here, and the line in fstab is still waiting for its file system.
unit=$(systemd-escape -p --suffix=device "/dev/disk/by-uuid/$(sed -n 's/^UUID=\([^ ]*\) .srv .*/\1/p' /etc/fstab)")
job_of() { systemctl list-jobs --no-legend "$1" | awk '{ print $3, $4 }'; }
same "mounting /srv" "$(job_of srv.mount)" "start waiting"
same "its device" "$(job_of "$unit")" "start running"
check "no set" [ ! -e /dev/mapper/data ]
case $missing in
    spare) what="data (UUID=$uuid): is incomplete: its spare (" ;;
    main) what="data (UUID=$uuid): is incomplete: its main device (" ;;
esac
check "the journal says what is missing" eventually said "remap-last-resort@$uuid.service" "$what"
check "and what that means" said "remap-last-resort@$uuid.service" "it stays unassembled, and its devices must not be used by themselves"
journalctl -b -q -o cat -u 'remap-*'
eventually systemctl -q is-failed "remap-last-resort@$uuid.service"
same "what failed" "$(systemctl --failed --no-legend --plain | awk '{ print $1 }')" "remap-last-resort@$uuid.service"
check "not mounted" sh -c '! findmnt /srv'
# systemd remembers a device that was there for a moment, too.
same "the device of fstab was there at" "$(systemctl show -p ActiveEnterTimestampMonotonic --value "$unit")" 0
never_mounted "$present"
member_is_hidden "$present"
check "raw, it can't be mounted" sh -c "! mount -t ext4 '/dev/disk/$present' /mnt 2>/dev/null"
[ "$missing" = main ] || exit 0
verdict
mark plug
echo main >/tmp/disks
wait_for_disks /tmp/disks || fail "main did not come"
udevadm wait --timeout=60 /dev/mapper/data
check "by itself" eventually said "remap-assemble@$uuid.service" "Assembled data: /dev/mapper/data"
# that is what the line in fstab has been waiting for
same "the jobs" "$(systemctl is-system-running --wait)" degraded
set_is_up
never_mounted main
