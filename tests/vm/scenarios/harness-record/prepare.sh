# shellcheck shell=dash
sectorio fill /dev/disk/main --shadow /dev/disk/shadow
