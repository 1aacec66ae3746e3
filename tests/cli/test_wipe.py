# SPDX-License-Identifier: GPL-2.0-only
"""wipe."""

import errno

from harness import WorldCase


class Wipe(WorldCase):
    def damage(self, *blocks):
        with open(self.world.path("sdb"), "r+b") as file:
            for block in blocks:
                file.seek(block * 4096 + 1000)
                file.write(b"damage")

    def with_entries(self):
        self.create()
        self.check(["add", "r0", "0", "100"], 0)
        self.check(["stop", "r0"], 0)

    def test_wipes(self):
        self.create_and_stop()
        out = self.check(["wipe", "-y", "dev/sdb"], 0)
        self.assertIn("dev/sdb: spare of set 'r0' (", out)
        self.assertIn("active), 0 remapped blocks\nWiped dev/sdb.\n", out)
        self.assertEqual(self.world.log("write", "sync"),
                         ["write sdb 0+8", "write sdb 32760+8", "sync sdb"])
        self.refused(["wipe", "-y", "dev/sdb"], 4, "dev/sdb: has no dm-remap metadata")
        self.assertEqual(self.check(["list", "-a"], 0), "There are no sets.\n")

    def test_entries_have_to_be_named(self):
        self.with_entries()
        text = "dev/sdb: holds the only copy of 2 remapped blocks; to give them up use " \
               "--discard-remapped=2"
        self.refused(["wipe", "-y", "dev/sdb"], 3, text)
        self.refused(["wipe", "-y", "dev/sdb", "--force"], 3, text)
        self.refused(["wipe", "-y", "dev/sdb", "--discard-remapped=1"], 3, text)
        self.refused(["wipe", "-y", "dev/sdb", "--discard-remapped=3"], 3, text)
        document = self.json(["wipe", "-y", "dev/sdb", "--discard-remapped=2"], 0)
        self.assertEqual(document["wiped"][0]["remapped_blocks"], 2)

    def test_count_is_a_number(self):
        self.with_entries()
        for text in "many", "-1", "", "2x", "99999999999999999999":
            self.refused(["wipe", "-y", "dev/sdb", f"--discard-remapped={text}"], 2,
                         "--discard-remapped", "see: remapctl wipe --help")

    def test_damaged_metadata(self):
        self.create_and_stop()
        self.damage(0, 4095)
        self.refused(["wipe", "-y", "dev/sdb"], 3, "dev/sdb: its metadata is damaged, so what it "
                     "holds is not known", "use --force to erase it nevertheless")
        self.check(["wipe", "-y", "--force", "dev/sdb"], 0)
        self.check(["metadata", "check", "dev/sdb"], 4)

    def test_damaged_table(self):
        self.create_and_stop()
        self.damage(16, 32624 // 8)
        self.refused(["wipe", "-y", "dev/sdb"], 3, "its metadata is damaged")
        self.check(["wipe", "-y", "--force", "dev/sdb"], 0)

    def test_in_use(self):
        self.create()
        self.refused(["wipe", "-y", "dev/sdb"], 5, "dev/sdb: the spare is in use: held by dm-0 (r0)")
        self.check(["stop", "r0"], 0)
        self.world.change_disk(self.spare_disk, claimed=True)
        self.refused(["wipe", "-y", "dev/sdb"], 5, "cannot open dev/sdb: Device or resource busy")

    def test_no_member(self):
        self.refused(["wipe", "-y", "dev/sda"], 4, "dev/sda: has no dm-remap metadata")
        self.refused(["wipe", "-y", "dev/sdx"], 4, "dev/sdx: No such file or directory")

    def test_several(self):
        self.create()
        self.create("r1", self.world.disk("sdc", 65536), self.world.disk("sdd", 32768))
        self.check(["stop", "--all"], 0)
        document = self.json(["wipe", "-y", "dev/sdb", "dev/sdx", "dev/sdd"], 4)
        self.assertEqual([w["path"] for w in document["wiped"]], ["dev/sdb"])
        self.check(["assemble", "r1", "--main", "dev/sdc"], 0)

    def test_no_privileges(self):
        self.create_and_stop()
        self.world.switch(no_permission=True)
        self.refused(["wipe", "-y", "dev/sdb"], 3, "cannot open the lock of dev/sdb: Permission denied",
                     "try as root")

    def test_every_step(self):
        self.create_and_stop()
        for step in "lock-disk sdb", "open sdb write", "write sdb 0+8":
            with self.subTest(step):
                self.world.heal()
                self.world.fail(step, errno.EIO)
                self.refused(["wipe", "-y", "dev/sdb"], 1, "Input/output error")
        # one copy is gone: still a member, and wiping it again works
        for step in "write sdb 32760+8", "sync sdb":
            self.world.heal()
            self.world.fail(step, errno.EIO)
            self.check(["wipe", "-y", "dev/sdb"], 1, "cannot write to dev/sdb: Input/output error")
            if step != "sync sdb":
                self.check(["metadata", "check", "dev/sdb"], 10)
