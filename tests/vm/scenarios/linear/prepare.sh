# shellcheck shell=dash
sectorio fill /dev/disk/main --shadow /dev/disk/shadow --seed 21
remapctl create r0 --main /dev/disk/main --spare /dev/disk/spare --no-shield --yes
