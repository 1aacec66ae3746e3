# shellcheck shell=dash
# shellcheck source=/dev/null
. ./common.sh
# --set bare=yes: the disk without dm-remap. Then this has to fail.
if [ "${bare:-}" = yes ]; then
    r=/dev/disk/main
else
    remapctl assemble r0 --main /dev/disk/main --spare /dev/disk/spare
fi
mkdir -p /m
mount -t ext4 "$r" /m

check_old_files
check "fio" fio --output=/out/fio.txt verify.fio
same "fio's errors" "$(grep -c 'err= 0' /out/fio.txt)" 2
tail -n 4 /out/fio.txt
verdict

# A tree of real files; what of it lands on bad sectors is rescued.
mkdir /m/new
cp -a /bin /lib/modules /test /m/new
cp /sbin/fio /sbin/e2fsck /sbin/sectorio /m/new/ 2>/dev/null || true
sync
(cd /m && find new -type f -size +0 -exec sha256sum {} + >new.sha256)
same "files in the new tree" "$(cd / && find bin lib/modules -type f -size +0 | wc -l)" \
    "$(find /m/new/bin /m/new/modules -type f -size +0 | wc -l)"
diff -r /lib/modules /m/new/modules || fail "the copy differs"
for i in 1 2 3 4 5 6; do
    mv /m/new/test "/m/new/test.$i" && cp -a /test /m/new/test && rm -r "/m/new/test.$i"
    sync
done
echo 3 >/proc/sys/vm/drop_caches
check "new files" sh -c 'cd /m && sha256sum -c new.sha256 >/tmp/new.log 2>&1'
check_old_files
check_log
dmsetup status r0
entries=$(dmsetup status r0 | awk '{ print $9 }')
hit=$((60 + $(cat overwritten)))
check "the bad blocks of old files and fio.dat are remapped, and new ones: $entries, $hit" [ "$entries" -gt $((hit + 20)) ]
same "mode" "$(dmsetup status r0 | awk '{ print $5 }')" active
df -k /m
umount /m
remapctl stop r0
check "metadata" remapctl metadata check /dev/disk/spare
