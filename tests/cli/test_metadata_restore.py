# SPDX-License-Identifier: GPL-2.0-only
"""metadata restore on plain files."""

import json
import os

import metadata_case


class Restore(metadata_case.Case):
    def setUp(self):
        super().setUp()
        self.image = self.spare("--entries", "300")
        self.dump_path, self.document = self.dump(self.image)

    def restore(self, target, *options):
        return ["metadata", "restore", self.dump_path, target, *options]

    def blank(self, size, name="target.img"):
        with open(self.path(name), "wb") as file:
            file.truncate(size)
        return self.path(name)

    def test_new_file(self):
        target = self.path("new.img")
        restored = self.json(self.restore(target), 0)["restored"]
        self.assertEqual((restored["entries"], restored["created_file"]), (300, True))
        self.assertEqual(os.path.getsize(target), os.path.getsize(self.image))
        self.assertLess(os.stat(target).st_blocks * 512, os.path.getsize(target) // 8)

    def test_shield(self):
        shielded = self.spare("--entries", "3", "--shield", self.blank(16 << 20, "main.img"),
                              main="16M", name="shielded.img")
        self.dump_path, document = self.dump(shielded, "shielded.json")
        self.assertEqual([(e["reason"], e["shield"]) for e in document["entries"]],
                         [("shield", True)] * 3)
        target = self.path("new.img")
        self.check(self.restore(target), 0)
        self.assert_same_metadata(shielded, target, document["superblock"])
        self.good(target, 3)
        repaired = self.path("repaired.img")
        self.check(["metadata", "repair", shielded, "-O", repaired], 0)
        _, again = self.dump(repaired, "again.json")
        self.assertEqual([e["shield"] for e in again["entries"]], [True] * 3)
        self.assertEqual(again["superblock"]["incompat"], document["superblock"]["incompat"])

    def test_size(self):
        size = os.path.getsize(self.image)
        for other in size - metadata_case.BLOCK, size + metadata_case.BLOCK:
            target = self.blank(other)
            self.check(self.restore(target, "-y", "--force"), 3, f"has {other // 512} sectors",
                       f"is for {size // 512}")
            with open(target, "rb") as file:
                self.assertFalse(any(file.read()))

    def test_asks_before_it_overwrites(self):
        target = self.blank(os.path.getsize(self.image))
        _, _, err = self.ctl(*self.restore(target))
        self.assertIn("not confirmed: this overwrites the metadata on", err)
        self.assertEqual(self.ctl(*self.restore(target)).code, 3)
        with open(target, "rb") as file:
            self.assertFalse(any(file.read()))
        self.assertEqual(self.ctl(*self.restore(target, "--yes")).code, 0)
        self.good(target, 300)

    def test_metadata_is_not_overwritten(self):
        other = self.spare("--entries", "7", "--seed", "2", "--name", "mine", name="other.img")
        before = metadata_case.digest(other)
        code, _, err = self.ctl(*self.restore(other, "--yes"))
        self.assertEqual(code, 3)
        self.assertIn("is the spare of set 'mine'", err)
        self.assertIn("holds 7 remapped blocks; use --force", err)
        self.assertEqual(metadata_case.digest(other), before)
        self.assertEqual(self.ctl(*self.restore(other, "--force")).code, 3)  # not confirmed
        self.assertEqual(metadata_case.digest(other), before)
        self.assertEqual(self.ctl(*self.restore(other, "--force", "--yes")).code, 0)
        self.assert_same_metadata(self.image, other, self.document["superblock"])

    def test_says_what_is_newer(self):
        newer = self.spare("--entries", "301", name="newer.img")
        _, _, err = self.ctl(*self.restore(newer, "--yes"))
        self.assertIn("is newer than the dump: generation 301, not 300", err)
        self.assertNotIn("newer", self.ctl(*self.restore(self.image, "--yes")).err)

    def test_signatures(self):
        target = self.blank(os.path.getsize(self.image))
        with open(target, "r+b") as file:
            file.seek(1080)
            file.write(b"\x53\xef")
        code, _, err = self.ctl(*self.restore(target, "--yes"))
        self.assertEqual(code, 3, err)
        self.assertIn("contains a 'ext2' signature", err)
        self.assertEqual(self.ctl(*self.restore(target, "--yes", "--force")).code, 0)
        self.assert_same_metadata(self.image, target, self.document["superblock"])

    def test_restore_dry_run(self):
        target = self.blank(os.path.getsize(self.image))
        new = self.path("new.img")
        for path in target, new:
            self.assertIn("Would write", self.ctl(*self.restore(path, "--dry-run")).out)
        self.assertFalse(os.path.exists(new))
        with open(target, "rb") as file:
            self.assertFalse(any(file.read()))

    def malformed(self, text, *errors):
        path = self.write("bad.json", text if isinstance(text, str) else json.dumps(text))
        target = self.path("never.img")
        self.check(["metadata", "restore", path, target, "-y", "--force"], 6, path, *errors)
        self.assertFalse(os.path.exists(target))

    def test_malformed_files(self):
        with open(self.dump_path, encoding="utf-8") as file:
            text = file.read()
        self.malformed("", "parse error at line 1")
        self.malformed(text[:1000], "parse error at line")
        self.malformed(text + "x", "parse error at line")
        self.malformed("[]", "is not an object")
        self.malformed("7", "is not an object")
        self.malformed("{}", "has no member 'json_format_version'")
        self.malformed('{"x": ' + "[" * 100000, "nested too deeply")
        self.malformed('{"x": ' * 5000, "nested too deeply")
        self.check(["metadata", "restore", self.path("none"), self.path("x")], 4, "No such file")
        self.check(["metadata", "restore", self.directory, self.path("x")], 1, "Is a directory")

    def test_malformed_members(self):
        def edit(*path_and_value):
            document = json.loads(json.dumps(self.document))
            *path, last, value = path_and_value
            place = document
            for key in path:
                place = place[key]
            if value is None:
                del place[last]
            else:
                place[last] = value
            return document

        entries = self.document["entries"]
        reverse = dict(reversed(self.document.items()))
        for document, *errors in [
                (edit("json_format_version", [2, 0]), "/json_format_version"),
                (edit("superblock", None), "comes before the superblock"),
                (reverse, "comes before the superblock"),
                (edit("superblock", []), "/superblock: is not an object"),
                (edit("superblock", "seq", None), "/superblock: has no member 'seq'"),
                (edit("superblock", "extra", 1), "/superblock: has members that are not known"),
                (edit("superblock", "seq", -1), "/superblock/seq: is not a whole number"),
                (edit("superblock", "seq", 1.5), "/superblock/seq: is not a whole number"),
                (edit("superblock", "format_version", 2), "/superblock/format_version"),
                (edit("superblock", "set_uuid", "x"), "/superblock/set_uuid: is not a UUID"),
                (edit("superblock", "label", "x" * 64), "/superblock: the name"),
                (edit("superblock", "label", "\x1b"), "/superblock: a text field is damaged"),
                (edit("superblock", "state", "happy"), "/superblock/state: is not known"),
                (edit("superblock", "activation", 1 << 32), "activation counter is exhausted"),
                (edit("superblock", "slots", 1), "the layout does not fit"),
                (edit("superblock", "spare_sectors", 8), "too small"),
                (edit("superblock", "main_sectors", 0), "size of main is impossible"),
                (edit("superblock", "main_logical_block_bytes", 513), "block sizes of main"),
                (edit("superblock", "table_blocks_initialised", 10**6), "more table blocks"),
                (edit("superblock", "given_up", [{"first": 0, "count": 99, "copy": 0}]),
                 "/superblock: the list of table copies"),
                (edit("superblock", "given_up", [{"first": 0, "count": 1, "copy": 2}]),
                 "/superblock/given_up/0/copy: is too large"),
                (edit("superblock", "other_bytes", [{"offset": 4095, "hex": "0000"}]),
                 "/superblock/other_bytes/0/hex: is too long"),
                (edit("superblock", "other_bytes", [{"offset": 0, "hex": "00"}]),
                 "no dm-remap signature"),
                (edit("complete", 1), "/complete: is neither true nor false"),
                (edit("table_sequences", {}), "/table_sequences: is not an array"),
                (edit("table_sequences", []), "does not cover the whole table"),
                (edit("table_sequences", 0, "count", 10**9), "/table_sequences/0/count"),
                (edit("table_pads", [{"table_block": 0, "hex": "00"}]),
                 "/table_pads/0: has the wrong length"),
                (edit("bad_slots", [{"slot": 5, "generation": 1, "time": 1700000000}]),
                 "the slot is among the bad ones"),
                (edit("bad_slots", [7]), "/bad_slots/0: is not an object"),
                (edit("entries", [[]]), "/entries/0: is not an object"),
                (edit("entries", None), "has no member 'entries'"),
                (edit("entries", 17, "block", 1 << 40), "/entries/17: an entry names a block"),
                (edit("entries", 17, "block", "5"), "/entries/17/block: is not a whole number"),
                (edit("entries", 17, "slot", 3), "/entries/17: does not follow"),
                (edit("entries", 299, "slot", 10**9), "/entries/299: the slot lies behind"),
                (edit("entries", 17, "reason", "none"), "/entries/17/reason: is not known"),
                (edit("entries", 17, "lost_mask", 256), "/entries/17/lost_mask: is too large"),
                (edit("entries", 17, "lost_sectors", 1), "/entries/17/lost_sectors"),
                (edit("entries", 17, "generation", 1 << 39), "/entries/17: impossible generation"),
                (edit("entries", 17, "time", 1700000001), "/entries/17/time: is no number of"),
                (edit("entries", 17, "shield", 0), "/entries/17/shield: is neither"),
                (edit("entries", 17, entries[16] | {"slot": 17}), "same generation")]:
            with self.subTest(errors):
                self.malformed(document, *errors)

    def test_dump_of_damage(self):
        image = self.spare("--entries", "600", "--damage", "entry:5=beyond", name="broken.img")
        dump, target = self.path("broken.json"), self.path("new.img")
        self.assertEqual(self.ctl("metadata", "dump", image, "-O", dump).code, 6)
        self.check(["metadata", "restore", dump, target], 3, "entries were left out", "--force")
        self.assertEqual(self.ctl("metadata", "restore", dump, target, "--force").code, 0)
        self.good(target, 599)
        image = self.spare("--entries", "600", "--damage", "table0:1", "table1:1", name="b2.img")
        self.assertEqual(self.ctl("metadata", "dump", image, "-O", dump, "--force").code, 6)
        self.check(["metadata", "restore", dump, self.path("x"), "--force"], 6,
                   "lacks table blocks")
