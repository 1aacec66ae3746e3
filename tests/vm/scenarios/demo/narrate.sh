# shellcheck shell=dash
# What tests/demo shows of a guest's output are the lines that begin with "@@|" and, as numbered
# steps, "@@#".

say() { printf '@@| %s\n' "$*"; }

# run COMMAND-LINE : shows it, its output and, if it failed, its exit status
run() {
    local status=0
    say "  # $1"
    (eval "$1") >/tmp/said 2>&1 || status=$?
    sed 's/^/@@|     /' /tmp/said
    [ $status = 0 ] || say "    (exit status $status)"
    return $status
}

# workload : writes a copy of every file, makes sure of it, compares it. Sets good and bad.
workload() {
    local file
    say "  The work: copy the backup's $(find /backup/files -type f | wc -l) files into /mnt/copy, fsync and compare each."
    good=0 bad=0
    : >/tmp/complaints
    mkdir /mnt/copy 2>>/tmp/complaints || true
    for file in /backup/files/*; do
        if cp "$file" /mnt/copy/ 2>>/tmp/complaints && sync "/mnt/copy/${file##*/}" 2>>/tmp/complaints &&
            cmp -s "$file" "/mnt/copy/${file##*/}"; then
            good=$((good + 1))
        else
            bad=$((bad + 1))
        fi
    done
    sed 's/^[a-z]*: .*: //' /tmp/complaints | sort | uniq -c | sed 's/^ */@@|     /; s/$/ (from cp and fsync)/'
    say "    $good files written, $bad failed"
}

mkdir -p /mnt /backup
mount -t ext4 -o ro /dev/disk/backup /backup
