# shellcheck shell=dash
m=/dev/disk/main
same "read of a medium error" "$(probe $m 1000)" ENODATA
same "read beside it" "$(probe $m 1001 8)" ok
same "large read over it" "$(probe $m 992 64)" ENODATA
same "write there" "$(probe $m 1000 1 w)" ok
same "which does not heal it" "$(probe $m 1000)" ENODATA
same "read of an aborted command" "$(probe $m 2007)" EIO
same "behind the range" "$(probe $m 2008)" ok
same "write, medium error" "$(probe $m 3000 8 w)" ENODATA
same "write, aborted" "$(probe $m 3008 1 w)" EIO
same "read there" "$(probe $m 3000)" ok
same "nvme" "$(probe /dev/disk/nvme 77)" ENODATA
same "many rules, the last" "$(probe /dev/disk/many $((3999 * 16 + 3)))" ENODATA
same "many rules, beside it" "$(probe /dev/disk/many $((3999 * 16 + 2)))" ok
