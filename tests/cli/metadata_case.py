# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of the family metadata share: dumps, and comparing images."""

import hashlib
import json
import os

import harness

BLOCK = 4096
TABLE_START = 65536


def digest(path):
    result = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            result.update(part)
    return result.hexdigest()


def regions(superblock):
    """Where the metadata lies: (offset, length) in bytes."""
    size = superblock["spare_sectors"] * 512
    table = superblock["table_blocks"] * BLOCK
    tail = TABLE_START + table + superblock["slots"] * BLOCK
    return [(0, TABLE_START + table), (tail, size - tail)]


class Case(harness.Case):
    def load(self, path):
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        harness.validator().validate(document)
        return document

    def dump(self, image, name="dump.json"):
        """Dump to a file; returns its path and the document."""
        path = self.path(name)
        self.check(["metadata", "dump", image, "-O", path, "--force"], 0)
        return path, self.load(path)

    def assert_same_metadata(self, one, other, superblock):
        self.assertEqual(os.path.getsize(one), os.path.getsize(other))
        with open(one, "rb") as a, open(other, "rb") as b:
            for offset, length in regions(superblock):
                a.seek(offset)
                b.seek(offset)
                for at in range(0, length, 1 << 20):
                    amount = min(1 << 20, length - at)
                    self.assertTrue(a.read(amount) == b.read(amount),
                                    f"differs near byte {offset + at}")

    def good(self, image, entries):
        out = self.check(["metadata", "check", image], 0)
        self.assertIn(f" {entries} remapped block", out)
        self.assertIn(": good\n", out)
