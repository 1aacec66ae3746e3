# shellcheck shell=dash
# shellcheck source=/dev/null
. ./common.sh
# event SET : as if its main had just been found
event() {
    udevadm trigger --action=add "$(readlink -f "/dev/disk/$1-main")"
    quiet
}
policy() { printf '[assemble]\nauto=%s\n' "$1" >/etc/dm-remap/remapctl.conf; }
systemctl is-system-running --wait || true
quiet
up good mine
down bits
says bits "/etc/remaptab says noauto"
down last
says last "it is not in /etc/remaptab, and remapctl.conf says auto=listed"
same "sets" "$(sets)" mine

policy none
echo "three - UUID=$(uuid_of three)" >>/etc/remaptab
event three
down three
says three "remapctl.conf says auto=none"
remapctl assemble three
up three

policy never
event last
down last
says last "/etc/dm-remap/remapctl.conf: line 2: auto is mutual, listed or none, not 'never'"

policy mutual
says_not last "Assembled"
event last
up last
members_are_hidden
probe_never_crashed
journalctl -b -q -o cat -u 'remap-*'
