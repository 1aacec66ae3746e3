#!/usr/bin/env python3
"""Reads a write log and makes the disk images that a power cut could have left.

The log is what host/recorder writes (dm-log-writes format, several disks one behind the other, see
there). An image is the disks as they were when recording began plus the first N entries of the log.
With a volatile cache a power cut also loses any of the writes to a disk that were neither FUA nor
followed by a completed flush of that disk, whole or in part: --volatile says for which disks or
sector ranges this is played, --seed how the dice fall. --tear lets the entry at the cut itself
reach the disk in part: it was under way.
"""

import argparse
import random
import struct
import subprocess
import sys

SECTOR = 512
MAGIC = 0x6A736677736872
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8
FLAG_NAMES = ((FLUSH, "FLUSH"), (FUA, "FUA"), (DISCARD, "DISCARD"), (MARK, "MARK"))


class Entry:
    """One write, flush or discard. Sectors count from the start of its disk."""

    __slots__ = ("disk", "sector", "sectors", "flags", "position")

    def __init__(self, disk, sector, sectors, flags, position):
        self.disk, self.sector, self.sectors = disk, sector, sectors
        self.flags, self.position = flags, position

    def __str__(self):
        flags = "|".join(name for bit, name in FLAG_NAMES if self.flags & bit) or "-"
        return f"{self.disk} {self.sector}+{self.sectors} {flags}"


class Log:
    def __init__(self, path):
        self.file = open(path, "rb")
        self.disks = {}  # name -> (first sector in the log's space, sectors)
        with open(path + ".disks", encoding="utf-8") as layout:
            for line in layout:
                name, first, sectors = line.split()
                self.disks[name] = (int(first), int(sectors))
        magic, _version, count, sector_size = struct.unpack("<QQQI", self.file.read(28))
        if magic != MAGIC or sector_size != SECTOR:
            raise ValueError(f"{path} is not a write log with {SECTOR}-byte sectors")
        self.entries = []
        position = SECTOR
        for _ in range(count):
            self.file.seek(position)
            header = self.file.read(32)
            if len(header) < 32:
                raise ValueError(f"{path} ends within entry {len(self.entries)} of {count}")
            sector, sectors, flags, mark_length = struct.unpack("<QQQQ", header)
            position += SECTOR
            disk, first = self._owner(sector)
            self.entries.append(Entry(disk, sector - first, sectors, flags, position))
            if flags & MARK:
                position += -(-mark_length // SECTOR) * SECTOR
            elif not flags & DISCARD:
                position += sectors * SECTOR

    def _owner(self, sector):
        for name, (first, sectors) in self.disks.items():
            if first <= sector < first + sectors:
                return name, first
        raise ValueError(f"log sector {sector} belongs to no disk")

    def data(self, entry):
        if entry.flags & DISCARD:
            return bytes(entry.sectors * SECTOR)
        self.file.seek(entry.position)
        return self.file.read(entry.sectors * SECTOR)

    def lost_sectors(self, cut, volatile, rng, tear):
        """{entry index: set of sector offsets within the entry that did not reach the disk}"""
        durable = {}  # disk -> index of its last flush
        for index, entry in enumerate(self.entries[:cut]):
            if entry.flags & FLUSH:
                durable[entry.disk] = index
        lost = {}
        for index, entry in enumerate(self.entries[:cut]):
            if entry.flags & (FLUSH | FUA | MARK) or index < durable.get(entry.disk, -1):
                continue
            exposed = [
                i
                for i in range(entry.sectors)
                if any(
                    disk == entry.disk and first <= entry.sector + i < end
                    for disk, first, end in volatile
                )
            ]
            if exposed:
                gone = dice(exposed, rng)
                if gone:
                    lost[index] = gone
        if tear and cut < len(self.entries) and self.entries[cut].sectors:
            lost[cut] = dice(list(range(self.entries[cut].sectors)), rng, whole=False)
        return lost

    def apply(self, files, cut, lost, tear=False):
        """Writes entries [0, cut) to files {disk: open file}, without what lost says."""
        for index, entry in enumerate(self.entries[: cut + 1 if tear else cut]):
            out = files.get(entry.disk)
            if out is None or not entry.sectors or entry.flags & MARK:
                continue
            gone = lost.get(index, ())
            data = self.data(entry)
            run = 0
            while run < entry.sectors:
                end = run
                while end < entry.sectors and end not in gone:
                    end += 1
                if end > run:
                    out.seek((entry.sector + run) * SECTOR)
                    out.write(data[run * SECTOR : end * SECTOR])
                run = end + 1


def dice(sectors, rng, whole=True):
    """What a power cut takes of these sectors: nothing, all, a tail, or any of them."""
    choice = rng.randrange(4) if whole else rng.randrange(2, 4)
    if choice == 0:
        return set()
    if choice == 1:
        return set(sectors)
    if choice == 2:
        return set(sectors[rng.randrange(len(sectors)) :])
    return {s for s in sectors if rng.randrange(2)}


def pair(text):
    name, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text}: want NAME=FILE")
    return name, value


