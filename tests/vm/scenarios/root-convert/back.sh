# shellcheck shell=dash disable=SC2086  # names without blanks
# The set is gone, and what was on the spare is on the raw disk.
# shellcheck source=/dev/null
. ./common.sh
system_is_up
same "root" "$(findmnt -no SOURCE /)" "$(readlink -f $main)"
same "its UUID leads to" "$(readlink -f "/dev/disk/by-uuid/$(findmnt -no UUID /)")" "$(readlink -f $main)"
same "the raw disk" "$(property $main ID_FS_TYPE)" ext4
same "the spare" "$(property $spare ID_FS_TYPE)" ""
same "sets" "$(dmsetup ls --target remap | grep -v '^No devices')" ""
check "none can be assembled" fails remapctl assemble sys
check "what was on bad sectors" sh -c "cd $files && sha256sum --quiet -c kept.sum lost.sum"
check "boots" grep -qx "boot 2" $files/boots
# The file system was never mounted without its metadata: nothing that a check would find.
check "fsck" e2fsck -fn $main
