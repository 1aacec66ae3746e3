# shellcheck shell=dash
# An injector that does nothing would make every test that uses it worthless.
f=/dev/mapper/f d=/dev/disk/disk
fault_disk f disk
sectorio fill $f --shadow /tmp/shadow --seed 3

# content SECTOR : of the disk itself
content() {
    blockdev --flushbufs $d
    dd if=$d bs=512 skip="$1" count=1 2>/dev/null | md5sum
}
uptime_ms() { awk '{ print int($1 * 1000) }' /proc/uptime; }
refused() { # MESSAGE...
    check "refused: $*" fails inject f "$@"
}
fails() { ! "$@" 2>/dev/null; }
# as_said ERROR ERRNO OP : the error of a rule as it comes up
as_said() {
    inject f rule "$1" "$3" 1000+8 error="$1"
    same "error=$1, $3" "$(probe $f 1003 1 "$3")" "$2"
    inject f drop "$1"
}

# -- errors
offline=ENODEV
case $(uname -r) in 5.10.*) offline=EIO ;; esac
for op in r w; do
    as_said medium ENODATA $op
    as_said ioerr EIO $op
    as_said target EREMOTEIO $op
    as_said timeout ETIMEDOUT $op
    as_said transport ENOLINK $op
    as_said offline $offline $op
    as_said resource ENOMEM $op
    as_said notsupp EOPNOTSUPP $op
done
same "dropped rules" "$(probe $f 1003) $(probe $f 1003 1 w)" "ok ok"

# -- what a rule takes
inject f rule one r 1000+8 error=medium
same "in front of the range" "$(probe $f 999)" ok
same "its first sector" "$(probe $f 1000)" ENODATA
same "its last sector" "$(probe $f 1007)" ENODATA
same "behind it" "$(probe $f 1008)" ok
same "a large read over it" "$(probe $f 900 512)" ENODATA
same "is one bio" "$(inject f hits one)" 3
same "a write to it" "$(probe $f 1000 8 w)" ok
inject f rule later r 1000 error=ioerr
same "the first rule wins" "$(probe $f 1000)" ENODATA
same "and the later one is not asked" "$(inject f hits later)" 0
inject f clear
same "cleared" "$(probe $f 1000)" ok

before=$(content 2000)
inject f rule w w 2000+8 error=ioerr
same "a failed write" "$(probe $f 2000 8 w)" EIO
same "does not reach the disk" "$(content 2000)" "$before"
same "reads are not meant" "$(probe $f 2000)" ok
inject f drop w
inject f rule w w 2000+8 error=ioerr land
same "a write that fails after it landed" "$(probe $f 2000 8 w)" EIO
check "is on the disk" [ "$(content 2000)" != "$before" ]
inject f clear

same "flush" "$(probe $f 0 1 flush)" ok
inject f rule f f all error=medium
same "a failed flush" "$(probe $f 0 1 flush)" ENODATA
same "a write beside it" "$(probe $f 0 1 w)" ok
inject f drop f

check "discard" /sbin/blkdiscard -o 8M -l 1M $f
inject f rule d d 16384+8 error=ioerr
check "a failed discard" fails /sbin/blkdiscard -o 8M -l 1M $f
check "a discard elsewhere" /sbin/blkdiscard -o 12M -l 1M $f
inject f rule z z 16384+8
check "write zeroes" /sbin/blkdiscard -z -o 8M -l 64k $f
same "are seen" "$(inject f hits z)" 1
inject f clear

# -- how often
inject f rule n r 3000 error=medium skip=2 times=2
same "skip=2 times=2" "$(for i in 1 2 3 4 5 6; do probe $f 3000; done | tr '\n' ' ')" \
    "ok ok ENODATA ENODATA ok ok "
same "hits" "$(inject f hits n)" 2
inject f rule m r 3000 error=ioerr
same "a rule that has ended lets the next one decide" "$(probe $f 3000)" EIO
inject f clear

# -- time
inject f rule slow r 4000 delay=700 error=medium
inject f rule slower r 4008 delay=1500
start=$(uptime_ms)
probe $f 4008 >/tmp/slower &
slower=$!
same "a slow read that fails" "$(probe $f 4000)" ENODATA
took=$(($(uptime_ms) - start))
check "took $took ms" [ $took -ge 690 ]
same "something else meanwhile" "$(probe $f 4016)" ok
wait $slower
took=$(($(uptime_ms) - start))
check "a slower one took $took ms" [ $took -ge 1490 ]
same "and passed" "$(cat /tmp/slower)" ok
inject f clear
inject f rule slow r 4000 delay=60000
start=$(uptime_ms)
probe $f 4000 >/tmp/slow &
inject f await slow held 1
inject f drop slow
wait $!
same "dropped, a slow one goes on at once" "$(cat /tmp/slow)" ok
check "really" [ $(($(uptime_ms) - start)) -lt 30000 ]

