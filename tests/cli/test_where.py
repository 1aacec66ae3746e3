#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""What "remapctl where" and "list --columns" refuse before they ask the kernel.

    test_where.py --remapctl X
"""

import argparse
import subprocess
import sys
import unittest

ARGS = None


class Refusals(unittest.TestCase):
    def check(self, args, *parts):
        result = subprocess.run([ARGS.remapctl, *args], stdin=subprocess.DEVNULL, text=True,
                                capture_output=True, check=False, timeout=60)
        self.assertEqual((result.returncode, result.stdout), (2, ""), result.stderr)
        self.assertTrue(result.stderr.startswith("remapctl: "), result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        for part in parts:
            self.assertIn(part, result.stderr)

    def test_where(self):
        self.check(["where"], "NAME is required", "see: remapctl where --help")
        self.check(["where", "r0"], "POS is required")
        self.check(["where", "r0", "x"], "'x' is not a position")
        self.check(["where", "r0", "5Q"], "unknown unit")
        self.check(["where", "r0", "100b"], "not a whole number of 512-byte sectors")
        self.check(["where", "r0", "5", "--of", "sprae"], "--of", "sprae", "spare")
        self.check(["where", "r0", "5", "6"], "6")

    def test_lba_has_no_unit(self):
        for text in "5K", "5s", "0x", "-1", "":
            self.check(["where", "--lba", "r0", "--", text], "not the number of a logical block")

    def test_columns(self):
        self.check(["list", "-o", "name,nmae"], "there is no column 'nmae'",
                   "columns are name, uuid, state, main, spare")
        self.check(["list", "-o"], "--columns")


def main():
    global ARGS
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--remapctl", required=True)
    ARGS = parser.parse_args()
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(Refusals)
    sys.exit(not unittest.TextTestRunner(verbosity=1).run(suite).wasSuccessful())


if __name__ == "__main__":
    main()
