# shellcheck shell=dash
r=/dev/mapper/r0

seconds() { cut -d' ' -f1 /proc/uptime; }
# The real-time clock, to the second: the guest's own time may be off by far when its processor was
# calibrated on a busy host.
clock() { cat /sys/class/rtc/rtc0/since_epoch; }
since() { awk -v a="$1" '{ printf "%.1f", $1 - a }' /proc/uptime; }

# All entries as the kernel lists them, page after page: "BLOCK SLOT MASK REASON FLAGS".
entries() {
    local next=0 last
    while :; do
        dmsetup message r0 0 list "$next" >/tmp/page
        last=$(tail -n 1 /tmp/page)
        head -c $(($(stat -c %s /tmp/page) - ${#last} - 1)) /tmp/page
        case $last in
            next\ *) next=${last#next } ;;
            end) return 0 ;;
            *) fail "list $next ends with '$last'" ;;
        esac
    done
}

free_kb() {
    echo 3 >/proc/sys/vm/drop_caches
    sleep 1
    awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo
}
