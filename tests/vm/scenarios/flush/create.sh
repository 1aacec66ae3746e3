# shellcheck shell=dash
r=/dev/mapper/r0
remapctl create r0 --main /dev/disk/main --spare /dev/disk/spare --no-shield --yes
remapctl add r0 60800+8
same "remapped" "$(probe "$r" 60800 8)" ok
