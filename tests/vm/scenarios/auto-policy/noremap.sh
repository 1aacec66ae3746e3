# shellcheck shell=dash
# shellcheck source=/dev/null
. ./common.sh
same "the system" "$(systemctl is-system-running --wait)" running
quiet
same "sets" "$(sets)" ""
same "nobody was even asked" "$(journalctl -b -q -o cat -u 'remap-assemble@*' -u 'remap-last-resort@*')" ""
members_are_hidden
probe_never_crashed
# by hand
remapctl assemble "UUID=$(uuid_of good)"
up good
