# shellcheck shell=dash
# Somebody else uses the set, or part of it, at the same time or in between.
# shellcheck source=/dev/null
. ./set.sh
main=/dev/disk/disk spare=/dev/disk/spare twin=/dev/disk/twin old=/dev/disk/old
size=$(size_of "$main")
copy() { dd status=none if="$1" of="$2" bs=1M iflag=direct oflag=direct conv=notrunc; }
refused() { # WHAT TABLE
    check "refused: $1" fails dmsetup create r1 --table "$2"
    [ ! -e /dev/mapper/r1 ] || dmsetup remove r1
}
on() { echo "0 $size remap $1 $2"; }

# prepare.sh: "old" is the spare as it was then, "twin" what it became elsewhere, "retired" says so.
copy "$old" "$spare"
remapctl -q assemble r0 --main "$main" --spare "$spare"

echo "-- a second device"
refused "the same set" "$(on "$main" "$spare")"
refused "its main" "$(on "$main" "$twin")"
refused "its spare" "$(on /dev/disk/shadow "$spare")"
refused "its spare as main" "0 8192 remap $spare $twin"
refused "its main as spare" "$(on /dev/disk/shadow "$main")"
refused "a copy of the spare" "$(on /dev/disk/shadow "$twin")"
# Also with a table that is only loaded.
dmsetup create --notable r1
check "refused: a table for later" fails dmsetup load r1 --table "$(on "$main" "$spare")"
dmsetup remove r1
check "refused: other devices under a set that is active" \
    fails dmsetup load r0 --table "$(on /dev/disk/shadow "$twin")"
same "it works on" "$(probe "$r" 800)" ok
remapctl -q stop r0

echo "-- used elsewhere while it is suspended here"
copy "$old" "$spare"
dmsetup create r0 --table "$(on "$main" "$spare")"
same "entries" "$(field 6)" 5
same "activation" "$(field 19)" 2
dmsetup suspend r0
copy "$spare" /dev/disk/own
copy "$twin" "$spare"
dd status=none if=$spare of=/tmp/before bs=1M iflag=direct
check "resume is refused" fails dmsetup resume r0
same "mode" "$(field 2)" fail
dd status=none if=$spare of=/tmp/after bs=1M iflag=direct
check "nothing was written" cmp /tmp/before /tmp/after
check "no message" fails dmsetup message r0 0 add 400
copy /dev/disk/own "$spare"
check "with its own spare it goes on" dmsetup resume r0
same "mode" "$(field 2)" active
same "a remapped block" "$(probe "$r" 800)" ok
same "add" "$(dmsetup message r0 0 add 400)" "ok 1 0 0"
dmsetup remove r0

echo "-- a table that was loaded before the state changed"
# behind WHAT CHANGE... : load, change the spare, resume
behind() {
    local what=$1
    shift
    copy "$old" "$spare"
    dmsetup create --notable r0
    dmsetup load r0 --table "$(on "$main" "$spare")"
    "$@"
    dd status=none if=$spare of=/tmp/before bs=1M iflag=direct
    check "refused at resume: $what" fails dmsetup resume r0
    dd status=none if=$spare of=/tmp/after bs=1M iflag=direct
    check "nothing was written" cmp /tmp/before /tmp/after
    dmsetup remove r0
}
behind "used in between" copy "$twin" "$spare"
behind "retired in between" copy /dev/disk/retired "$spare"
behind "wiped in between" dd status=none if=/dev/zero of=$spare bs=1M count=16 oflag=direct
copy "$old" "$spare"
dmsetup create --notable r0
dmsetup load r0 --table "$(on "$main" "$spare")"
check "unchanged: it is activated" dmsetup resume r0
same "entries" "$(field 6)" 5
dmsetup remove r0
check "metadata" remapctl -q metadata check "$spare"
