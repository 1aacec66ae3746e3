# shellcheck shell=dash
# Bad sectors, and many of them in a row, are remapped: no proof of anything stands in their way.
# shellcheck source=/dev/null
. ./set.sh
fault_disk main disk
dd if=/dev/urandom of=/tmp/random bs=64k count=192 2>/dev/null
dd if=/tmp/random of=/dev/mapper/main bs=64k 2>/dev/null
create /dev/mapper/main
dmsetup load r0 --table "$(dmsetup table r0 | awk '{ print $1, $2, $3, $4, $5, 1, "rate=0" }')"
dmsetup resume r0
size=$(size_of "$r")

# write_run BLOCK COUNT : block by block, at queue depth 1
write_run() { dd if=/tmp/random of="$r" bs=4096 seek="$1" count="$2" oflag=direct 2>/tmp/log || { cat /tmp/log; false; }; }
right() { # BLOCK COUNT
    dd if="$r" bs=4096 skip="$1" count="$2" iflag=direct 2>/tmp/log | cmp -s -n $(($2 * 4096)) - /tmp/random
}
count=0
# remaps WHAT OPS BLOCK COUNT
remaps() {
    echo "-- $1"
    inject main rule bad "$2" $(($3 * 8))+$(($4 * 8)) error=medium
    check "written" write_run "$3" "$4"
    check "right" right "$3" "$4"
    count=$((count + $4))
    same "entries and mode" "$(entries), $(mode)" "$count entries, 0 lost, active"
    inject main drop bad
}
remaps "64 blocks that can't be written" wz 5000 64
remaps "64 blocks that can't be read either" rwz 6000 64
remaps "the first 16 blocks" rwz 0 16
echo "-- one of the first 32 blocks, all of which are bad"
inject main rule bad rwz 0+256 error=medium
check "written" write_run 20 1
check "right" right 20 1
count=$((count + 1))
same "entries and mode" "$(entries), $(mode)" "$count entries, 0 lost, active"
inject main drop bad
remaps "the last 16 blocks" rwz $((size / 8 - 16)) 16
remaps "a block in front of them" wz $((size / 8 - 17)) 1
remaps "the blocks around the border of two regions" rwz $((16384 - 20)) 40
remaps "3000 blocks" wz 8000 3000

echo "-- one sector, always"
inject main rule bad rwz 120003 error=ioerr
same "a read" "$(probe "$r" 120003)" EIO
same "of the sector beside it" "$(probe "$r" 120002)" ok
same "a write" "$(probe "$r" 120003 1 w)" ok
same "a read" "$(probe "$r" 120003)" ok
inject main drop bad
count=$((count + 1))
echo "-- write zeroes that fail, and can't be done by writing"
inject main rule bad wz 120804 error=ioerr
check "are done on the spare" /sbin/blkdiscard -f -z -o $((120800 * 512)) -l 8192 "$r"
dd if="$r" of=/tmp/zeros bs=512 skip=120800 count=16 iflag=direct 2>/dev/null
check "zeros" cmp -s -n 8192 /tmp/zeros /dev/zero
inject main drop bad
count=$((count + 1))
same "entries and mode" "$(entries), $(mode)" "$count entries, 0 lost, active"

echo "-- 64 blocks that can't be read"
inject main rule bad rwz 130000+512 error=medium
i=0
while [ $i -lt 64 ]; do
    [ "$(probe "$r" $((130000 + i * 8)) 8)" = ENODATA ] || fail "block $i could be read"
    i=$((i + 1))
done
count=$((count + 64))
same "entries and mode" "$(entries), $(mode)" "$count entries, 512 lost, active"
check "written" write_run 16250 64
check "right" right 16250 64
same "entries and mode" "$(entries), $(mode)" "$count entries, 0 lost, active"
inject main clear
remapctl -q stop r0
