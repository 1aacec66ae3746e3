# shellcheck shell=dash
# shellcheck source=/dev/null
. ./ops.sh
for disk in main spare; do
    dmsetup create "l-$disk" --table "0 $(size_of /dev/disk/$disk) linear /dev/disk/$disk 0"
done
# Behind the file system; anywhere on the spare.
operations linear-main /dev/mapper/l-main 60000
operations linear-spare /dev/mapper/l-spare 10000
journal linear /dev/mapper/l-main