def volatile_range(text):
    """NAME or NAME:FIRST+COUNT"""
    name, separator, where = text.partition(":")
    if not separator:
        return name, 0, 1 << 62
    first, _, count = where.partition("+")
    return name, int(first), int(first) + int(count or 1)


def copy_sparse(source, target):
    """A copy that stays as small as its source."""
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", source, target], check=True)


def command_list(log, args):
    for index, entry in enumerate(log.entries):
        if not args.disk or entry.disk == args.disk:
            print(index, entry)


def command_stats(log, _args):
    for disk in log.disks:
        mine = [e for e in log.entries if e.disk == disk]
        writes = [e for e in mine if not e.flags & (FLUSH | DISCARD | MARK)]
        print(
            f"{disk} writes={len(writes)} sectors={sum(e.sectors for e in writes)}"
            f" fua={sum(1 for e in writes if e.flags & FUA)}"
            f" flush={sum(1 for e in mine if e.flags & FLUSH)}"
            f" discard={sum(1 for e in mine if e.flags & DISCARD)}"
        )


def command_image(log, args):
    cut = len(log.entries) if args.cut is None else args.cut
    if not 0 <= cut <= len(log.entries):
        sys.exit(f"--cut {cut}: the log has {len(log.entries)} entries")
    rng = random.Random(args.seed)
    bases = dict(args.base)
    lost = log.lost_sectors(cut, args.volatile if args.seed is not None else [], rng, args.tear)
    files = {}
    for disk, path in args.out:
        copy_sparse(bases[disk], path)
        files[disk] = open(path, "r+b")
    log.apply(files, cut, lost, args.tear)
    for out in files.values():
        out.close()
    hit = [i for i in lost if i < cut]
    print(
        f"cut at {cut} of {len(log.entries)},"
        f" {len(hit)} writes lost in whole or part,"
        f" entry {cut} {'torn' if cut in lost else 'absent'}"
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    sub = commands.add_parser("list", help="one line per entry")
    sub.add_argument("log")
    sub.add_argument("--disk", help="only this disk")
    sub.set_defaults(run=command_list)
    sub = commands.add_parser("stats", help="counts per disk")
    sub.add_argument("log")
    sub.set_defaults(run=command_stats)
    sub = commands.add_parser("image", help="make images")
    sub.add_argument("log")
    sub.add_argument("--base", type=pair, action="append", required=True, metavar="NAME=FILE")
    sub.add_argument("--out", type=pair, action="append", required=True, metavar="NAME=FILE")
    sub.add_argument("--cut", type=int, help="entries that happened (default: all)")
    sub.add_argument(
        "--volatile", type=volatile_range, action="append", default=[], metavar="NAME[:FIRST+COUNT]"
    )
    sub.add_argument("--seed", type=int, help="lose unflushed writes of volatile ranges at random")
    sub.add_argument("--tear", action="store_true", help="the entry at the cut reaches disk in part")
    sub.set_defaults(run=command_image)
    args = parser.parse_args()
    args.run(Log(args.log), args)


if __name__ == "__main__":
    main()
