# shellcheck shell=dash
r=/dev/mapper/r0

entries() { # > all entries as the kernel lists them
    local next=0
    while :; do
        dmsetup message r0 0 list "$next" >/tmp/page
        grep -vE '^(next|end)' /tmp/page || true
        next=$(sed -n 's/^next //p' /tmp/page)
        [ -n "$next" ] || return 0
    done
}
