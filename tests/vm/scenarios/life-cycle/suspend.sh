# shellcheck shell=dash
# Suspend, resume and removal in the middle of the handling of an error.
# shellcheck source=/dev/null
. ./set.sh
start 65536

suspended() { cat /sys/class/block/"$(dmsetup info -c --noheadings -o blkdevname r0)"/dm/suspended; }

# waits_for RULE DEVICE OPTION... : suspends while the rule holds a bio, and releases that
waits_for() {
    local rule=$1 device=$2 suspend
    shift 2
    dmsetup suspend "$@" r0 &
    suspend=$!
    until grep -q dm_wait_for /proc/$suspend/stack; do
        kill -0 $suspend 2>/dev/null || break
        sleep 0.02
    done
    same "not suspended yet" "$(suspended)" 0
    check "the suspend waits" kill -0 $suspend
    inject "$device" drop "$rule"
    wait $suspend
    same "suspended" "$(suspended)" 1
    dmsetup resume r0
}

for option in "" --noflush; do
    echo "-- suspend $option, a rescue is writing its slot"
    inject disk rule bad w 8000+8 error=medium
    inject spare rule slot w all hold times=1
    probe "$r" 8002 1 w >/tmp/answer &
    writer=$!
    inject spare await slot held 1
    # shellcheck disable=SC2086  # nothing or one word
    waits_for slot spare $option
    wait $writer
    same "the write" "$(cat /tmp/answer)" ok
    same "entry" "$(dmsetup message r0 0 list 0 | cut -d' ' -f1 | head -1)" 1000
    same "the sectors beside it" "$(probe "$r" 8000 8)" ok
    inject disk drop bad
    same "unmap" "$(dmsetup message r0 0 unmap 1000)" "ok 1 0 0"

    echo "-- suspend $option, a read is being isolated"
    # All reads of 9001 fail; that of 9000 alone, which isolation makes, is held.
    inject disk rule fails rw 9001 error=medium
    inject disk rule apart r 9000 hold
    probe "$r" 9000 8 >/tmp/answer &
    reader=$!
    inject disk await apart held 1
    # shellcheck disable=SC2086
    waits_for apart disk $option
    wait $reader
    same "the read" "$(cat /tmp/answer)" ENODATA
    same "entry" "$(dmsetup message r0 0 list 0 | cut -d' ' -f1,3 | head -1)" "1125 02"
    inject disk clear
    same "retry" "$(dmsetup message r0 0 retry 1125)" "ok 1 0 0"
    same "unmap" "$(dmsetup message r0 0 unmap 1125)" "ok 1 0 0"
done

echo "-- reads that wait for a slow isolation give way: without flush they come back, else they fail"
inject disk rule slow r 16000+4096 delay=4000 error=medium
for n in 0 1 2 3 4 5; do
    probe "$r" $((16000 + n * 64)) >/tmp/answer$n &
done
inject disk await slow hits 7
t0=$(uptime_ms)
dmsetup suspend --noflush r0
took=$(($(uptime_ms) - t0))
# 5 s of patience and the I/O that is under way
check "the suspend took $took ms" [ $took -lt 15000 ]
inject disk drop slow
dmsetup resume r0
wait
cat /tmp/answer?
check "those that were kept are right" [ "$(grep -c ok /tmp/answer0 /tmp/answer1 /tmp/answer2 /tmp/answer3 /tmp/answer4 /tmp/answer5 | grep -c ':1')" -ge 3 ]
inject disk rule slow r 16000+4096 delay=4000 error=medium
for n in 0 1 2 3 4 5; do
    probe "$r" $((17000 + n * 64)) >/tmp/answer$n &
done
inject disk await slow hits 7
t0=$(uptime_ms)
dmsetup suspend r0
took=$(($(uptime_ms) - t0))
wait
check "the suspend took $took ms" [ $took -lt 15000 ]
inject disk drop slow
dmsetup resume r0
same "an error is an error" "$(cat /tmp/answer? | sort -u)" ENODATA
dmsetup message r0 0 "retry 2000+512" >/dev/null
dmsetup message r0 0 "unmap 2000+512" >/dev/null
same "entries" "$(field 6)" 0

echo "-- removal right after an error"
for n in 1 2 3 4 5 6 7 8 9 10; do
    inject disk rule bad w $((30000 + n * 8))+8 error=medium
    same "a rescue" "$(probe "$r" $((30000 + n * 8)) 8 w)" ok
    # A failed read goes up at once and leaves its event behind.
    inject disk rule dead r $((40000 + n * 8)) error=transport
    same "an error" "$(probe "$r" $((40000 + n * 8)))" ENOLINK
    dmsetup remove r0
    inject disk clear
    remapctl -q assemble r0 --main /dev/mapper/main --spare /dev/mapper/spare
    same "entries" "$(field 6)" $n
done
finish
