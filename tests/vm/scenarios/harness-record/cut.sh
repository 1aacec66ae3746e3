# shellcheck shell=dash
sectorio verify /dev/disk/cut-main --shadow /dev/disk/cut-shadow --crashed
