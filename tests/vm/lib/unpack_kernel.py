#!/usr/bin/env python3
"""unpack_kernel.py VMLINUZ VMLINUX: the ELF kernel inside a compressed image.

QEMU starts such a kernel directly if it has the PVH entry note; one without it is refused here.
"""

import lzma
import re
import subprocess
import sys
import zlib

MAGIC = re.compile(rb"\xfd7zXZ\x00|\x1f\x8b\x08|\x28\xb5\x2f\xfd")
PVH_NOTE = b"\x04\x00\x00\x00\x08\x00\x00\x00\x12\x00\x00\x00Xen\x00"
PVH_NOTE_32 = b"\x04\x00\x00\x00\x04\x00\x00\x00\x12\x00\x00\x00Xen\x00"


def unpack(data):
    """data starts at a magic number; what follows the compressed part is of no interest"""
    if data.startswith(b"\xfd7zXZ"):
        return lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(data)
    if data.startswith(b"\x1f\x8b"):
        return zlib.decompressobj(31).decompress(data)
    done = subprocess.run(["zstd", "-qdc"], input=data, capture_output=True, check=False)
    return done.stdout  # zstd complains about what follows, after it is done


def main():
    with open(sys.argv[1], "rb") as f:
        image = f.read()
    for match in MAGIC.finditer(image):
        try:
            kernel = unpack(image[match.start() :])
        except (lzma.LZMAError, zlib.error):
            continue
        if kernel.startswith(b"\x7fELF"):
            if PVH_NOTE not in kernel and PVH_NOTE_32 not in kernel:
                sys.exit("no PVH entry")
            with open(sys.argv[2], "wb") as f:
                f.write(kernel)
            return
    sys.exit("no kernel found")


main()
