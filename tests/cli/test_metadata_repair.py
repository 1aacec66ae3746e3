# SPDX-License-Identifier: GPL-2.0-only
"""metadata repair on plain files."""

import os

import metadata_case


class Repair(metadata_case.Case):
    def setUp(self):
        super().setUp()
        self.whole = self.spare("--entries", "600", "--fill", name="whole.img")
        self.output = self.path("out.img")

    def broken(self, *damage, options=()):
        return self.spare("--entries", "600", "--fill", *options, "--damage", *damage)

    def repair(self, image, status, *options):
        """Repair to a new file; returns the member of the document. The source stays."""
        if os.path.exists(self.output):
            os.unlink(self.output)
        before = metadata_case.digest(image)
        document = self.json(["metadata", "repair", image, "-O", self.output, *options], status)
        self.assertEqual(metadata_case.digest(image), before)
        return document["repair"]

    def assert_same_slots(self, image, other):
        _, document = self.dump(self.whole)
        first = metadata_case.regions(document["superblock"])[0][1]
        with open(image, "rb") as a, open(other, "rb") as b:
            a.seek(first)
            b.seek(first)
            self.assertTrue(a.read(600 * metadata_case.BLOCK) == b.read(600 * metadata_case.BLOCK))

    def test_one_good_copy_is_enough(self):
        for damage in (["sb0=noise"], ["sb1=torn"], ["table0:1=zero", "table1:2=flip"],
                       ["table1:0=old"], ["given-up:1", "table1:0=flip"]):
            with self.subTest(damage):
                result = self.repair(self.broken(*damage), 0)
                self.assertEqual((result["entries"], result["copied_slots"]), (600, 600))
                self.good(self.output, 600)
                self.assert_same_slots(self.whole, self.output)
                _, one = self.dump(self.whole)
                _, two = self.dump(self.output)
                self.assertEqual(one["entries"], two["entries"])

    def test_both_copies_gone(self):
        image = self.broken("table0:1=noise", "table1:1=zero")
        result = self.repair(image, 3)
        self.assertFalse(result["written"])
        self.assertFalse(os.path.exists(self.output))
        self.assertEqual(result["unknown_slots"], [{"first": 252, "count": 252}])
        code, out, err = self.ctl("metadata", "repair", image, "-O", self.output)
        self.assertEqual(code, 3)
        self.assertIn("unknown: slot 252-503: what it held is not known", out)
        self.assertIn("main's old content would be read", err)
        result = self.repair(image, 10, "--force")
        self.assertTrue(result["written"])
        self.good(self.output, 348)
        _, document = self.dump(self.output)
        self.assertEqual([s["slot"] for s in document["bad_slots"]], list(range(252, 504)))

    def test_from_a_dump(self):
        dump, _ = self.dump(self.whole, "whole.json")
        image = self.broken("table0:1=noise", "table1:1=zero")
        self.assertFalse(self.repair(image, 3, "--from", dump)["written"])
        result = self.repair(image, 10, "--from", dump, "--force")
        self.assertEqual((result["table_blocks_from_dump"], result["unknown_slots"]), ([1], []))
        self.good(self.output, 600)
        self.assert_same_slots(self.whole, self.output)
        out = self.ctl("metadata", "repair", image, "-O", self.path("o2"), "--from", dump).out
        self.assertIn("table block 1: taken from the dump, possibly stale", out)

    def test_superblocks_gone(self):
        dump, _ = self.dump(self.whole, "whole.json")
        image = self.broken("sb0=noise", "sb1=torn")
        self.check(["metadata", "repair", image, "-O", self.output], 6, "checksum mismatch",
                   "--from DUMP")
        self.assertFalse(self.repair(image, 3, "--from", dump)["written"])
        self.assertTrue(self.repair(image, 10, "--from", dump, "--force")["superblock_from_dump"])
        self.good(self.output, 600)
        foreign = self.spare("--entries", "6", "--seed", "9", name="foreign.img")
        self.check(["metadata", "repair", foreign, "-O", self.path("x"), "--from", dump, "--force"],
                   4, "that of another spare")
        blank = self.path("blank.img")
        with open(blank, "wb") as file:
            file.truncate(os.path.getsize(image))
        self.check(["metadata", "repair", blank, "-O", self.path("x"), "--from", dump, "--force"],
                   4, "nothing on it belongs to the spare of the dump")
        self.check(["metadata", "repair", blank, "-O", self.path("x")], 4, "no dm-remap signature")

    def lost_entry(self, block):
        _, document = self.dump(self.output)
        return next(e for e in document["entries"] if e["block"] == block)

    def test_doubtful_entries_are_lost_not_served(self):
        _, document = self.dump(self.whole)
        blocks = [entry["block"] for entry in document["entries"]]
        for damage, block, entries in [("entry:9=same-generation", blocks[8], 599),
                                       ("entry:9=reason", blocks[9], 600),
                                       ("entry:9=generation", blocks[9], 600),
                                       ("table0:0=conflict", blocks[0], 600)]:
            with self.subTest(damage):
                result = self.repair(self.broken(damage), 10)
                self.assertEqual(result["lost_blocks"], [{"first": block, "count": 1}])
                self.good(self.output, entries)
                entry = self.lost_entry(block)
                self.assertEqual((entry["lost_mask"], entry["lost_on_spare"]), (255, True))
                out = self.ctl("metadata", "repair", self.path("spare.img"), "-n", "-O",
                               self.path("o")).out
                self.assertIn(f"lost: block {block} (sectors {block * 8}-{block * 8 + 7})", out)

    def test_entries_that_name_no_block(self):
        for damage in "entry:9=beyond", "entry:9=state", "entry:9=free":
            image = self.broken(damage)
            self.assertFalse(self.repair(image, 3)["written"])
            result = self.repair(image, 10, "--force")
            self.assertEqual(result["unknown_slots"], [{"first": 9, "count": 1}])
            self.good(self.output, 599)

    def test_superseded_entries_go(self):
        result = self.repair(self.broken("entry:9=duplicate"), 0)
        self.assertEqual(result["superseded_entries"], 1)
        self.good(self.output, 599)

    def test_stale_superblock(self):
        image = self.spare("--entries", "70000", "--damage", "stale-superblock", size="1100M")
        self.repair(image, 0, "--metadata-only")
        self.good(self.output, 70000)

    def test_metadata_only(self):
        result = self.repair(self.broken("sb0"), 0, "--metadata-only")
        self.assertEqual(result["copied_slots"], 0)
        self.good(self.output, 600)

    def test_repair_output(self):
        image = self.broken("sb0")
        before = metadata_case.digest(image)
        self.check(["metadata", "repair", image, "-O", image, "-y", "--force"], 3, "the same")
        os.link(image, self.path("link.img"))
        self.check(["metadata", "repair", image, "-O", self.path("link.img"), "-y", "--force"], 3,
                   "the same")
        self.assertEqual(metadata_case.digest(image), before)
        small = self.spare("--seed", "3", size="32M", name="small.img")
        self.check(["metadata", "repair", image, "-O", small, "-y", "--force"], 3, "sectors")
        other = self.spare("--seed", "3", "--name", "mine", name="other.img")
        self.check(["metadata", "repair", image, "-O", other, "-y"], 3, "set 'mine'", "--force")
        self.assertEqual(self.ctl("metadata", "repair", image, "-O", other, "--force").code, 3)
        self.assertIn("set 'mine'", self.check(["metadata", "check", other], 0))
        self.assertEqual(self.ctl("metadata", "repair", image, "-O", other, "-y", "--force").code,
                         0)
        self.good(other, 600)

    def test_repair_dry_run(self):
        image = self.broken("sb0")
        out = self.check(["metadata", "repair", image, "-O", self.output, "-n"], 0)
        self.assertIn("600 remapped blocks can be had, nothing is lost", out)
        self.assertFalse(os.path.exists(self.output))
