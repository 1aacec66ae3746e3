# shellcheck shell=dash
# sum DEV : of its whole content; what can't be read counts as zeros
sum() { dd if="$1" bs=512 conv=noerror,sync 2>/dev/null | sha256sum; }
# lost DEV : the sectors that can't be read
lost() {
    local at=0
    while [ $at -lt "$(size_of "$1")" ]; do
        show "$1" $at 256 | tr ' ' '\n' | awk -v at=$at '!/^[0-9-]/ { print at + NR - 1 }'
        at=$((at + 256))
    done
}
