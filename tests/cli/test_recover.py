# SPDX-License-Identifier: GPL-2.0-only
"""recover shield: main alone, without its spare."""

import errno
import os

import images
from shield_case import UsedSetCase, checksum


class RecoverShield(UsedSetCase):
    def recover(self, *args):
        return ["recover", "shield", "--main", self.main, *args]

    def lose_spare(self):
        os.truncate(self.world.path("sdb"), 0)
        os.truncate(self.world.path("sdb"), self.SPARE_SECTORS * 512)

    def test_lists_what_is_gone(self):
        self.remap(50, 51, 8192)
        self.check(["metadata", "backup", self.spare_disk, "-O", "backup.json"], 0)
        self.check(["stop", "r0"], 0)
        self.lose_spare()
        document = self.json(self.recover("--backup", "backup.json", "-n"), 0)["recovered_shield"]
        self.assertEqual((document["blocks"], document["gone_blocks"]), ([0], 3))
        self.assertEqual(document["gone"], [{"first_sector": 400, "sectors": 16},
                                            {"first_sector": 65536, "sectors": 5}])
        out = self.check(self.recover("--backup", "backup.json", "--yes"), 0)
        self.assertIn("\n  400+16\n  65536+5\n", out)
        self.assertEqual(self.signatures()[0], "ext4")

    def test_without_backup(self):
        self.check(["stop", "r0"], 0)
        self.lose_spare()
        before = self.world.state()
        self.json(self.recover("-n"), 0)
        self.assertEqual(self.world.state(), before)
        code, out, err = self.ctl(*self.recover("--yes"))
        self.assertEqual(code, 0)
        self.assertIn("fsck", out)
        self.assertIn("what was remapped is gone with the spare", err)
        self.assertEqual(checksum(self.raw()), self.before)
        self.refused(self.recover("--yes"), 4, "dev/sda: carries no shield")

    def test_spare_that_is_here(self):
        self.check(["stop", "r0"], 0)
        self.refused(self.recover("--yes"), 3, "the spare of its set is here: dev/sdb",
                     "remapctl dissolve r0")
        self.check(self.recover("--yes", "--force"), 0)
        self.assertEqual(checksum(self.raw()), self.before)

    def test_damaged_copy(self):
        self.check(["stop", "r0"], 0)
        self.lose_spare()
        images.write(self.raw(), 600, b"damage")
        self.refused(self.recover("--yes"), 6, "1 block of the shield can't be put back; block 0: "
                     "checksum mismatch")
        self.refused(self.recover("--yes", "--force"), 6, "nothing was changed")

    def test_damaged_member_header(self):
        self.check(["stop", "r0"], 0)
        self.lose_spare()
        images.write(self.raw(), 300, b"damage")
        self.check(self.recover("--yes"), 0)
        self.assertEqual(checksum(self.raw()), self.before)

    def test_goes_on_after_a_failure(self):
        self.check(["stop", "r0"], 0)
        self.lose_spare()
        # behind the compressed copy, and the copy last
        writes = "write sda 0+1", "write sda 2+6", "write sda 1+1"
        for what in writes:
            self.world.fail(what, errno.EIO)
            code, _, err = self.ctl(*self.recover("--yes"))
            self.assertEqual(code, 1)
            self.assertIn("the shield is not off yet: run it again", err)
            self.world.heal()
        self.check(self.recover("--yes"), 0)
        self.assertEqual(self.world.log("write"), [writes[2]])
        self.assertEqual(checksum(self.raw()), self.before)

    def test_main_of_a_running_set(self):
        self.refused(self.recover("--yes"), 5, "the main device is in use: held by dm-0 (r0)")
