#!/usr/bin/env python3
"""Changes fields of the superblocks in the image of a spare, with right checksums.

superblock.py IMAGE FIELD=VALUE... [--copy 0|1]
  FIELD as in module/dm-remap-format.h; without --copy in both copies
"""

import argparse
import struct

BLOCK = 4096
FIELDS = {  # offset, format
    "version": (20, "<H"),
    "seq": (24, "<Q"),
    "compat": (32, "<Q"),
    "ro_compat": (40, "<Q"),
    "incompat": (48, "<Q"),
    "set_uuid": (56, "<Q"),  # its first half
    "spare_uuid": (72, "<Q"),
    "epoch": (104, "<Q"),
    "activation": (112, "<Q"),
    "state": (120, "<I"),
    "main_sectors": (144, "<Q"),
    "main_lbs": (152, "<I"),
}


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("image")
    parser.add_argument("changes", nargs="+")
    parser.add_argument("--copy", type=int, choices=(0, 1))
    args = parser.parse_args()
    with open(args.image, "r+b") as image:
        image.seek(0, 2)
        tail = image.tell() // BLOCK * BLOCK - BLOCK
        for copy, at in enumerate((0, tail)):
            if args.copy not in (None, copy):
                continue
            image.seek(at)
            block = bytearray(image.read(BLOCK))
            if not block.startswith(b"dm-remap spare\n\0"):
                raise SystemExit(f"no superblock at {at}")
            for change in args.changes:
                name, value = change.split("=")
                offset, form = FIELDS[name]
                struct.pack_into(form, block, offset, int(value, 0))
            block[16:20] = bytes(4)
            block[16:20] = struct.pack("<I", crc32c(block))
            image.seek(at)
            image.write(block)


main()
