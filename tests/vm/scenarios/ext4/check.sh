# shellcheck shell=dash
# shellcheck source=/dev/null
. ./common.sh
remapctl assemble r0 --main /dev/disk/main --spare /dev/disk/spare
check "e2fsck" e2fsck -fn "$r"
mkdir -p /m
mount -t ext4 "$r" /m
check_old_files
check "new files" sh -c 'cd /m && sha256sum -c new.sha256 >/tmp/new.log 2>&1'
check "what fio wrote" fio --verify_only --output=/out/fio.txt verify.fio
same "fio's errors" "$(grep -c 'err= 0' /out/fio.txt)" 2
check_log
umount /m
