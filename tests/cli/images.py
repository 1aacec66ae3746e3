# SPDX-License-Identifier: GPL-2.0-only
"""Content for main devices: what other software puts on a disk. Each function of
FORMATS writes to a file of zeros; tools that are not installed are an error."""

import struct
import subprocess
import zlib

MIB = 1 << 20


def run(*command, stdin=""):
    subprocess.run(command, input=stdin, text=True, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE)


def write(path, place, content):
    with open(path, "r+b") as file:
        file.seek(place)
        file.write(content)


def size_of(path):
    with open(path, "rb") as file:
        return file.seek(0, 2)


def ext4(path):
    run("mke2fs", "-q", "-F", "-t", "ext4", "-L", "media", path)


def xfs(path):
    run("mkfs.xfs", "-q", "-f", path)


def btrfs(path):
    run("mkfs.btrfs", "-q", "-f", path)


def vfat(path):
    run("mkfs.vfat", "-F", "32", path)


def ntfs(path):
    run("mkntfs", "-q", "-F", "-Q", "-s", "512", "-p", "0", "-H", "255", "-S", "63", path)


def swap(path):
    run("mkswap", path)


def luks(path, metadata):
    run("cryptsetup", "luksFormat", "--batch-mode", "--type", "luks2", "--pbkdf", "pbkdf2",
        "--pbkdf-force-iterations", "1000", "--luks2-metadata-size", metadata,
        "--luks2-keyslots-size", "8m", "--key-file", "-", path, stdin="secret")


def luks_16k(path):
    luks(path, "16k")


def luks_4m(path):
    luks(path, "4m")


def lvm(path):
    """The label of a physical volume, in sector 1."""
    label = b"".join([struct.pack("<I", 32), b"LVM2 001", b"0123456789abcdefghijklmnopqrstuv",
                      struct.pack("<Q", size_of(path))]).ljust(512 - 20, b"\0")
    csum = zlib.crc32(label, 0xf597a6cf ^ 0xffffffff) ^ 0xffffffff
    write(path, 512, b"LABELONE" + struct.pack("<QI", 1, csum) + label)


def md(path, place):
    """A superblock of version 1.x of a RAID 1."""
    superblock = struct.pack("<IIII", 0xa92b4efc, 1, 0, 0) + b"UUIDofthearray!!"
    superblock += b"host:0".ljust(32, b"\0")
    superblock = superblock.ljust(128, b"\0") + struct.pack("<QQQ", 2048, size_of(path) // 512,
                                                           place // 512)
    superblock = superblock.ljust(256, b"\0") + struct.pack("<HH", 0, 1)
    total = sum(struct.unpack("<65I", superblock))
    csum = ((total & 0xffffffff) + (total >> 32)) & 0xffffffff
    write(path, place, superblock[:216] + struct.pack("<I", csum) + superblock[220:])


def md_1_2(path):
    md(path, 4096)


def md_1_0(path):
    md(path, (size_of(path) // 512 - 16 & ~7) * 512)


def gpt(path):
    run("sfdisk", "-q", path, stdin="label: gpt\nsize=100M, type=linux\n")
    run("mke2fs", "-q", "-F", "-t", "ext4", "-E", f"offset={MIB}", path, "100M")


def mbr(path):
    run("sfdisk", "-q", path, stdin="label: dos\nsize=100M, type=83\nsize=50M, type=82\n")


def old_gpt_behind_ext4(path):
    """Only the backup of a partition table is left, behind a file system."""
    gpt(path)
    ext4(path)


# name: function, signatures of which a tool would speak on raw main
FORMATS = {"ext4": ext4, "xfs": xfs, "btrfs": btrfs, "vfat": vfat, "ntfs": ntfs, "swap": swap,
           "luks_16k": luks_16k, "luks_4m": luks_4m, "lvm": lvm, "md_1_2": md_1_2,
           "md_1_0": md_1_0, "gpt": gpt, "mbr": mbr, "old_gpt_behind_ext4": old_gpt_behind_ext4}
