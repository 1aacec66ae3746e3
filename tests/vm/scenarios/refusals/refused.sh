# shellcheck shell=dash
# Nothing of this may be activated, and nothing may be written on the way to the refusal.
d=/dev/disk
size=$(size_of $d/main)

sum() { md5sum <"$1" | cut -d' ' -f1; }
log_lines() { dmesg | wc -l; }

# refused REASON TABLE : REASON is in the kernel log; the members stay as they are
refused() {
    local lines members before after
    lines=$(log_lines)
    members=$(echo "$2" | grep -o '/dev/[a-z0-9/]*' | sort -u)
    before=$(for m in $members; do sum "$m"; done)
    check "refused: $1" fails dmsetup create bad --table "$2"
    check "    and the log says so" said "$lines" "$1"
    [ ! -e /dev/mapper/bad ] || dmsetup remove bad
    after=$(for m in $members; do sum "$m"; done)
    check "    nothing was written" [ "$before" = "$after" ]
}
fails() { ! "$@" 2>/dev/null; }
said() {
    dmesg | tail -n "+$(($1 + 1))" | grep -qF "$2" || { dmesg | tail -n "+$(($1 + 1))"; false; }
}
on() { echo "0 $size remap $d/main $d/$1"; }

refused "it is not formatted for dm-remap" "$(on empty)"
refused "it is not formatted for dm-remap" "$(on foreign)"
refused "it is too small to be a spare" "$(on tiny)"
refused "its creation was not finished" "$(on creating)"
refused "it is being dissolved" "$(on dissolving)"
refused "it was retired: another spare has replaced it" "$(on retired)"
refused "it uses features this version does not know" "$(on incompat)"
refused "The set has features that allow reading only" "$(on rocompat)"
refused "unknown format version" "$(on version)"
refused "the activation counter is exhausted" "$(on exhausted)"
refused "the two superblocks contradict each other" "$(on copies)"
refused "the two superblocks contradict each other" "$(on contradict)"
refused "checksum mismatch" "$(on nosb)"
refused "a table block is damaged in both copies (table block 0)" "$(on notable)"
refused "it was written for a device of another size" "$(on moved)"

refused "belongs to a main device of another size" "$(on othermain)"
refused "belongs to a main device of another size" "0 $((size - 8)) remap $d/main $d/good"
refused "The main device is too small" "0 $size remap $d/shorter $d/good"
refused "another logical block size" "$(on other4k)"
refused "The logical block of the spare is larger than that of the main device" "$(on lbs4k)"
refused "Main and spare overlap" "0 $size remap $d/main $d/main"
refused "Can't open the main device" "0 $size remap $d/nothing $d/good"
refused "Can't open the spare device" "0 $size remap $d/main $d/nothing"

refused "Usage: <main> <spare>" "0 $size remap $d/main"
refused "invalid option: rescue=x" "$(on good) 1 rescue=x"
refused "invalid option: rescue=1001" "$(on good) 1 rescue=1001"
refused "invalid option: rescue=4294967296" "$(on good) 1 rescue=4294967296"
refused "invalid option: isolate_ms=99" "$(on good) 1 isolate_ms=99"
refused "invalid option: isolate_ms=3600001" "$(on good) 1 isolate_ms=3600001"
refused "invalid option: rate=-1" "$(on good) 1 rate=-1"
refused "invalid option: faster" "$(on good) 1 faster"
refused "Too many arguments" "$(on good) 1 rescue=3 paused"
refused "Invalid number of options" "$(on good) 9 a b c d e f g h i"
refused "singleton target type must appear alone" "$(printf '0 8 error\n8 %s remap %s %s\n' "$size" $d/main $d/good)"

# A zoned device can be neither.
mkdir /sys/kernel/config/nullb/zoned
cd /sys/kernel/config/nullb/zoned || exit
echo 1 >memory_backed
echo 16 >size
echo 1 >zoned
echo 4 >zone_size
echo 1 >power
cd /test || exit
refused "Zoned devices are not supported" "0 $size remap /dev/zoned $d/good"
echo 0 >/sys/kernel/config/nullb/zoned/power

# Unreadable superblocks: both are too many, one is not.
fault_disk f good
inject f rule head r 0+8 error=medium
inject f rule tail r 8184+8 error=medium
check "refused: both superblocks unreadable" fails dmsetup create bad --table "0 $size remap $d/main /dev/mapper/f"
inject f drop tail
check "one superblock is enough" dmsetup create r0 --table "0 $size remap $d/main /dev/mapper/f"
same "and status says that it is one" "$(dmsetup status r0 | awk '{ print $16 }')" 2
inject f drop head
dmsetup remove r0
dmsetup remove f

# Features that allow reading only: a table that does not ask for more.
before=$(sum $d/rocompat)
check "read-only" dmsetup create r0 --readonly --table "$(on rocompat)"
same "status" "$(dmsetup status r0 | awk '{ print $6 }')" ro
same "a read" "$(probe /dev/mapper/r0 0)" ok
check "no write" [ "$(probe /dev/mapper/r0 0 1 w)" != ok ]
for message in "add 5" "unmap 5" "retry 5" verify rearm; do
    check "no message $message" fails dmsetup message r0 0 "$message"
done
check "list" dmsetup message r0 0 list 0
check "its table can't be made writable" fails dmsetup load r0 --table "$(on rocompat)"
dmsetup remove r0
same "nothing was written" "$(sum $d/rocompat)" "$before"

# And the good one is one.
check "the good one" dmsetup create r0 --table "$(on good)"
check "a copy of it on another device is refused" fails \
    dmsetup create bad --table "0 $size remap $d/main4k $d/twin"
dmsetup remove r0
check "metadata" remapctl -q metadata check $d/good
