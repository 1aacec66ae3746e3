#!/usr/bin/env python3
"""Chooses the bad sectors of an ext4 file system that is on the disk already.

choose.py IMAGE FILES OUT-DIR

Unreadable sectors are in the data of files and in free space, never in metadata that is there: a
sector that is lost is lost, and ext4 would rightly complain of an inode table that it can't read.
Unwritable ones may be anywhere, in metadata above all. What can't be read can't be written either,
for an injected error does not heal by a write.

FILES has the names of the files that nobody changes any more; "fio.dat" is overwritten.
OUT-DIR gets:
  errors           for blkdebug
  unreadable.list  the unreadable sectors
  kept.list        the sectors of the unchanged files
  hurt             the unchanged files with an unreadable sector
  overwritten      how many bad blocks fio.dat has
"""

import os
import random
import re
import subprocess
import sys

SECTORS = 8  # of a block
RUN = 64  # blocks in a row that can't be written


# Their output is read, so not in the language of the user.
os.environ["LC_ALL"] = "C"


def free_blocks(image):
    text = subprocess.run(["dumpe2fs", image], check=True, capture_output=True, text=True).stdout
    blocks = []
    for line in re.findall(r"^  Free blocks: (.*)$", text, re.M):
        for part in filter(None, line.split(", ")):
            first, _, last = part.partition("-")
            blocks += range(int(first), int(last or first) + 1)
    return blocks


def blocks_of_files(image, names):
    """{name: its blocks in the order they lie in the file}"""
    script = "".join(f'dump_extents -l "/{name}"\n' for name in names)
    text = subprocess.run(
        ["debugfs", "-f", "-", image], input=script, check=True, capture_output=True, text=True
    ).stdout
    files = {}
    for part in re.split(r"^debugfs: dump_extents -l ", text, flags=re.M)[1:]:
        name = part.split("\n", 1)[0].strip().strip('"').removeprefix("/")
        files[name] = []
        for first, last in re.findall(
            r"^ *\d+/ *\d+ +\d+/ *\d+ +\d+ - +\d+ +(\d+) - +(\d+)", part, re.M
        ):
            files[name] += range(int(first), int(last) + 1)
    return files


def main():
    image, names, out = sys.argv[1:]
    dice = random.Random(20)
    with open(names, encoding="utf-8") as lines:
        kept = lines.read().splitlines()
    files = blocks_of_files(image, kept + ["fio.dat"])
    fio = files.pop("fio.dat")
    free = free_blocks(image)
    data = [b for blocks in files.values() for b in blocks]
    used = set(data) | set(fio) | set(free)
    metadata = [b for b in range(os.stat(image).st_size // 4096) if b not in used]
    if min(len(data), len(fio), len(free)) < 2000 or len(metadata) < 500:
        sys.exit(f"{len(data)} {len(fio)} {len(free)} {len(metadata)} blocks: not understood")

    # The run: blocks in a row on the disk, in the file that is overwritten.
    starts = [i for i in range(len(fio) - RUN) if fio[i + RUN - 1] - fio[i] == RUN - 1]
    start = dice.choice(starts)
    run = fio[start : start + RUN]
    rest = [b for b in fio if b not in set(run)]

    def sectors(blocks, count):
        return [b * SECTORS + dice.randrange(SECTORS) for b in dice.sample(blocks, count)]

    # The superblock and the first journal blocks among the metadata, whatever the dice say.
    unreadable = sectors(data, 60) + sectors(rest, 40) + sectors(free, 100)
    taken = {s // SECTORS for s in unreadable}
    unwritable = [2] + sectors(metadata[1:40], 7) + sectors(metadata[40:], 7)
    unwritable += sectors([b for b in rest if b not in taken], 15)
    unwritable += sectors([b for b in free if b not in taken], 20)

    def write(name, lines):
        with open(f"{out}/{name}", "w", encoding="utf-8") as f:
            f.writelines(f"{line}\n" for line in lines)

    write(
        "errors",
        [f"read {s}" for s in unreadable]
        + [f"write {s}" for s in unreadable + unwritable]
        + [f"write {run[0] * SECTORS}+{RUN * SECTORS}"],
    )
    write("unreadable.list", unreadable)
    write("kept.list", [f"{b * SECTORS}+{SECTORS}" for b in data])
    hurt = {name for name, blocks in files.items() if taken & set(blocks)}
    write("hurt", sorted(hurt))
    in_fio = set(fio)
    bad = {s // SECTORS for s in unreadable + unwritable} & in_fio | set(run)
    write("overwritten", [len(bad)])
    print(
        f"    {len(unreadable)} unreadable and {len(unwritable)} unwritable sectors, {RUN} unwritable"
        f" blocks in a row; {len(hurt)} of {len(files)} files are hurt"
    )


main()
