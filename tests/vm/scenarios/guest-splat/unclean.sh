# shellcheck shell=dash
# The script passes, but the system does not go down in an orderly way.
mv /usr/lib/systemd/system-shutdown/test-down /root/
echo "WARNING: on purpose" >/dev/kmsg
