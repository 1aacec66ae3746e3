# shellcheck shell=dash
# Each mistake that somebody makes on the way is answered by a line that helps, and
# changes nothing.

# shellcheck source=/dev/null
. ./names.sh

# wrong WHAT STATUS TEXT COMMAND... : fails with that status and one line with that text
wrong() {
    local what=$1 wanted=$2 text=$3 status=0
    shift 3
    "$@" >/tmp/out 2>/tmp/err </dev/null || status=$?
    same "$what" "$status" "$wanted"
    tail -n 1 /tmp/err
    check "  and says: $text" grep -qF -- "$text" /tmp/err
    check "  in one line of its own" sh -c 'tail -n 1 /tmp/err | grep -q "^remapctl: "'
}
create() { remapctl create "$@" --no-shield --yes; }

sums() { cat "$main" "$spare" | sha256sum; }
# the initramfs is readable for root only
chmod a+rx /
before=$(sums)
check "the partition is there" [ -b "$spare1" ]

wrong "no verb" 2 "see: remapctl --help" remapctl
wrong "a verb that is none" 2 "did you mean 'create'?" remapctl creat data
wrong "devices in the wrong order" 3 "are --main and --spare swapped?" \
    create data --main "$spare1" --spare "$main"
wrong "the same device twice" 3 "same device" create data --main "$main" --spare "$main"
wrong "a disk and its own partition" 3 "overlap" create data --main "$spare" --spare "$spare1"
wrong "the whole disk as a spare" 3 "contains a 'dos' signature" create data --main "$main" --spare "$spare"
wrong "a device that is none" 4 "No such file" create data --main /dev/sdx --spare "$spare1"
wrong "a file instead of a device" 4 "is not a block device" create data --main /etc/modules --spare "$spare1"
wrong "no spare" 2 "for advice run: remapctl create --dry-run --main $main" create data --main "$main"
wrong "nobody to ask" 3 "give --yes" remapctl create data --main "$main" --spare "$spare1" --no-shield
wrong "a name that is a path" 2 "use letters, digits" create /dev/mapper/data --main "$main" --spare "$spare1"
mount -t ext4 -o ro,noload "$main" /mnt
wrong "a mounted main device" 5 "mounted on /mnt" create data --main "$main" --spare "$spare1"
umount /mnt
dmsetup create holder --table "0 100 linear $spare1 0"
wrong "a spare in use" 5 "(holder)" create data --main "$main" --spare "$spare1"
dmsetup remove holder
wrong "not root" 3 "try as root" /sbin/setpriv --reuid 65534 --clear-groups remapctl create data --main "$main" --spare "$spare1" --no-shield --yes
wrong "not root, looking" 3 "try as root" /sbin/setpriv --reuid 65534 --clear-groups remapctl status
wrong "a set that is not there" 4 "see: remapctl list -a" remapctl status data
wrong "something to assemble that is not there" 4 "see: remapctl list -a" remapctl assemble data
same "nothing was changed" "$(sums)" "$before"

remapctl create --dry-run --main "$main"
create data --main "$main" --spare "$spare1"
wrong "a unit that is none" 2 "units are s, b, K, M" remapctl add data 123456Q+8
wrong "a sector behind the end" 2 "behind the end" remapctl add data 99999999
wrong "remove" 2 "did you mean 'unmap'" remapctl remove data
wrong "the same set again" 5 "in use" create data --main "$main" --spare "$spare1"
mount /dev/mapper/data /mnt
wrong "a set in use" 5 "mounted on /mnt" remapctl stop data
wrong "the disk below a set" 5 "held by" create other --main "$main" --spare /dev/disk/first
umount /mnt
remapctl add data 0+8
remapctl stop data
wrong "wipe of a spare with content" 3 "--discard-remapped=1" remapctl wipe --yes "$spare1"
remapctl wipe --yes --discard-remapped 1 "$spare1"
