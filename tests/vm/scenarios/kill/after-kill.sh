# shellcheck shell=dash
# shellcheck disable=SC2154  # before comes from the host
# Sourced: what every life begins with.
r=/dev/mapper/r0
remapctl assemble r0 --main /dev/disk/main --spare /dev/disk/spare || fail "it does not assemble"
dmsetup status r0
entries=$(dmsetup status r0 | awk '{ print $9 }')
same "mode" "$(dmsetup status r0 | awk '{ print $5 }')" active
# From now on what is there counts: a kill leaves some writes open.
check "right after the kill" sectorio verify "$r" --shadow /dev/disk/shadow --crashed --lost unreadable.list --rebase
verdict
