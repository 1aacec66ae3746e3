#!/usr/bin/env python3
"""Damages one metadata copy in the image of a spare.

damage.py IMAGE PLACE KIND [--seed N] [--old IMAGE]
  PLACE  sb0, sb1: a superblock; table0, table1: all initialised blocks of that copy;
         table0:K, table1:K: block K of it
  KIND   zero: all zero; torn: one 512-byte sector of it from nowhere; noise: random bytes;
         bit: one bit is flipped; stale: as it was in the image --old
"""

import argparse
import random
import struct

BLOCK, SECTOR = 4096, 512


def places(image, place):
    """Byte offsets of the blocks that PLACE names."""
    image.seek(0, 2)
    size = image.tell() // BLOCK * BLOCK
    for at in (0, size - BLOCK):
        image.seek(at)
        sb = image.read(BLOCK)
        if sb.startswith(b"dm-remap spare\n\0"):
            break
    else:
        raise SystemExit("no superblock left to find the table by")
    start0, start1, _blocks, init = struct.unpack_from("<4Q", sb, 176)
    if place in ("sb0", "sb1"):
        return [0 if place == "sb0" else size - BLOCK]
    name, _, block = place.partition(":")
    start = {"table0": start0, "table1": start1}[name] * SECTOR
    blocks = [int(block)] if block else range(init)
    return [start + k * BLOCK for k in blocks]


def damaged(data, kind, dice, old):
    if kind == "stale":
        return old
    if kind == "zero":
        return bytes(BLOCK)
    if kind == "noise":
        return dice.randbytes(BLOCK)
    data = bytearray(data)
    if kind == "bit":
        data[dice.randrange(BLOCK)] ^= 1 << dice.randrange(8)
    else:
        at = dice.randrange(BLOCK // SECTOR) * SECTOR
        data[at : at + SECTOR] = dice.randbytes(SECTOR)
    return bytes(data)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("image")
    parser.add_argument("place")
    parser.add_argument("kind", choices=("zero", "torn", "noise", "bit", "stale"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--old", type=argparse.FileType("rb"))
    args = parser.parse_args()
    dice = random.Random(args.seed)
    changed = False
    with open(args.image, "r+b") as image:
        for at in places(image, args.place):
            image.seek(at)
            data = image.read(BLOCK)
            old = None
            if args.old:
                args.old.seek(at)
                old = args.old.read(BLOCK)
            image.seek(at)
            new = damaged(data, args.kind, dice, old)
            changed = changed or new != data
            image.write(new)
    if not changed:
        raise SystemExit(f"{args.place} {args.kind}: nothing is different now")


main()
