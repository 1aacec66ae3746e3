# shellcheck shell=dash
# shellcheck source=/dev/null
. ./common.sh
same "the system" "$(systemctl is-system-running --wait)" running
systemctl --failed --no-legend
set_is_up
members_are_hidden "after a reboot"
journalctl -b -u 'remap-*' --no-pager -o cat
# shellcheck disable=SC2154  # from the host
[ "$writes" != 0 ] || exit 0
verdict
mark traffic
while :; do
    dd if=/dev/zero of=/srv/traffic bs=64k count=64 oflag=direct status=none
    sync -f /srv
done
