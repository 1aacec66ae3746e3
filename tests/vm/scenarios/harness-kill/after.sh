# shellcheck shell=dash
sectorio verify /dev/disk/main --shadow /dev/disk/shadow --crashed
