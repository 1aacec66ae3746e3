# shellcheck shell=dash
# shellcheck source=/dev/null
. ./ops.sh
r=/dev/mapper/r0
remapctl assemble r0 --main /dev/disk/main --spare /dev/disk/spare

operations healthy "$r" 60000
operations remapped "$r" 60800
journal healthy "$r"

# The sectors of a file of the file system, which is not mounted: "FIRST+COUNT" for each extent
sectors_of() {
    debugfs -R "dump_extents -l $1" "$r" 2>/dev/null |
        sed -nE 's/^ *[0-9]+\/ *[0-9]+ +[0-9]+\/ *[0-9]+ +[0-9]+ - +[0-9]+ +([0-9]+) - +([0-9]+).*/\1 \2/p' |
        awk '{ print $1 * 8 "+" ($2 - $1 + 1) * 8 }'
}
# The journal on the spare, the data on main; then the data on the spare, too; then only the data.
journal=$(sectors_of '<8>')
data=$(sectors_of /file)
check "the journal is at $journal" [ -n "$journal" ]
check "the file is at $data" [ -n "$data" ]
# shellcheck disable=SC2086  # several ranges
remapctl -q add r0 $journal
journal journal-on-spare "$r"
# shellcheck disable=SC2086
remapctl -q add r0 $data
journal both-on-spare "$r"
# shellcheck disable=SC2086
remapctl -q unmap r0 $journal
journal data-on-spare "$r"
dmsetup status r0
remapctl stop r0
