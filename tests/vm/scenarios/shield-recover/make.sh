# shellcheck shell=dash
# Sets with blocks whose content is on the spare only.
# shellcheck source=/dev/null
. ./common.sh
# Enough to be found in the place of each block.
victim() { awk -v what="$1" 'BEGIN { for (i = 1; i <= 1500; i++) printf "%-4095s\n", what " block " i " of the victim" }'; }
# below DEV : sectors of the set in front of what DEV shows
below() {
    local table=''
    table=$(dmsetup table "$1" 2>/dev/null) || true
    echo "$table" | awk '$3 == "linear" { n = $5 } $3 == "crypt" { n = $8 } END { print n + 0 }'
}

# shellcheck disable=SC2154  # from the host
for f in $formats; do
    raw=/dev/disk/$f dev=/dev/mapper/$f
    echo "--- $f ($(cut -d' ' -f1 /proc/uptime) s)"
    "make_$f" "$raw"
    udevadm settle
    remapctl -q create "$f" --main "$raw" --spare "/dev/disk/spare-$f" --yes
    udevadm settle
    "open_$f" "$dev" rw
    victim first >/mnt/victim
    sync -f /mnt
    inside=$(findmnt -no SOURCE /mnt)
    start=$(below "$inside")
    sectors=''
    for n in 20 300 301 302 700 900 1100 1400; do
        at=$(grep -obaUm1 "first block $n of" "$inside" | cut -d: -f1)
        sectors="$sectors $((start + at / 512))"
    done
    # shellcheck disable=SC2086  # several words
    remapctl -q add "$f" $sectors
    victim later | dd of=/mnt/victim bs=4096 conv=notrunc,fsync status=none
    "close_$f" "$dev"
    for sector in $sectors; do echo $((sector / 8)); done >"/root/gone-$f"
    same "blocks that are not the shield's" "$(dmsetup message "$f" 0 list 0 | awk '$5 !~ /s/ && $1 ~ /^[0-9]+$/ { print $1 }' | xargs)" "$(xargs <"/root/gone-$f")"
    # what somebody keeps elsewhere
    remapctl -q metadata backup "$f" -O "/root/backup-$f"
    cp --sparse=always "$(readlink -f "$dev")" "/root/full-$f"
    # brings the copies in the shield up to date
    [ "$by" = shutdown ] || remapctl -q stop "$f"
done
