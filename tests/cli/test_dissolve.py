# SPDX-License-Identifier: GPL-2.0-only
"""dissolve: what it refuses, what it says, and what is left."""

import errno

import images
from shield_case import UsedSetCase, checksum


class Dissolve(UsedSetCase):
    def test_brings_everything_back(self):
        content = self.remap(50, 51, 52, 1000, 8192)
        self.assertNotEqual(content, self.before)
        document = self.json(["dissolve", "r0", "--yes"], 0)["dissolved"]
        self.assertEqual(checksum(self.raw()), content)
        self.assertEqual((document["blocks"], document["shield_blocks"]), (6, 1))
        self.assertFalse(document["resumed"])
        self.assertEqual(self.world.devices(), [])
        self.check(["assemble", "r0"], 4, "no spare")
        # the same devices make a set again
        self.create()

    def test_without_shield(self):
        self.check(["dissolve", "r0", "--yes"], 0)
        self.check([*self.create_args(), "--no-shield", "--yes"], 0)
        content = self.remap(7, 8000)
        self.check(["dissolve", "r0", "--yes"], 0)
        self.assertEqual(checksum(self.raw()), content)

    def test_stopped_set_by_uuid_and_by_devices(self):
        content = self.remap(7)
        uuid = self.world.uuid()
        self.check(["stop", "r0"], 0)
        self.refused(["dissolve", "r1", "--yes"], 4, "no spare of the set 'r1' was found")
        self.check(["dissolve", "UUID=" + uuid, "-n"], 0)
        self.check(["dissolve", "r0", "--main", self.main, "--spare", self.spare_disk, "--yes"], 0)
        self.assertEqual(checksum(self.raw()), content)

    def test_dry_run(self):
        self.remap(7)
        before = self.world.state()
        document = self.json(["dissolve", "r0", "-n"], 0)["dissolved"]
        self.assertEqual(document["blocks"], 2)
        self.assertIn("Nothing was changed", self.check(["dissolve", "r0", "-n"], 0))
        self.assertEqual(self.world.state(), before)

    def test_asks_for_the_name(self):
        self.refused(["dissolve", "r0"], 3)

    def test_set_in_use(self):
        self.world.change_device("r0", users=["mounted on /srv"])
        self.refused(["dissolve", "r0", "--yes"], 5, "r0: is in use: mounted on /srv")

    def test_lost_sectors(self):
        self.check(["add", "r0", "--lost", "800"], 0)
        self.refused(["dissolve", "r0", "--yes"], 3, "8 sectors of it are lost, the first is "
                     "sector 800", "--to DEV --force")

    def test_main_that_can_not_be_written(self):
        content = self.remap(7, 900)
        self.world.change_disk(self.main, unwritable=[[7200, 8]])
        code, _, err = self.ctl("dissolve", "r0", "--yes")
        self.assertEqual(code, 1)
        self.assertIn("cannot write sector 7200 of dev/sda", err)
        self.assertIn("--to DEV", err)
        self.check(["assemble", "r0"], 0)
        self.check(["stop", "r0"], 0)
        self.assertEqual(checksum(self.shown()), content)

    def test_main_that_somebody_has_written_to(self):
        self.remap(7)
        self.check(["stop", "r0"], 0)
        images.ext4(self.raw())
        self.refused(["dissolve", "r0", "--yes"], 4, "no device carries the member header")
        self.refused(["dissolve", "r0", "--main", self.main, "--yes"], 4,
                     "has no valid member header")

    def test_goes_on_after_a_failure(self):
        content = self.remap(7)
        self.world.fail("write sdb 0+8", errno.EIO, nth=3, from_then_on=True)
        self.world.fail("write sdb 32760+8", errno.EIO, nth=3, from_then_on=True)
        code = self.ctl("dissolve", "r0", "--yes").code
        self.world.heal()
        if code != 0:
            self.json(["dissolve", "r0", "--yes"], 0)
        self.assertEqual(checksum(self.raw()), content)

    def test_assemble_of_a_set_that_is_being_dissolved(self):
        content = self.remap(7)
        # DISSOLVING is written, main is not
        self.world.fail("write sda 1+7", errno.EIO, from_then_on=True)
        for write in "write sdb 0+8", "write sdb 32760+8":
            self.world.fail(write, errno.EIO, nth=2, from_then_on=True)
        self.assertEqual(self.ctl("dissolve", "r0", "--yes").code, 1)
        self.world.heal()
        self.refused(["assemble", "r0"], 3, "it is being dissolved",
                     "to finish it run: remapctl dissolve r0")
        document = self.json(["dissolve", "r0", "--yes"], 0)["dissolved"]
        self.assertTrue(document["resumed"])
        self.assertEqual(checksum(self.raw()), content)


class Copy(UsedSetCase):
    def setUp(self):
        super().setUp()
        self.to = self.world.disk("sdc", self.MAIN_SECTORS)

    def test_copies_and_leaves_the_set(self):
        content = self.remap(50, 51, 8192)
        out = self.check(["dissolve", "r0", "--to", self.to, "--yes"], 0)
        self.assertIn("Copied r0 to dev/sdc.", out)
        self.assertEqual(checksum(self.world.path("sdc")), content)
        self.assertEqual(self.world.devices(), [])
        self.check(["assemble", "r0"], 0)

    def test_unreadable_main(self):
        self.remap(50)
        self.world.change_disk(self.main, unreadable=[[8003, 1]])
        code, _, err = self.ctl("dissolve", "r0", "--to", self.to, "--yes")
        self.assertEqual(code, 1)
        self.assertIn("sector 8003 of the set can't be read", err)
        document = self.json(["dissolve", "r0", "--to", self.to, "--yes", "--force"], 10)
        self.assertEqual(document["dissolved"]["unreadable"],
                         [{"first_sector": 8003, "sectors": 1}])

    def test_lost_sectors_are_zeros_with_force(self):
        self.check(["add", "r0", "--lost", "800"], 0)
        self.refused(["dissolve", "r0", "--to", self.to, "--yes"], 3, "are lost")
        document = self.json(["dissolve", "r0", "--to", self.to, "--yes", "--force"], 10)
        self.assertEqual(document["dissolved"]["unreadable"],
                         [{"first_sector": 800, "sectors": 8}])

    def test_target_that_will_not_do(self):
        for disk, text in (self.main, "member of the set"), (self.spare_disk, "member of the set"):
            self.refused(["dissolve", "r0", "--to", disk, "--yes"], 3, text)
        small = self.world.disk("sdd", 1000)
        self.refused(["dissolve", "r0", "--to", small, "--yes"], 3, "the copy needs")
        self.world.change_disk(self.to, signatures=[{"type": "xfs", "usage": "filesystem",
                                                     "label": ""}])
        self.refused(["dissolve", "r0", "--to", self.to, "--yes"], 3, "contains a 'xfs' signature")
