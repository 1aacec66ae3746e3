# shellcheck shell=dash
echo "WARNING: on purpose" >/dev/kmsg
