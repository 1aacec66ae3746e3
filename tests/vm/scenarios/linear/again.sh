# shellcheck shell=dash
# shellcheck source=/dev/null
. ./common.sh
remapctl assemble r0 --main /dev/disk/main --spare /dev/disk/spare
same "written to a remapped block" "$(all_of 2000)" "$(eight 7)"
same "written to a healthy block" "$(all_of 3125)" "$(eight 7)"
remapctl metadata check /dev/disk/spare
remapctl stop r0
