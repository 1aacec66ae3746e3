# shellcheck shell=dash disable=SC2086  # names without blanks
# shellcheck source=/dev/null
. ./common.sh
version=$(uname -r)
same "root" "$(findmnt -no SOURCE /)" "$(readlink -f $main)"

# What the initramfs has
zstd -qdc "/boot/initrd.img-$version" | cpio --quiet -t >/out/initramfs
wanted='sbin/remapctl udev/remap-probe updates/dkms/dm-remap.ko lib/udev/rules.d/11-dm-remap-member.rules
    lib/udev/rules.d/66-dm-remap.rules lib/dm-remap/create lib/dm-remap/dissolve etc/dm-remap/remapctl.conf'
if [ -e /usr/bin/dracut ]; then
    wanted="$wanted system/remap-assemble@.service system/remap-last-resort@.service
        system/remap-last-resort@.timer system/remap-wait@.service
        remap-assemble@.service.d/initrd.conf hooks/pre-mount/10-change.sh"
else
    wanted="$wanted scripts/local-top/dm-remap scripts/local-block/dm-remap sbin/blkid"
fi
for file in $wanted; do
    check "$file is in the initramfs" grep -qE "(^|/)$file\$" /out/initramfs
done

# What is said when it is made for a kernel without the module
build_initramfs() {
    if [ -e /usr/bin/dracut ]; then
        kernel=$version bash -c 'instmods() { :; }; dwarn() { echo "$*"; }
            . /usr/lib/dracut/modules.d/90dm-remap/module-setup.sh; installkernel' 2>&1
    else
        # as the tree is when hooks are run
        tree=$(mktemp -d)
        mkdir -p "$tree/usr/lib/udev" "$tree/usr/sbin"
        ln -s usr/lib usr/sbin "$tree"
        env "DESTDIR=$tree" "MODULESDIR=/lib/modules/$version" "version=$version" verbose=n \
            __MODULES_TO_ADD=/tmp/modules /usr/share/initramfs-tools/hooks/dm-remap 2>&1
    fi
}
module=/usr/lib/modules/$version/updates/dkms/dm-remap.ko
build_initramfs >/out/no-warning
same "with the module" "$(cat /out/no-warning)" ""
mv "$module" /tmp
build_initramfs >/out/warning
mv /tmp/dm-remap.ko "$module"
check "a warning without it" grep -q "there is no module dm-remap for kernel $version" /out/warning
check "what follows from it" grep -q "this kernel will not boot" /out/warning

# Sectors that will go bad: one that can't be read, others that can't be written, in files and in the
# journal of the file system, whose first blocks are written after every boot.
mkdir $files
find /usr/bin /usr/sbin -type f -exec sha256sum {} + >$files/sums
for name in lost kept; do head -c 65536 /dev/urandom >$files/$name; done
sync -f $files
block() { debugfs -R "bmap $1 $2" $main 2>/dev/null; }
{
    echo "read $(($(block $files/lost 3) * 8 + 2))"
    echo "write $(($(block $files/kept 5) * 8 + 1))+2"
    echo "write $(($(block $files/kept 9) * 8))"
    for n in 1 2 3; do echo "write $(($(block '<8>' $n) * 8 + n))"; done
} | tee /out/rules
same "places" "$(awk '{ split($2, at, "+"); if (at[1] > 100) n++ } END { print n }' /out/rules)" 6
for n in 1 2 3; do block '<8>' $n; done >$files/journal
block $files/kept 5 >>$files/journal
