# shellcheck shell=dash
r=/dev/mapper/r0
fault_disk main disk
fault_disk spare spare
sectorio fill /dev/mapper/main --shadow /dev/disk/shadow --seed 3
remapctl -q create r0 --main /dev/mapper/main --spare /dev/mapper/spare --no-shield --yes
blocks=$(($(size_of $r) / 8))

message() { dmsetup message r0 0 "$*"; }
field() { dmsetup status r0 | awk -v f="$1" '{ print $(f + 3) }'; }
state() { echo "$(field 2) $(field 6) $(field 7) $(field 16)"; }
refused() { check "refused: $*" fails message "$@"; }
fails() { ! "$@" 2>/dev/null; }
uptime_ms() { awk '{ print int($1 * 1000) }' /proc/uptime; }
# to_the_end VERB FIRST LAST : the message as often as it asks for more; sums in $sums, calls in $calls
to_the_end() {
    local verb=$1 at=$2 last=$3 answer a=0 b=0 c=0
    calls=0
    while :; do
        # shellcheck disable=SC2046  # several words
        set -- $(message "$verb $at+$((last - at))")
        answer=$1
        [ "$answer" != next ] || { at=$2; shift; }
        a=$((a + $2)) b=$((b + $3)) c=$((c + $4))
        calls=$((calls + 1))
        [ "$answer" = next ] || break
    done
    sums="$a $b $c"
}

# -- what makes no sense changes nothing
before=$(state)
refused add
refused add lost
refused add 5x
refused add -1
refused add 5+0
refused add 5+
refused add "$blocks"
refused add $((blocks - 1))+2
refused add 18446744073709551615
refused add 18446744073709551616
refused add 5+18446744073709551615
refused add 7 5
refused add 5+3 7
refused add 5 5
refused add reason=nothing 5
refused unmap
refused unmap "$blocks"
refused retry 5 3
refused list
refused list x
refused verify x
refused stats all
refused rearm now
refused remap 5
same "nothing has changed" "$(state)" "$before"
same "list from behind the end" "$(message list 99999999999)" end

# -- as often as one likes
same "add" "$(message add 100+3 1000)" "ok 4 0 0"
same "add, again" "$(message add 100+3 1000)" "ok 0 4 0"
same "add lost" "$(message add lost 200+2)" "ok 2 0 0"
same "add lost, again" "$(message add lost 200+2)" "ok 0 2 0"
same "add lost of what is there" "$(message add lost 100)" "ok 0 1 0"
same "unmap" "$(message unmap 100 101 200)" "ok 2 0 1"
same "unmap, again" "$(message unmap 100 101 200)" "ok 0 2 1"
same "retry" "$(message retry 200+2)" "ok 16 0 0"
same "retry, again" "$(message retry 200+2)" "ok 0 0 0"
same "unmap" "$(message unmap 200+2)" "ok 2 0 0"
same "verify" "$(message verify | cut -d' ' -f1,3,4)" "ok 0 0"
same "pause" "$(message pause)" ok
same "pause, again" "$(message pause)" ok
same "add while paused" "$(message add 300)" "ok 1 0 0"
same "rearm" "$(message rearm)" "ok active"
same "rearm, again" "$(message rearm)" "ok active"
# Both at once: each block is added by one of them.
message "add 2000+512" >/tmp/a &
message "add 2000+512" >/tmp/b
wait
same "twice at the same time" "$(cat /tmp/a /tmp/b | awk '{ a += $2; b += $3 + $4 } END { print a, b }')" "512 512"
same "entries" "$(field 6)" 515

# -- no more than 4096 blocks
same "add of many" "$(message "add lost 3500+4200")" "next 7596 4096 0 0"
same "the rest" "$(message "add lost 7596+104")" "ok 104 0 0"
# -- a list is as long as an answer may be, and says where to go on
at=0 listed=0 parts=0
while :; do
    message list "$at" >/tmp/list
    parts=$((parts + 1))
    listed=$((listed + $(grep -cE '^[0-9]' /tmp/list)))
    at=$(sed -n 's/^next //p' /tmp/list)
    [ -n "$at" ] || break
done
same "listed" "$listed" "$(field 6)"
check "in several parts" [ "$parts" -gt 1 ]
same "unmap of many" "$(message "retry 3500+4200" | cut -d' ' -f1)" next
to_the_end retry 3500 7700
to_the_end unmap 3500 7700
same "unmapped" "$sums" "4200 0 0"
check "in several messages" [ "$calls" -gt 1 ]

# -- about a second
inject main rule slow r all delay=300
t0=$(uptime_ms)
message "add 3000+64" >/tmp/answer
took=$(($(uptime_ms) - t0))
same "a slow disk" "$(cut -d' ' -f1 /tmp/answer)" next
check "after about a second, not after 20 ($took ms)" [ $took -lt 3000 ]
check "some of it was done" [ "$(cut -d' ' -f3 /tmp/answer)" -gt 0 ]
inject main drop slow
to_the_end add 3000 3064
same "all of it in the end" "$((${sums%% *} + $(cut -d' ' -f3 /tmp/answer)))" 64

# -- a suspend waits for the I/O that is under way, not for the message
inject main rule slow r all delay=900
message "add 3100+64" >/tmp/answer &
inject main await slow held 1
t0=$(uptime_ms)
dmsetup suspend r0
took=$(($(uptime_ms) - t0))
wait $!
check "suspended in time ($took ms)" [ $took -lt 2500 ]
check "the message was cut short" grep -q "^next 31" /tmp/answer
refused add 3100
refused stats
dmsetup resume r0
inject main drop slow
check "no block is left behind" timeout 10 dd if=$r of=/dev/null bs=1M iflag=direct
to_the_end add 3100 3164
check "the rest" [ "$(echo "$sums" | awk '{ print $1 + $2 }')" = 64 ]

# -- a device that has no table yet
dmsetup create --notable empty
check "no message without a table" fails dmsetup message empty 0 stats
dmsetup load empty --table "0 $(size_of $r) error"
check "nor with one that is not active" fails dmsetup message empty 0 stats
dmsetup remove empty

# -- verify finds what has rotted
table=128 # sectors: where copy 0 of the table begins
dd status=none if=/dev/zero of=/dev/disk/spare bs=4096 seek=$((table / 8)) count=1 oflag=direct conv=notrunc
same "a rotten block" "$(message verify | cut -d' ' -f3,4)" "1 0"
same "is in order again" "$(message verify | cut -d' ' -f3,4)" "0 0"
inject spare rule bad w $table+8 error=medium
dd status=none if=/dev/zero of=/dev/disk/spare bs=4096 seek=$((table / 8)) count=1 oflag=direct conv=notrunc
same "one that can't be repaired" "$(message verify | cut -d' ' -f3,4)" "0 1"
same "is frozen" "$(field 15)" 1
same "unmap is refused" "$(message unmap 1000)" "ok 0 0 1"
inject spare drop bad
same "repaired" "$(message verify | cut -d' ' -f3,4)" "1 0"
same "nothing is frozen" "$(field 15)" 0
same "unmap" "$(message unmap 1000)" "ok 1 0 0"

check "every sector" sectorio verify $r --shadow /dev/disk/shadow
remapctl -q stop r0
check "metadata" remapctl -q metadata check /dev/mapper/spare
dmsetup remove main
dmsetup remove spare
