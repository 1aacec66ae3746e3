# shellcheck shell=dash
# Sourced by work.sh and check.sh.
r=/dev/mapper/r0

# The files that were there before: right, or failing where the disk really has nothing any more.
# Both ways: by file, through the page cache, and sector by sector.
check_old_files() {
    echo 3 >/proc/sys/vm/drop_caches
    (cd /m && sha256sum -c /test/before.sha256 2>/dev/null) | sed -n 's/: FAILED.*//p' | sort >/tmp/hurt
    same "old files that can't be read" "$(wc -l </tmp/hurt)" "$(wc -l <hurt)"
    check "they are those with unreadable sectors" cmp /tmp/hurt hurt
    check "their sectors" sectorio compare "$r" /dev/disk/golden --only kept.list --lost unreadable.list \
        --list-lost /tmp/lost
    same "of which lost" "$(wc -l </tmp/lost)" 60
    same "one of them" "$(probe "$r" "$(head -n 1 /tmp/lost)")" ENODATA
}

# No write error gets to the file system. Reads of lost sectors may fail, and do.
check_log() {
    dmesg | grep -E 'EXT4-fs (error|warning)|EXT4-fs.*(Delayed|failed)|lost a?sync page write' >/tmp/complaints || true
    dmesg | grep -E 'JBD2: |Aborting journal|Remounting filesystem|dm-[0-9].*WRITE' >>/tmp/complaints || true
    same "complaints about writes" "$(wc -l </tmp/complaints)" 0
    head -n 5 /tmp/complaints
    check "still writable" grep -q '^/dev/mapper/r0 /m ext4 rw' /proc/mounts
}
