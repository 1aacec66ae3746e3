"""Tests of lib/replay_log.py on small logs made by hand."""

import os
import random
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from replay_log import DISCARD, FLUSH, FUA, MAGIC, SECTOR, Log  # noqa: E402


def sector_of(byte):
    return bytes([byte]) * SECTOR


class ReplayLog(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)

    def log(self, *entries):
        """entries: (disk's first log sector + sector, data bytes, flags); two disks a and b"""
        path = os.path.join(self.dir.name, "log")
        with open(path + ".disks", "w", encoding="utf-8") as f:
            f.write("a 0 16\nb 2048 16\n")
        with open(path, "wb") as f:
            f.write(struct.pack("<QQQI", MAGIC, 1, len(entries), SECTOR).ljust(SECTOR, b"\0"))
            for sector, data, flags in entries:
                count = data if flags & DISCARD else len(data)
                f.write(struct.pack("<QQQQ", sector, count, flags, 0).ljust(SECTOR, b"\0"))
                if not flags & DISCARD:
                    f.write(b"".join(sector_of(d) for d in data))
        log = Log(path)
        self.addCleanup(log.file.close)
        return log

    def image(self, log, disk, cut, volatile=(), seed=0, tear=False):
        lost = log.lost_sectors(cut, volatile, random.Random(seed), tear)
        with tempfile.TemporaryFile() as f:
            f.write(bytes(16 * SECTOR))
            log.apply({disk: f}, cut, lost, tear)
            f.seek(0)
            return [f.read(SECTOR)[0] for _ in range(16)]

    def test_prefix(self):
        log = self.log((0, [1, 2], 0), (2049, [9], 0), (1, [3], 0))
        self.assertEqual(self.image(log, "a", 0)[:3], [0, 0, 0])
        self.assertEqual(self.image(log, "a", 2)[:3], [1, 2, 0])
        self.assertEqual(self.image(log, "a", 3)[:3], [1, 3, 0])
        self.assertEqual(self.image(log, "b", 3)[:3], [0, 9, 0])

    def test_discard_reads_as_zeros(self):
        log = self.log((0, [1, 2, 3], 0), (1, 1, DISCARD))
        self.assertEqual(self.image(log, "a", 2)[:3], [1, 0, 3])

    def test_flush_and_fua_survive(self):
        log = self.log((0, [1], 0), (0, [], FLUSH), (1, [2], FUA), (2, [3], 0))
        everything = [("a", 0, 16)]
        seen = {tuple(self.image(log, "a", 4, everything, seed)[:3]) for seed in range(50)}
        self.assertEqual(seen, {(1, 2, 0), (1, 2, 3)})

    def test_flush_of_another_disk_does_not_help(self):
        log = self.log((0, [1], 0), (2048, [], FLUSH))
        seen = {self.image(log, "a", 2, [("a", 0, 16)], seed)[0] for seed in range(50)}
        self.assertEqual(seen, {0, 1})

    def test_outside_the_volatile_range_all_is_kept(self):
        log = self.log((0, [1, 2, 3, 4], 0))
        for seed in range(50):
            image = self.image(log, "a", 1, [("a", 2, 3)], seed)
            self.assertEqual((image[0], image[1], image[3]), (1, 2, 4))

    def test_tear_applies_a_part_of_the_entry_at_the_cut(self):
        log = self.log((0, [1, 1, 1, 1], FUA))
        seen = {tuple(self.image(log, "a", 0, (), seed, tear=True)[:4]) for seed in range(200)}
        self.assertIn((1, 1, 0, 0), seen)
        self.assertIn((0, 1, 0, 1), seen)
        self.assertTrue(all(set(s) <= {0, 1} for s in seen))

    def test_the_same_seed_gives_the_same_image(self):
        log = self.log(*[(i % 16, [i % 250 + 1], 0) for i in range(64)])
        images = [self.image(log, "a", 60, [("a", 0, 16)], 7) for _ in range(2)]
        self.assertEqual(images[0], images[1])


if __name__ == "__main__":
    unittest.main()
