# shellcheck shell=dash
# A disk that leaves a command unanswered, once; the kernel aborts it and asks again.
# shellcheck source=/dev/null
. ./set.sh
modprobe scsi_debug dev_size_mb=16 delay=0 ||
    { echo "no scsi_debug"; exit 0; }
debug=/sys/bus/pseudo/drivers/scsi_debug
disk=''
for i in 1 2 3 4 5 6 7 8 9 10; do
    for disk in "$debug"/adapter0/host*/target*/*:*/block/*; do [ ! -d "$disk" ] || break 2; done
    sleep 0.2
done
m=/dev/${disk##*/}
create "$m"
echo 2 >"$disk/device/timeout"
echo 4 >$debug/opts # leave commands unanswered: every_nth of them

uptime_ms() { awk '{ print int($1 * 1000) }' /proc/uptime; }
silent() { # OP
    local start took
    start=$(uptime_ms)
    echo 1 >$debug/every_nth
    probe "$r" 1000 8 "$1" >/tmp/answer &
    sleep 0.7
    echo 0 >$debug/every_nth
    wait $!
    took=$(($(uptime_ms) - start))
    same "$1, unanswered once" "$(cat /tmp/answer)" ok
    check "it took the timeout: $took ms" [ $took -ge 1900 ]
    unchanged "$1"
}
silent r
silent w
same "errors that the target saw" "$(field 8) $(field 9) $(field 11)" "0 0 0"
remapctl -q stop r0
