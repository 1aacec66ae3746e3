#!/usr/bin/env python3
"""malform.py IMAGE KIND SEED : what looks like a member at first sight

main, spare  the magic of a member header, of a superblock, and random bytes behind it
tail         the last block of a disk that is none of ours: the magic, random bytes
flip         one bit of the first sector is changed, behind the magic of a member header
"""

import random
import sys

BLOCK = 4096
MAIN_MAGIC_AT = 192
MAGIC = {"main": b"dm-remap main \n\0", "spare": b"dm-remap spare\n\0", "tail": b"dm-remap spare\n\0"}

path, kind, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
dice = random.Random(seed)
with open(path, "r+b") as image:
    size = image.seek(0, 2)
    at = size // BLOCK * BLOCK - BLOCK if kind == "tail" else 0
    image.seek(at)
    block = bytearray(image.read(BLOCK))
    if kind == "flip":
        block[dice.randrange(MAIN_MAGIC_AT + 16, 512)] ^= 1 << dice.randrange(8)
    else:
        magic = MAGIC[kind]
        start = MAIN_MAGIC_AT if kind == "main" else 0
        block[start:] = magic + dice.randbytes(BLOCK - start - len(magic))
    image.seek(at)
    image.write(block)
