# shellcheck shell=dash
m=/dev/disk/main
same "read" "$(probe $m 1000)" ok
same "write" "$(probe $m 1000 1 w)" ENODATA
same "old write error" "$(probe $m 3000 8 w)" ok
same "nvme" "$(probe /dev/disk/nvme 77)" ok
