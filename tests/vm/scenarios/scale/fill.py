#!/usr/bin/env python3
"""Reads the table of a spare's image and puts content into some slots.

For one in a thousand entries: the slot gets content A, main's own block gets content B, which must
never be seen, the next healthy block of main content C. EXPECTED, an image of main's size, gets A
and C at their places, --sample the sectors of all of these.
"""

import argparse
import struct

BLOCK, SECTOR = 4096, 512


def content(kind, block):
    """4096 bytes that say what they are"""
    return b"".join(
        f"{kind} of block {block} sector {i} ".encode().ljust(SECTOR, b".") for i in range(8)
    )


def table(spare):
    """(block, slot) of every mapped entry; the sector where slots begin"""
    with open(spare, "rb") as f:
        sb = f.read(BLOCK)
        if not sb.startswith(b"dm-remap spare\n\0"):
            raise SystemExit(f"{spare}: no superblock")
        data_start, start0, _start1, _blocks, init = struct.unpack_from("<5Q", sb, 168)
        entries = []
        for index in range(init):
            f.seek(start0 * SECTOR + index * BLOCK)
            raw = f.read(BLOCK)
            for i, (a, _b) in enumerate(struct.iter_unpack("<QQ", raw[64:])):
                if a >> 56 & 15 == 1:
                    entries.append((a & (1 << 48) - 1, index * 252 + i))
    return sorted(entries), data_start


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    for name in ("--spare", "--main", "--expected", "--entries", "--sample"):
        parser.add_argument(name, required=True)
    args = parser.parse_args()
    entries, data_start = table(args.spare)
    with open(args.entries, "w", encoding="utf-8") as f:
        f.writelines(f"{block * 8} {slot} 00 write_error -\n" for block, slot in entries)
    # The same as the kernel lists it, a piece from here and there
    for at in range(0, len(entries), len(entries) // 10):
        with open(f"{args.entries}.{entries[at][0]}", "w", encoding="utf-8") as f:
            f.writelines(f"{block} {slot} 00 w -\n" for block, slot in entries[at : at + 300])
    mapped = {block for block, _slot in entries}
    with open(args.spare, "r+b") as spare, open(args.main, "r+b") as disk, open(
        args.expected, "r+b"
    ) as expected, open(args.sample, "w", encoding="utf-8") as sample:

        def put(file, offset, data):
            file.seek(offset)
            file.write(data)

        chosen = entries[::1000] + entries[-1:]
        for block, slot in chosen:
            put(spare, data_start * SECTOR + slot * BLOCK, content("slot", block))
            put(disk, block * BLOCK, content("OLD", block))
            put(expected, block * BLOCK, content("slot", block))
            print(f"{block * 8}+8", file=sample)
            if block + 1 not in mapped and block + 1 < 64 << 18:
                put(disk, (block + 1) * BLOCK, content("healthy", block + 1))
                put(expected, (block + 1) * BLOCK, content("healthy", block + 1))
                print(f"{block * 8 + 8}+8", file=sample)


main()
