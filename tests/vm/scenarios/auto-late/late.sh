# shellcheck shell=dash
# shellcheck source=/dev/null
. ./common.sh
echo spare >/tmp/disks
wait_for_disks /tmp/disks || fail "the spare did not come"
# waits for jobs, and so for the line in fstab
same "the system" "$(systemctl is-system-running --wait)" running
systemctl --failed --no-legend
set_is_up
seen_main=$(property /dev/disk/main USEC_INITIALIZED) seen_spare=$(property /dev/disk/spare USEC_INITIALIZED)
check "the spare came long after main: $seen_main, $seen_spare us" [ "$seen_spare" -gt $((seen_main + 5000000)) ]
check "by itself" eventually said "remap-assemble@$uuid.service" "Assembled data: /dev/mapper/data"
same "once" "$(journalctl -b -q -o cat -u "remap-assemble@$uuid.service" | grep -c '^Assembled')" 1
never_mounted main
member_is_hidden main
member_is_hidden spare
