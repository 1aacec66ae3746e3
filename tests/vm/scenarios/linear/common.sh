# shellcheck shell=dash
# sum DEV : of its whole content; what can't be read counts as zeros
sum() { dd if="$1" bs=512 conv=noerror,sync 2>/dev/null | sha256sum; }
# lost DEV : the sectors that can't be read
lost() {
    local sector=0
    # by 4 KiB first: an error there is looked at sector by sector
    while [ $sector -lt "$(size_of "$1")" ]; do
        if [ "$(probe "$1" $sector 8)" != ok ]; then
            for s in 0 1 2 3 4 5 6 7; do
                [ "$(probe "$1" $((sector + s)))" = ok ] || echo $((sector + s))
            done
        fi
        sector=$((sector + 8))
    done
}
