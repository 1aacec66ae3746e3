# shellcheck shell=dash
# What README.md says, line by line, as somebody at a terminal types it.

# shellcheck source=/dev/null
. ./names.sh

mkdir -p /dev/pts
mount -t devpts devpts /dev/pts

# the indented lines of that chapter, without what follows a #
sed -n '/^## A quick tour/,/^## /{ s/^    //p; }' README.md | sed 's/ *#.*//' |
    sed "s|/dev/sdc1|$spare1|; s|/dev/sdb|$main|" >/tmp/tour
check "the chapter has commands" [ "$(grep -c remapctl /tmp/tour)" -ge 5 ]
while read -r line <&3; do
    [ -n "$line" ] || continue
    echo "# $line"
    status=0
    # the answer to create's question; others ask nothing
    echo "${spare1#/dev/}" | /sbin/script -qec "$line" /dev/null || status=$?
    same "$line" "$status" 0
done 3</tmp/tour
check "the set is there" [ -b /dev/mapper/data ]
mount /dev/mapper/data /mnt
check "with its content" [ -d /mnt/lost+found ]
umount /mnt
