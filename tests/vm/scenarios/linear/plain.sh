# shellcheck shell=dash
# The module is not there: somebody's rescue system.
# shellcheck source=/dev/null
. ./common.sh
find / -xdev -name 'dm-remap.ko*' -exec rm {} +
status=0
remapctl assemble r0 --main /dev/disk/main --spare /dev/disk/spare 2>/tmp/log || status=$?
cat /tmp/log
same "without the module a set can't be assembled" "$status" 7
check "and the message names it" grep -q "modprobe dm-remap" /tmp/log

before=$(sha256sum </dev/disk/spare)
remapctl table --linear --main /dev/disk/main --spare /dev/disk/spare >/tmp/table
same "the spare is only read" "$(sha256sum </dev/disk/spare)" "$before"
head -n 5 /tmp/table
check "there are linear and error targets only" sh -c "! grep -vE '^[0-9]+ [0-9]+ (linear /dev/disk/(main|spare) [0-9]+|error)$' /tmp/table"
dmsetup create plain </tmp/table
p=/dev/mapper/plain
same "the size" "$(size_of $p)" "$(size_of /dev/disk/main)"
check "the same content" sectorio verify $p --shadow /dev/disk/shadow --lost unreadable.list
same "the same sum" "$(sum $p)" "$(cat sum)"
lost $p >/tmp/lost
check "the same sectors are lost" cmp lost /tmp/lost
remapctl --json table --linear --main /dev/disk/main --spare /dev/disk/spare >/tmp/json
same "lines of the table, as JSON" "$(grep -c start_sector /tmp/json)" "$(wc -l </tmp/table)"
# What is written here is there in the set afterwards.
same "a write to a remapped block" "$(put $p 16000 8 7)" ok
same "a write to a healthy one" "$(put $p 25000 8 7)" ok
sum $p >/out/sum
sync
dmsetup remove plain
mkdir -p /out
