# shellcheck shell=dash
m=/dev/disk/main s=/dev/disk/spare r=/dev/mapper/r0
remapctl assemble r0 --main $m --spare $s
dmsetup status r0
same "still lost" "$(probe $r 1003)" ENODATA
same "its neighbour" "$(probe $r 1002)" ok
same "a write makes it readable" "$(probe $r 1003 1 w)" ok
same "so it is" "$(probe $r 1003)" ok
same "the block" "$(probe $r 1000 8)" ok
dmsetup status r0
dmsetup suspend r0
dmsetup resume r0
same "after a suspend" "$(probe $r 1000 8)" ok
remapctl stop r0
verdict
