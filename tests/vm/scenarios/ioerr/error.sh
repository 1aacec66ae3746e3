# shellcheck shell=dash
# A dm table, part of which turns into errors under the running set, and back.
# shellcheck source=/dev/null
. ./bad.sh
# shellcheck source=/dev/null
. ./table.sh
table | dmsetup create main
sectorio fill "$m" --shadow /dev/disk/shadow --seed 7
remapctl create r0 --main "$m" --spare /dev/disk/spare2 --no-shield --yes
check "healthy" sectorio verify "$r" --shadow /dev/disk/shadow
table bad.list | load_table
same "a bad sector of the disk itself" "$(probe "$m" 1003)" EIO
check_bad /dev/disk/base
cat bad.list fresh.list >/tmp/all.list
table /tmp/all.list | load_table
check_rescue

# The whole disk is gone: nothing of that is a bad sector.
entries=$(field 6)
echo "0 $(size_of /dev/disk/base) error" | load_table
same "a read" "$(probe "$r" 100)" EIO
sectorio run "$r" --shadow /dev/disk/shadow --ops 20 --seed 8 --range 100+800 --reads 0 --sizes 4K-4K \
    --threads 1 >/tmp/log || true
check "every write failed" grep -q '^20 writes.* 20 bad$' /tmp/log
same "what was remapped is still there" "$(probe "$r" 20000 64)" ok
same "entries" "$(field 6)" "$entries"
same "mode" "$(field 2)" main-fault
table /tmp/all.list | load_table
same "rearm" "$(dmsetup message r0 0 rearm)" "ok active"
same "mode" "$(field 2)" active
check_all "the disk is back"
check "it takes writes" sectorio run "$r" --shadow /dev/disk/shadow --ops 100 --seed 9 --range 0+16384 \
    --lost bad.list
same "entries" "$(field 6)" "$entries"

# Lost is lost, though main could read it now, until it is asked to.
table | load_table
before=$(counter /dev/disk/base 1)
same "a lost sector that main can read again" "$(probe "$r" 30003)" ENODATA
same "reads of the disk for it" $(($(counter /dev/disk/base 1) - before)) 0
remapctl -q stop r0
