# shellcheck shell=dash
# An earlier kill left some writes open: from now on what is there counts.
sectorio verify /dev/disk/main --shadow /dev/disk/shadow --crashed --rebase
mark traffic
sectorio run /dev/disk/main --shadow /dev/disk/shadow --seed "$seed" --ops 1000000 --threads 4
