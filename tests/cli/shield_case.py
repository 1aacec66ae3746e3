# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of the shield share: a world whose main is probed for real."""

import hashlib
import json
import os
import subprocess

import images
from harness import WorldCase

SECTORS = 655360 + 8 * 5 + 1 # 320 MiB and a little: the last block is short


def checksum(path):
    """Of the content, however much of it is holes."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        # what is not written yet may be taken for a hole
        os.fsync(file.fileno())
        at = 0
        while True:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA) // images.MIB * images.MIB
            except OSError: # a hole up to the end
                break
            content = os.pread(file.fileno(), images.MIB, at).rstrip(b"\0")
            if content:
                digest.update(b"%d:%d:" % (at, len(content)) + content)
            at += images.MIB
    return f"{os.stat(path).st_size} {digest.hexdigest()}"


class ShieldCase(WorldCase):
    MAIN_SECTORS = SECTORS
    SPARE_SECTORS = 65536

    def setUp(self):
        super().setUp()
        # the content that other tests have
        os.truncate(self.world.path("sda"), 0)
        os.truncate(self.world.path("sda"), self.MAIN_SECTORS * 512)
        self.world.change_disk(self.main, probe=True)

    def create_args(self, name="r0", main=None, spare=None):
        return super().create_args(name, main, spare)[:-1]

    def raw(self):
        return self.world.path("sda")

    def signatures(self):
        """What wipefs finds on raw main."""
        out = subprocess.run(["wipefs", "-J", "-n", self.raw()], capture_output=True, text=True,
                             check=True).stdout
        found = json.loads(out)["signatures"] if out.strip() else []
        blkid = subprocess.run(["blkid", "-p", "-o", "value", "-s", "TYPE", "-s", "PTTYPE",
                                self.raw()], capture_output=True, text=True, check=False).stdout
        return [signature["type"] for signature in found] + blkid.split()

    def shown(self):
        """A file with what the remap device shows, put together with "table --linear"."""
        out = self.check(["table", "--linear", "r0"], 0)
        path = self.path("shown")
        with open(path, "wb") as shown:
            shown.truncate(self.MAIN_SECTORS * 512)
            for line in out.splitlines():
                start, length, kind, device, place = line.split()
                self.assertEqual(kind, "linear")
                self.copy(os.path.join(self.world.directory, device), int(place), shown,
                          int(start), int(length))
        return path

    @staticmethod
    def copy(path, place, to, start, length):
        with open(path, "rb") as source:
            at, end = place * 512, (place + length) * 512
            while at < end:
                try:
                    at = max(at, os.lseek(source.fileno(), at, os.SEEK_DATA))
                except OSError: # only a hole is left
                    return
                if at >= end:
                    return
                content = os.pread(source.fileno(), min(images.MIB, end - at), at)
                to.seek(start * 512 + at - place * 512)
                to.write(content)
                at += len(content)

    def slot_of(self, block):
        """Where the content of a block is on the spare, in sectors."""
        for line in self.check(["table", "--linear", "r0"], 0).splitlines():
            start, length, _, device, place = line.split()
            if device == self.spare_disk and int(start) <= block * 8 < int(start) + int(length):
                return int(place) + block * 8 - int(start)
        return None


class UsedSetCase(ShieldCase):
    """A set whose blocks can be remapped and changed."""

    MAIN_SECTORS = 65541
    SPARE_SECTORS = 32768

    def setUp(self):
        super().setUp()
        images.ext4(self.raw())
        self.before = checksum(self.raw())
        self.create()

    def remap(self, *blocks):
        """Remap blocks, and give them other content; returns the checksum of all."""
        self.check(["add", "r0", *(f"{block * 8}" for block in blocks)], 0)
        self.check(["stop", "r0"], 0)
        for block in blocks:
            slot = self.slot_of(block)
            images.write(self.world.path("sdb"), slot * 512, b"content of %d\n" % block * 200)
        content = checksum(self.shown())
        self.check(["assemble", "r0"], 0)
        self.world.heal()
        return content
