# shellcheck shell=dash
# Sourced. Every sector of main has generation 1 and keeps it where main is made unwritable: so what is
# read there later tells main's old content from that of a slot.
r=/dev/mapper/r0

# begin SPARE [MAIN] : the disks; main has to be filled only if it is "main"
begin() {
    fault_disk main "${2:-main}"
    fault_disk spare "$1"
    [ -n "${2:-}" ] || sectorio fill /dev/mapper/main --shadow /tmp/shadow --seed 0
    new_set /dev/mapper/main /dev/mapper/spare
    layout
}

assemble() { remapctl -q assemble r0 --main /dev/mapper/main --spare /dev/mapper/spare; }
again() {
    remapctl -q stop r0
    assemble
}

# unwritable BLOCK... : of main
unwritable() {
    local b
    for b in "$@"; do inject main rule "w$b" w $((b * 8))+8 error=medium; done
}
# remap BLOCK GENERATION : a write of all of it that main can't take
remap() {
    unwritable "$1"
    put "$r" $(($1 * 8)) 8 "$2"
}

# zero SECTOR : eight sectors of the spare's disk
zero() { dd if=/dev/zero of=/dev/mapper/spare bs=4096 seek=$(($1 / 8)) count=1 oflag=direct conv=notrunc 2>/dev/null; }
metadata() { echo "superblocks $(field 13), tables $(field 14), frozen $(field 15)"; }
whole="superblocks 2, tables 2, frozen 0"
