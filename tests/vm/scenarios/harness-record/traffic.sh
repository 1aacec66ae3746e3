# shellcheck shell=dash
same "a write" "$(probe /dev/disk/spare 64 8 w)" ok
same "a flush" "$(probe /dev/disk/spare 0 1 flush)" ok
same "a FUA write" "$(probe /dev/disk/spare 128 8 fua)" ok
sectorio run /dev/disk/main --shadow /dev/disk/shadow --ops 300 --threads 4 --flush-every 40 --fua 5 --sizes 512-64K
