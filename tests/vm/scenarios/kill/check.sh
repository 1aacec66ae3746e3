# shellcheck shell=dash
# shellcheck disable=SC2154  # before comes from the host
# shellcheck source=/dev/null
. ./after-kill.sh
check "more entries than before the last kill, $before" [ "$entries" -gt "$before" ]
# It still works, to the end.
check "more I/O" sectorio run "$r" --shadow /dev/disk/shadow --ops 300 --seed 77 --sizes 512-16K \
    --near unwritable.list --lost unreadable.list --rescued unwritable.list --threads 4 --flush-every 12
check "all is right" sectorio verify "$r" --shadow /dev/disk/shadow --lost unreadable.list
remapctl stop r0
check "metadata" remapctl metadata check /dev/disk/spare
