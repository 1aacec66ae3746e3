# shellcheck shell=dash
echo "/dev/disk/by-id/not-there /mnt ext4 x-systemd.device-timeout=1s 0 0" >>/etc/fstab
