# shellcheck shell=dash
# shellcheck disable=SC2154  # part comes from the host
# shellcheck source=/dev/null
. ./common.sh
remapctl assemble r0 --main /dev/disk/main --spare /dev/disk/spare
case $part in
    first)
        # Entries of all kinds: read and write errors, moved by hand with their content.
        sectorio verify "$r" --shadow /dev/disk/shadow --lost unreadable.list
        remapctl -q add r0 16000-19999
        ;;
    second)
        remapctl -q add r0 20000-23999
        sectorio run "$r" --shadow /dev/disk/shadow --ops 300 --seed 13 --sizes 512-32K --range 1600+20000 \
            --near unwritable.list --lost unreadable.list --rescued unwritable.list
        # All table blocks that are in use, the first one too, are changed once more.
        remapctl -q unmap r0 16000-16039 18800-18839 20800-20839
        sectorio verify "$r" --shadow /dev/disk/shadow --lost unreadable.list
        ;;
esac
dmsetup status r0
entries >/out/entries
wc -l </out/entries
remapctl stop r0
check "metadata" remapctl metadata check /dev/disk/spare
