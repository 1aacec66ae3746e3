# shellcheck shell=dash
same "the error is gone" "$(probe /dev/disk/main 1000)" ok
echo "WARNING: on purpose" >/dev/kmsg
