# shellcheck shell=dash
# The same after a reboot.
# shellcheck disable=SC2094  # it is only read
# shellcheck source=/dev/null
. ./common.sh
while read -r name what; do
    check "$what: metadata" remapctl -q metadata check "/dev/disk/$name"
    remapctl -q assemble r0 --main /dev/disk/main --spare "/dev/disk/$name"
    entries >/tmp/entries
    check "$what: the same entries" cmp /tmp/entries entries
    remapctl -q stop r0
done <cases.txt
