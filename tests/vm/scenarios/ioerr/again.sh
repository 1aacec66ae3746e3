# shellcheck shell=dash
# After a reboot, with the same bad sectors.
# shellcheck source=/dev/null
. ./bad.sh
# shellcheck source=/dev/null
. ./table.sh
cat bad.list fresh.list >/tmp/all.list
table /tmp/all.list | dmsetup create main
remapctl assemble r0 --main "$m" --spare /dev/disk/spare2
before=$(counter /dev/disk/base 1)
same "a lost sector" "$(probe "$r" 30003)" ENODATA
same "reads of the disk for it" $(($(counter /dev/disk/base 1) - before)) 0
check_all "after a reboot"
dmsetup message r0 0 retry 3750
same "retry, while it can't be read" "$(probe "$r" 30003)" ENODATA
table | load_table
dmsetup message r0 0 retry 3750
same "retry, when it can be read again" "$(probe "$r" 30003 2)" ok
grep -v 30003 bad.list >/tmp/still-lost.list
check "with the right content" sectorio verify "$r" --shadow /dev/disk/shadow --lost /tmp/still-lost.list
remapctl -q stop r0
check "metadata" remapctl -q metadata check /dev/disk/spare2
