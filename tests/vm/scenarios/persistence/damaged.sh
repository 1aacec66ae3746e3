# shellcheck shell=dash
# shellcheck source=/dev/null
. ./common.sh

# assembled NAME : has all entries
assembled() {
    if ! remapctl assemble r0 --main /dev/disk/main --spare "/dev/disk/$1" >/tmp/log 2>&1; then
        cat /tmp/log
        return 1
    fi
    entries >/tmp/entries
    cmp /tmp/entries entries
}

echo "whole nothing" >/tmp/cases
cat cases.txt >>/tmp/cases
while read -r name what; do
    spare=/dev/disk/$name
    status=0
    remapctl -q metadata check "$spare" >/tmp/log 2>&1 || status=$?
    wanted=10
    # An old superblock is not damage; that it is old can be told.
    [ "$name" != whole ] || wanted=0
    case $what in *stale) ;; *) same "$what: found by a check" "$status" "$wanted" ;; esac
    check "$what: assembles with the same entries" assembled "$name"
    case $name in
        whole | mixed* | one*[05])
            check "$what: content" sectorio verify "$r" --shadow /dev/disk/shadow --lost unreadable.list ;;
    esac
    dmsetup status r0 | awk '{ print "      superblocks, tables, frozen:", $16, $17, $18 }'
    remapctl stop r0
    check "$what: repaired" remapctl -q metadata check "$spare"
    check "$what: and again" assembled "$name"
    remapctl stop r0
done </tmp/cases

for name in both1 both2 both3 both4 super1 super2 super3 super4; do
    spare=/dev/disk/$name
    before=$(sha256sum <"$spare")
    echo 3 >/proc/sys/vm/drop_caches
    dmesg -c >/dev/null
    status=0
    remapctl assemble r0 --main /dev/disk/main --spare "$spare" >/tmp/log 2>&1 || status=$?
    dmesg >>/tmp/log
    case $name in
        both*)
            same "$name: refused" "$status" 6
            [ "$status" = 6 ] || cat /tmp/log
            check "$name: the block is named" grep -qE 'table block 1\b' /tmp/log
            remapctl metadata check "$spare" >/tmp/log 2>&1 && fail "$name: no damage found"
            check "$name: by the check as well" grep -qiE '(table )?block 1\b' /tmp/log
            ;;
        # Damaged, or, without its magic, no spare at all
        super*) check "$name: refused, $status" expr "$status" : '[46]$' ;;
    esac
    check "$name: no device is left" sh -c '! dmsetup info r0 >/dev/null 2>&1'
    # The kernel by itself, without what remapctl looks at before
    check "$name: refused by the kernel" sh -c "! dmsetup create r0 --table '0 $(size_of /dev/disk/main) remap /dev/disk/main $spare' 2>/tmp/log"
    dmesg | tail -n 2
    case $name in both*) check "$name: the kernel names it" sh -c "dmesg | grep -E 'remap.*block 1\\b' >/dev/null" ;; esac
    echo 3 >/proc/sys/vm/drop_caches
    same "$name: the spare is as before" "$(sha256sum <"$spare")" "$before"
done
