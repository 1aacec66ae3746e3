# shellcheck shell=dash
# After a reboot the sets are there; what was written through them is on main after dissolve.
# shellcheck source=/dev/null
. ./common.sh
same "the system" "$(systemctl is-system-running --wait)" running
systemctl --failed --no-legend
udevadm settle
# shellcheck disable=SC2154  # from the host
for f in $formats; do
    raw=/dev/disk/$f dev=/dev/mapper/$f
    echo "--- $f ($(cut -d' ' -f1 /proc/uptime) s)"
    hidden "after a reboot" "$raw"
    check "assembled" [ -b "$dev" ]
    [ -b "$dev" ] || continue
    "open_$f" "$dev" rw
    check "content" verify
    change second
    "close_$f" "$dev"
    keep "$dev" after
    remapctl -q dissolve "$f" --yes
    identical "main has all of it" "$raw" after
    rm "$kept/after"
    udevadm settle
    same "its type" "$(blkid -p -s TYPE -s PTTYPE -o value "$raw" | head -1)" "$(sed -n "s/^$f //p" types)"
    "open_$f" "$raw" ro
    check "content" verify
    "close_$f" "$raw"
done
