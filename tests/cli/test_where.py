# SPDX-License-Identifier: GPL-2.0-only
"""What "remapctl where" and "--columns" refuse before they ask the kernel."""

from harness import Case


class Refusals(Case):
    def refused(self, args, *parts):
        self.assertEqual(self.check(args, 2, *parts), "")

    def test_where(self):
        self.refused(["where"], "NAME is required", "see: remapctl where --help")
        self.refused(["where", "r0"], "POS is required")
        self.refused(["where", "r0", "x"], "'x' is not a position")
        self.refused(["where", "r0", "5Q"], "unknown unit")
        self.refused(["where", "r0", "100b"], "not a whole number of 512-byte sectors")
        self.refused(["where", "r0", "5", "--of", "sprae"], "--of", "sprae", "spare")
        self.refused(["where", "r0", "5", "6"], "6")

    def test_lba_has_no_unit(self):
        for text in "5K", "5s", "0x", "-1", "":
            self.refused(["where", "--lba", "r0", "--", text], "not the number of a logical block")

    def test_columns(self):
        self.refused(["list", "-o", "name,nmae"], "there is no column 'nmae'",
                   "columns are name, uuid, state, main, spare")
        self.refused(["list", "-o"], "--columns")
