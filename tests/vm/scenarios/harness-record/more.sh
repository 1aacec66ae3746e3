# shellcheck shell=dash
sectorio run /dev/disk/main --shadow /dev/disk/shadow --ops 100 --seed 2 --threads 4 --flush-every 20 --sizes 512-64K