# -- hold
before=$(content 5000)
inject f rule h w 5000+64 hold
for i in 0 8 16; do
    probe $f $((5000 + i)) 8 w >/tmp/h$i &
    eval "p$i=$!"
    inject f await h held $((i / 8 + 1))
done
same "status" "$(dmsetup status f | awk '{ print $9, $10, $11 }')" "h 3 3"
same "a held write is not on the disk" "$(content 5000)" "$before"
inject f release h 1
# shellcheck disable=SC2154  # set by eval
wait "$p0"
same "the first one, released" "$(cat /tmp/h0)" ok
check "is there" [ "$(content 5000)" != "$before" ]
same "held" "$(dmsetup status f | awk '{ print $9, $10, $11 }')" "h 3 2"
inject f release h
# shellcheck disable=SC2154
wait "$p8" "$p16"
same "the others" "$(cat /tmp/h8 /tmp/h16 | tr '\n' ' ')" "ok ok "
inject f clear

before=$(content 6000)
inject f rule h w 6000+8 hold land error=transport
probe $f 6000 8 w >/tmp/h &
inject f await h held 1
check "a write whose answer is held is on the disk" [ "$(content 6000)" != "$before" ]
same "without an answer" "$(cat /tmp/h)" ""
inject f release h
wait $!
same "which is an error" "$(cat /tmp/h)" ENOLINK
probe $f 6000 8 w >/tmp/h &
inject f await h held 1
inject f clear
wait $!
same "cleared, it goes on to its error" "$(cat /tmp/h)" ENOLINK

# -- await
inject f rule a r 7000
check "await in vain" fails inject f await a hits 1 300
(sleep 0.3; probe $f 7000 >/dev/null) &
check "await what comes" inject f await a hits 1
wait $!
check "await what was" inject f await a hits 1 0
check "hits of nothing" fails inject f hits b
refused rule a r 1
refused rule b x 1
refused rule b r 1+0
refused rule b r 1 error=nothing
refused rule b r 1 hold delay=5
refused rule b r
refused await b hits 1
refused release b
refused drop b
refused nonsense
inject f clear

# -- counters
# counted COMMAND... : what it adds to them
counted() {
    dmsetup status f >/tmp/before
    "$@" >/dev/null
    dmsetup status f | cat /tmp/before - |
        awk '{ for (i = 4; i <= 8; i++) n[i] = $i - n[i] } END { print n[4], n[5], n[6], n[7], n[8] }'
}
same "counters: a read" "$(counted probe $f 0)" "1 0 0 0 0"
same "a write" "$(counted probe $f 0 1 w)" "0 1 0 0 0"
same "a flush" "$(counted probe $f 0 1 flush)" "0 0 1 0 0"
# some kernels flush as well
same "a write with FUA" "$(counted probe $f 0 1 fua | cut -d' ' -f1,2,4,5)" "0 1 1 0"
# it looks for signatures first
same "a discard" "$(counted /sbin/blkdiscard -o 8M -l 1M $f | cut -d" " -f2-)" "0 0 0 1"
same "physical block size" "$(cat /sys/block/dm-0/queue/physical_block_size)" 4096
same "table" "$(dmsetup table f)" "0 65536 fault $(cat "/sys/block/$(basename "$(readlink -f $d)")/dev") 0"

# -- a suspend waits for what is held
inject f rule h r 100 hold
probe $f 100 >/tmp/h &
reader=$!
inject f await h held 1
dmsetup suspend f &
suspend=$!
sleep 0.5
check "a suspend waits" kill -0 $suspend
same "not suspended" "$(dmsetup info -c --noheadings -o suspended f)" Active
inject f release h
wait $suspend
wait $reader
same "suspended" "$(dmsetup info -c --noheadings -o suspended f)" Suspended
same "the read" "$(cat /tmp/h)" ok
dmsetup resume f

# -- with an offset
dmsetup create part --table "0 1000 fault $d 8000"
inject part rule e r 5 error=medium
same "offset: the rule's sectors are those of the table" "$(probe /dev/mapper/part 5)" ENODATA
before=$(content 8006)
probe /dev/mapper/part 6 1 w >/dev/null
check "and the disk's are behind the offset" [ "$(content 8006)" != "$before" ]
dmsetup remove part

dmsetup remove f
