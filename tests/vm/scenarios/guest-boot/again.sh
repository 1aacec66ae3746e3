# shellcheck shell=dash
# After a reboot, and again after the power was cut while it wrote.
# shellcheck source=/dev/null
. ./common.sh
system_is_up
own_initramfs
assembled
cp -r /usr/share/initramfs-tools "/mnt/$(cat /proc/sys/kernel/random/uuid)"
sync -f /mnt
# From here on nobody asks for the result of the checks.
verdict
mark traffic
while :; do
    dd if=/dev/zero of=/mnt/traffic bs=64k count=64 oflag=direct status=none
done
