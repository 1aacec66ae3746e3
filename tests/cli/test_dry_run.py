# SPDX-License-Identifier: GPL-2.0-only
"""--dry-run of every verb that changes something: it changes nothing."""

from harness import WorldCase


class DryRun(WorldCase):
    def dry(self, *args, says=""):
        """Run in each form; nothing changes, and nothing is even opened for writing."""
        before = self.world.state()
        self.world.heal()
        for flag in "-n", "--dry-run":
            self.assertIn(says, self.check([*args, flag], 0))
            self.check([flag, *args], 0)
        document = self.json([*args, "-n"], 0)
        self.assertEqual(self.world.state(), before)
        for line in self.world.log("write", "open", "lock-disk", "erase-signatures",
                                   "create", "reload", "resume", "suspend", "remove", "message"):
            self.assertRegex(line, "^open .* read$")
        return document

    def test_create(self):
        self.dry(*self.create_args(), says="Nothing was changed (--dry-run).")

    def test_create_with_force(self):
        self.world.change_disk(self.spare_disk, signatures=[
            {"type": "ext4", "usage": "filesystem", "label": ""}])
        self.dry(*self.create_args(), "--force", "--yes", says="Nothing was changed")

    def test_create_still_refuses(self):
        self.refused([*self.create_args(spare=self.main), "-n"], 3, "same device")

    def test_assemble(self):
        self.create_and_stop()
        self.dry("assemble", "r0", says="Would assemble r0 from main dev/sda and spare dev/sdb.")

    def test_stop(self):
        self.create()
        self.dry("stop", "r0", says="Would stop r0.")
        self.dry("stop", "--all", says="Would stop r0.")

    def test_stop_still_refuses(self):
        self.create()
        self.world.change_device("r0", users=["mounted on /srv"])
        self.refused(["stop", "r0", "-n"], 5, "r0: is in use: mounted on /srv")

    def test_add(self):
        self.create()
        result = self.dry("add", "r0", "0-15", says="Would add 2 blocks of r0.")["result"]
        self.assertEqual((result["requested_blocks"], result["added_blocks"]), (2, 0))

    def test_unmap(self):
        self.create()
        self.check(["add", "r0", "0-15"], 0)
        self.dry("unmap", "r0", "0-15", says="Would unmap 2 blocks of r0.")

    def test_pause_and_rearm(self):
        self.create()
        self.dry("pause", "r0", says="Would pause r0.")
        self.dry("rearm", "r0", says="Would rearm r0.")

    def test_wipe(self):
        self.create_and_stop()
        self.assertEqual(len(self.dry("wipe", "dev/sdb", says="Would wipe dev/sdb.")["wiped"]), 1)
