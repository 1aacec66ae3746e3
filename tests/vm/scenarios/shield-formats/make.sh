# shellcheck shell=dash
# Each format gets a shield and loses it again; then it gets one for good, and is written to.
# shellcheck source=/dev/null
. ./common.sh
. ./refused.sh
no_md_by_itself

# create F
create() {
    remapctl -q create "$1" --main "/dev/disk/$1" --spare "/dev/disk/spare-$1" --yes
    check "its partitions have gone with create" [ -z "$(partitions "/dev/disk/$1")" ]
    udevadm settle
}

# shellcheck disable=SC2154  # from the host
for f in $formats; do
    raw=/dev/disk/$f dev=/dev/mapper/$f
    echo "--- $f ($(cut -d' ' -f1 /proc/uptime) s)"
    "make_$f" "$raw"
    blockdev --flushbufs "$raw"
    udevadm settle
    what_shows "$raw" >/tmp/shown
    sed 's/^/      /' /tmp/shown
    check "it is seen before" grep -q "^blkid$tab." /tmp/shown
    keep "$raw" before

    create "$f"
    hidden "in use" "$raw"
    identical "the remap device" "$dev" before
    "open_$f" "$dev" ro
    check "content" verify
    "close_$f" "$dev"
    remapctl -q stop "$f"
    udevadm settle
    hidden "stopped" "$raw"
    unrecognised "$raw"
    remapctl -q dissolve "$f" --yes
    identical "main is as it was" "$raw" before
    same "partitions are back with dissolve" "$(partitions "$raw")" "$(sed -n "s/^partitions$tab//p" /tmp/shown)"
    udevadm settle
    what_shows "$raw" >/tmp/shown.again
    check "it shows what it did" diff /tmp/shown /tmp/shown.again
    "open_$f" "$raw" ro
    check "content" verify
    "close_$f" "$raw"
    rm "$kept/before"

    create "$f"
    "open_$f" "$dev" rw
    check "content" verify
    change first
    "close_$f" "$dev"
done
md_by_itself
