# shellcheck shell=dash
# Sourced. Each phase begins with a write to the disk "marks", which is in the same log.
phase=0
begin() {
    phase=$((phase + 1))
    sectorio probe /dev/disk/marks $phase 1 w >/dev/null
    echo "$phase $*" >>/out/marks
}

# What is to be compared, on one place of DEV. The first flush is there to begin with nothing unflushed.
operations() { # NAME DEV SECTOR
    begin "$1" settle
    same "$1: flush" "$(probe "$2" 0 1 flush)" ok
    begin "$1" write
    same "$1: write" "$(probe "$2" "$3" 8 w)" ok
    begin "$1" flush
    same "$1: fsync" "$(probe "$2" 0 1 flush)" ok
    begin "$1" idle
    same "$1: fsync with nothing to do" "$(probe "$2" 0 1 flush)" ok
    begin "$1" fua
    same "$1: RWF_DSYNC" "$(probe "$2" "$3" 8 fua)" ok
    begin "$1" dsync
    same "$1: O_DSYNC" "$(probe "$2" "$3" 8 dsync)" ok
    begin "$1" end
}

# A file's block is overwritten and synced: data, journal, a commit block with PREFLUSH and FUA.
journal() { # NAME DEV
    mkdir -p /m
    mount -t ext4 -o noatime,commit=300 "$2" /m
    sync
    yes "phase $1" | head -c 4096 >/tmp/data
    begin "journal $1"
    dd if=/tmp/data of=/m/file bs=4096 conv=notrunc,fsync status=none
    begin "journal $1" end
    umount /m
}
