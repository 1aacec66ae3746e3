# shellcheck shell=dash
same "a setting" "$greeting" "it's set"
mount -t ext4 /dev/disk/b /mnt
check "a is what it was before the reboot" sectorio verify /dev/disk/a --shadow /mnt/a.shadow
