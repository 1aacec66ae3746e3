# SPDX-License-Identifier: GPL-2.0-only
"""metadata check and dump, on plain files."""

import json
import os
import subprocess

import harness
from harness import Case


class Metadata(Case):
    def check_metadata(self, path, status, *lines):
        code, out, err = self.ctl("metadata", "check", path)
        self.assertEqual(code, status, out + err)
        for line in lines:
            self.assertIn(line + "\n", out)
        return out, err

    def test_good(self):
        out, err = self.check_metadata(self.spare("--entries", "1000"), 0)
        self.assertIn("1000 remapped blocks", out)
        self.assertIn(": good\n", out)
        self.assertEqual(err, "")

    def test_works_without_privileges(self):
        path = self.spare("--entries", "10")
        self.assertEqual(self.ctl_as_nobody("metadata", "check", path).code, 0)
        self.assertEqual(self.ctl_as_nobody("metadata", "dump", path).code, 0)

    def test_one_copy_damaged(self):
        texts = {"zero": "no dm-remap signature", "torn": "checksum mismatch",
                 "noise": "no dm-remap signature", "flip": "checksum mismatch"}
        for copy in 0, 1:
            for how, text in texts.items():
                path = self.spare("--entries", "10", "--damage", f"sb{copy}={how}")
                out, _ = self.check_metadata(path, 10,
                                             f"repairable: superblock copy {copy}: {text}")
                self.assertIn("10 remapped blocks", out)
                self.check_metadata(
                    self.spare("--entries", "10", "--damage", f"table{copy}:0={how}"), 10,
                    f"repairable: table block 0 copy {copy}: " +
                    text.replace("dm-remap", "table block"))

    def test_both_copies_damaged(self):
        _, err = self.check_metadata(self.spare("--damage", "sb0=torn", "sb1=zero"), 6,
                                     "fatal: superblock copy 0: checksum mismatch",
                                     "fatal: superblock copy 1: no dm-remap signature")
        self.assertIn("beyond repair", err)
        self.check_metadata(self.spare("--entries", "600", "--damage", "table0:2=flip",
                                       "table1:2=torn"), 6,
                            "fatal: table block 2 copy 0: checksum mismatch",
                            "fatal: table block 2 copy 1: checksum mismatch")
        self.check_metadata(self.spare("--damage", "table0:2=flip", "table1:3=flip"), 10)

    def test_state_is_noted(self):
        self.check_metadata(self.spare("--state", "1"), 0,
                            "note: superblock: its creation was not finished")

    def test_no_metadata(self):
        path = self.path("empty")
        for size in 0, 100, 4096, 1 << 20:
            with open(path, "wb") as file:
                file.truncate(size)
            for verb in "check", "dump":
                code, _, err = self.ctl("metadata", verb, path)
                self.assertEqual(code, 4, err)
        self.check(["metadata", "check", self.directory], 4, "neither a block device")
        self.check(["metadata", "dump", self.path("none")], 4, "No such file")

    def test_copy_on_a_larger_device_is_not_taken(self):
        path = self.spare()
        os.truncate(path, os.path.getsize(path) + 4096)
        self.check_metadata(path, 6, "fatal: superblock copy 0: it was written for a device of "
                            "another size")

    def test_dump(self):
        path = self.spare("--entries", "1000", "--lost-mask", "81", "--name", "data", "--wwn",
                          "0x5000c500a1b2c3d4")
        code, out, err = self.ctl("metadata", "dump", path)
        self.assertEqual((code, err), (0, ""))
        document = json.loads(out)
        harness.SCHEMA.validate(document)
        self.assertEqual(document["superblock"]["label"], "data")
        self.assertEqual(document["superblock"]["main_wwn"], "0x5000c500a1b2c3d4")
        self.assertTrue(document["complete"])
        entries = document["entries"]
        self.assertEqual([e["slot"] for e in entries], list(range(1000)))
        self.assertEqual(len({e["block"] for e in entries}), 1000)
        self.assertTrue(all(e["lost_sectors"] == 2 for e in entries))

    def test_dump_leaves_damage_out(self):
        path = self.spare("--entries", "600", "--damage", "table0:1=zero", "table1:1=flip")
        code, out, err = self.ctl("metadata", "dump", path)
        self.assertEqual(code, 6)
        self.assertIn("left out", err)
        document = json.loads(out)
        harness.SCHEMA.validate(document)
        self.assertFalse(document["complete"])
        self.assertEqual(len(document["entries"]), 600 - 252)

    def test_a_million_entries(self):
        path = self.spare("--entries", "1000000", size="5G", main="8T")
        out, _ = self.check_metadata(path, 0)
        self.assertIn("1000000 remapped blocks", out)
        result = subprocess.run([harness.CONFIG.remapctl, "metadata", "dump", path], check=True,
                                capture_output=True, timeout=60)
        self.assertEqual(result.stdout.count(b'{"slot": '), 1000000)
        self.assertEqual(len(json.loads(result.stdout)["entries"]), 1000000)

    def test_mkspare_is_reproducible(self):
        images = []
        for _ in range(2):
            with open(self.spare("--entries", "50", "--seed", "7"), "rb") as file:
                images.append(file.read())
        self.assertTrue(images[0] == images[1])
