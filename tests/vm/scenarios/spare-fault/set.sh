# shellcheck shell=dash
# Sourced. Every sector of main has generation 1 and keeps it where main is made unwritable: so what is
# read there later tells main's old content from that of a slot.
r=/dev/mapper/r0

# begin SPARE : the disk
begin() {
    fault_disk main main
    fault_disk spare "$1"
    sectorio fill /dev/mapper/main --shadow /tmp/shadow --seed 0
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
reads_of_spare() { dmsetup status spare | awk '{ print $4 }'; }
