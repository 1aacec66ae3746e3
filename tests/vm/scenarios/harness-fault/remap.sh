# shellcheck shell=dash
# The target fault as main and as spare of a set.
fault_disk f disk
fault_disk s spare
remapctl -q create r0 --main /dev/mapper/f --spare /dev/mapper/s --no-shield --yes
inject f rule bad w 24000+8 error=medium
same "a write that main can't take" "$(probe /dev/mapper/r0 24000 8 w)" ok
same "entries" "$(dmsetup status r0 | awk '{ print $9 }')" 1
inject s rule bad r all error=medium
same "its slot" "$(probe /dev/mapper/r0 24000)" ENODATA
inject s clear
remapctl -q stop r0
dmsetup remove f
dmsetup remove s
