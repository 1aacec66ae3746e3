# shellcheck shell=dash
# shellcheck disable=SC2034  # for the scripts
# The kernel gives the names in the order in which the disks answer.
main=$(readlink -f /dev/disk/main)
spare=$(readlink -f /dev/disk/spare)
spare1=${spare}1
