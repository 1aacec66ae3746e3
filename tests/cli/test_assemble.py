# SPDX-License-Identifier: GPL-2.0-only
"""assemble and stop."""

import errno
import fcntl
import os
import shutil

from harness import WorldCase


class Assemble(WorldCase):
    def damage_spare(self, *blocks, how=b"damage", at=1000):
        with open(self.world.path("sdb"), "r+b") as file:
            for block in blocks:
                file.seek(block * 4096 + at)
                file.write(how)

    def copy_spare(self, name):
        with open(self.world.path("sdb"), "rb") as file:
            content = file.read()
        path = self.world.disk(name, self.SPARE_SECTORS)
        with open(self.world.path(name), "r+b") as file:
            file.write(content)
        return path

    def second_set(self):
        """r1 on sdc and sdd, not assembled."""
        main = self.world.disk("sdc", 65536, wwn="0x5000c500c")
        spare = self.world.disk("sdd", 32768)
        self.create("r1", main, spare)
        self.check(["stop", "r1"], 0)

    def test_finds_its_members(self):
        self.create_and_stop()
        self.assertIn("Assembled r0: /dev/mapper/r0", self.check(["assemble", "r0"], 0))
        self.assertEqual(self.world.log("create", "reload", "resume"),
                         ["create r0", "reload r0", "resume r0"])

    def test_by_uuid(self):
        self.create()
        uuid = self.world.uuid()
        self.check(["stop", "r0"], 0)
        self.check(["assemble", f"UUID={uuid.upper()}"], 0)
        self.assertEqual(self.world.devices(), ["r0"])

    def test_the_only_one(self):
        self.create_and_stop()
        self.check(["assemble"], 0)
        self.assertEqual(self.world.devices(), ["r0"])

    def test_which_of_two(self):
        self.create_and_stop()
        self.second_set()
        self.refused(["assemble"], 4, "several sets match: r0 (UUID=", "r1 (UUID=", "say which one")
        self.check(["assemble", "r1"], 0)

    def test_read_only_under_another_name(self):
        self.create_and_stop()
        out = self.check(["assemble", "r0", "--name", "copy", "--read-only"], 0)
        self.assertIn("Assembled copy (read-only)", out)
        self.refused(["add", "copy", "5"], 3, "copy: is read-only, 'add' would change it")
        self.assertIn("read-only", self.check(["status", "copy"], 0))

    def test_again_changes_nothing(self):
        self.create()
        out = self.refused(["assemble", "r0"], 0)
        self.assertIn("r0 is assembled already: /dev/mapper/r0", out)
        self.refused(["assemble", "r0", "--name", "r1"], 5, "assembled already, as r0")

    def test_name_taken(self):
        self.create_and_stop()
        self.world.add_device("r0", "LVM-abc")
        self.refused(["assemble", "r0"], 5, "r0: another device has that name", "give --name")
        self.check(["assemble", "r0", "--name", "r1"], 0)

    def test_unknown_set(self):
        self.create_and_stop()
        self.refused(["assemble", "r9"], 4, "no spare of the set 'r9' was found",
                     "see: remapctl list -a")
        self.refused(["assemble", "r9", "--spare", "dev/sdb"], 4, "dev/sdb: belongs to set 'r0' (",
                     "not to set 'r9'")
        uuid = "00000000-0000-4000-8000-000000000000"
        self.refused(["assemble", f"UUID={uuid}"], 4, f"no spare of the set {uuid} was found")

    def test_no_set_at_all(self):
        self.refused(["assemble"], 4, "no spare of the set was found")

    def test_members_swapped(self):
        self.create_and_stop()
        self.refused(["assemble", "r0", "--main", "dev/sdb", "--spare", "dev/sda"], 4,
                     "dev/sda: is not a dm-remap spare (no dm-remap signature)",
                     "are --main and --spare swapped?")
        self.refused(["assemble", "r0", "--spare", "dev/sda"], 4, "is not a dm-remap spare",
                     "see: remapctl list -a")

    def test_same_device_twice(self):
        self.create("r1", self.world.disk("small", 2048), self.world.disk("sdd", 32768))
        self.check(["stop", "r1"], 0)
        self.refused(["assemble", "r1", "--main", "dev/sdd"], 4, "dev/sdd: is not the main device")
        # a warning comes before it
        code, _, err = self.ctl("assemble", "r1", "--main", "dev/sdd", "--force")
        self.assertEqual(code, 3)
        self.assertIn("dev/sdd: main and spare are the same device", err)

    def test_main_is_gone(self):
        self.create_and_stop()
        self.world.change_disk(self.main, wwn="0xother")
        self.refused(["assemble", "r0"], 4, "r0: its main device (WWN 0x5000c500a1b2c3d4, 32.0 MiB)"
                     " was not found", "give --main")
        self.refused(["assemble", "r0", "--main", "dev/sda"], 4, "dev/sda: is not the main device "
                     "of r0: its WWN is 0xother, not 0x5000c500a1b2c3d4",
                     "if you are sure, use --force")
        code, _, err = self.ctl("assemble", "r0", "--main", "dev/sda", "--force")
        self.assertEqual(code, 0)
        self.assertIn("warning: dev/sda is not the recorded main device: its WWN is 0xother", err)

    def test_main_of_another_size(self):
        self.create_and_stop()
        longer = self.world.disk("longer", self.MAIN_SECTORS + 8, wwn="0x5000c500a1b2c3d4")
        self.refused(["assemble", "r0", "--main", longer], 4,
                     f"it has {self.MAIN_SECTORS + 8} sectors, not {self.MAIN_SECTORS}")
        shorter = self.world.disk("shorter", 1000)
        self.refused(["assemble", "r0", "--force", "--main", shorter], 4,
                     "dev/shorter: is smaller than the main device of r0")

    def test_main_without_identity(self):
        self.world.change_disk(self.main, wwn="", serial="")
        self.create_and_stop()
        self.refused(["assemble", "r0"], 4, "r0: its main device has no stable identity",
                     "give --main")
        self.check(["assemble", "r0", "--main", "dev/sda"], 0)

    def test_two_mains(self):
        self.create_and_stop()
        self.world.disk("sdz", self.MAIN_SECTORS, wwn="0x5000c500a1b2c3d4")
        self.refused(["assemble", "r0"], 4, "dev/sda and dev/sdz both look like its main device",
                     "give --main")

    def test_two_spares(self):
        self.create_and_stop()
        self.copy_spare("sdz")
        self.refused(["assemble", "r0"], 4, "dev/sdb and dev/sdz both claim to be the spare of the "
                     "set 'r0'", "give --spare")
        self.check(["assemble", "r0", "--spare", "dev/sdz"], 0)

    def test_members_in_use(self):
        self.create_and_stop()
        self.world.change_disk(self.main, users=["mounted on /mnt"])
        self.refused(["assemble", "r0"], 5, "dev/sda: the main device is in use: mounted on /mnt")
        self.world.change_disk(self.main, users=[])
        self.world.change_disk(self.spare_disk, users=["mounted on /mnt"])
        self.refused(["assemble", "r0"], 5, "dev/sdb: the spare is in use")

    def test_one_superblock_is_enough(self):
        self.create_and_stop()
        self.damage_spare(0)
        code, _, err = self.ctl("assemble", "r0")
        self.assertEqual(code, 0, err)
        self.assertIn("warning: dev/sdb: superblock copy 0: checksum mismatch", err)
        # the activation has repaired it
        self.check(["metadata", "check", "dev/sdb"], 0)

    def test_both_superblocks_damaged(self):
        self.create_and_stop()
        self.damage_spare(0, 4095)
        self.refused(["assemble", "r0"], 6, "no spare of the set 'r0' was found, but dev/sdb has "
                     "damaged metadata: checksum mismatch", "see: remapctl metadata check dev/sdb")
        self.refused(["assemble", "r0", "--spare", "dev/sdb"], 6, "dev/sdb: checksum mismatch",
                     "see: remapctl metadata check dev/sdb")

    def test_table_damaged_in_both_copies(self):
        self.create_and_stop()
        table = 128 // 8
        copy = 32624 // 8
        self.damage_spare(table, copy)
        self.check(["assemble", "r0"], 6, "r0: cannot activate r0: its metadata is damaged",
                   "remapctl metadata check names the damage")
        self.assertEqual(self.world.devices(), [])
        self.assertEqual(self.world.log("create", "reload", "resume", "remove"),
                         ["create r0", "reload r0", "remove r0"])

    def test_one_copy_of_the_table_damaged(self):
        self.create_and_stop()
        self.damage_spare(128 // 8)
        self.check(["assemble", "r0"], 0)
        self.check(["metadata", "check", "dev/sdb"], 0)

    def test_states_that_are_not_assembled(self):
        for state, text in (1, "its creation was not finished"), (3, "it is being dissolved"), \
                (4, "it was retired"):
            path = self.spare("--state", str(state), "--wwn", "0x5000c500a1b2c3d4",
                              size="32768s", main=f"{self.MAIN_SECTORS}s")
            os.replace(path, self.world.path("sdb"))
            self.refused(["assemble", "test"], 3, "dev/sdb: the set can't be assembled: " + text)

    def test_unreadable_devices_are_passed_over(self):
        self.create_and_stop()
        self.world.disk("aaa", 32768, cannot_open=True)
        self.check(["assemble", "r0"], 0)

    def test_unreadable_spare_is_named(self):
        self.create_and_stop()
        self.world.change_disk(self.spare_disk, cannot_open=True)
        self.refused(["assemble", "r0"], 4, "no spare of the set 'r0' was found (cannot open "
                     "dev/sdb: Input/output error); see: remapctl list -a")

    def test_no_privileges(self):
        self.create_and_stop()
        self.world.switch(no_permission=True)
        self.refused(["assemble", "r0"], 3, "Permission denied", "try as root")

    def test_no_target(self):
        self.create_and_stop()
        self.world.switch(no_target=True)
        self.refused(["assemble", "r0"], 7, "the kernel has no 'remap' target")

    def test_every_step(self):
        self.create_and_stop()
        steps = {"lock-member *": (errno.EACCES, 3, "Permission denied"),
                 "create r0": (errno.EBUSY, 5, "r0: cannot create device r0: Device or resource"),
                 "reload r0": (errno.EINVAL, 1, "r0: cannot load a table for r0: Invalid argument"),
                 "resume r0": (errno.EIO, 1, "r0: cannot resume r0: Input/output error")}
        for step, (error, status, text) in steps.items():
            with self.subTest(step):
                self.world.heal()
                self.world.fail(step, error)
                self.refused(["assemble", "r0"], status, text)
                self.assertEqual(self.world.devices(), [])
        self.check(["assemble", "r0"], 0)

    def test_spare_that_takes_no_writes(self):
        self.create_and_stop()
        self.world.change_disk(self.spare_disk, unwritable=[[0, 8], [32760, 8]])
        self.refused(["assemble", "r0"], 1, "cannot resume r0: Input/output error",
                     "the kernel log says why: dmesg")

    def test_locked(self):
        self.create()
        with open(os.path.join(self.world.directory, "locks", "8-1.lock"), "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.refused(["stop", "r0", "--lock-timeout", "0"], 5,
                         "dev/sdb is locked by another remapctl", "--lock-timeout")
        self.check(["stop", "r0"], 0)


class Stop(WorldCase):
    def test_stop(self):
        self.create()
        self.assertEqual(self.check(["stop", "r0"], 0), "Stopped r0.\n")
        self.assertEqual(self.world.devices(), [])
        self.refused(["stop", "r0"], 4, "r0: no such set is assembled", "see: remapctl list -a")

    def test_stop_when_main_was_pulled_out(self):
        self.create()
        with self.world.change() as data:
            data["disks"] = [disk for disk in data["disks"] if disk["path"] != self.main]
        # without a shield there is nothing to be done on main
        self.check(["stop", "r0"], 0)

    def test_stop_busy(self):
        self.create()
        self.world.change_device("r0", users=["mounted on /srv"])
        self.refused(["stop", "r0"], 5, "r0: is in use: mounted on /srv")
        self.world.change_device("r0", users=[])
        self.world.fail("remove r0", errno.EBUSY)
        self.refused(["stop", "r0"], 5, "r0: is in use", "see: fuser -v /dev/mapper/r0")
        self.world.heal()
        self.world.fail("remove r0", errno.EIO)
        self.refused(["stop", "r0"], 1, "cannot stop r0: Input/output error")

    def test_stop_held_open_without_a_trace(self):
        self.create()
        self.world.change_device("r0", open_count=1)
        self.refused(["stop", "r0", "-n"], 5, "r0: is in use", "see: fuser -v /dev/mapper/r0")
        self.refused(["stop", "r0"], 5, "r0: is in use", "see: fuser -v /dev/mapper/r0")

    def test_lock_that_can_not_be_made(self):
        self.create()
        path = os.path.join(self.world.directory, "locks", "8-0.lock")
        os.unlink(path)
        os.symlink("/etc/passwd", path)
        self.refused(["stop", "r0"], 1, f"cannot open {path}: Too many levels of symbolic links")
        shutil.rmtree(os.path.dirname(path))
        self.write("world/locks", "in the way")
        self.refused(["stop", "r0"], 1, f"cannot make {os.path.dirname(path)}: Not a directory")

    def test_stop_all(self):
        self.create()
        self.create("r1", self.world.disk("sdc", 65536), self.world.disk("sdd", 32768))
        self.world.add_device("lv", "LVM-abc")
        self.assertEqual(self.check(["stop", "--all"], 0), "Stopped r0.\nStopped r1.\n")
        self.assertEqual(self.world.devices(), ["lv"])
        self.assertEqual(self.check(["stop", "--all"], 0), "")

    def test_stop_several_one_is_busy(self):
        self.create()
        self.create("r1", self.world.disk("sdc", 65536), self.world.disk("sdd", 32768))
        self.world.change_device("r0", users=["mounted on /srv"])
        document = self.json(["stop", "--all"], 5)
        self.assertEqual(document["stopped"], ["r1"])
        self.assertIn("r0: is in use", document["remapctl"]["messages"][0]["text"])

    def test_stop_something_else(self):
        self.world.add_device("lv", "LVM-abc")
        self.refused(["stop", "lv"], 4, "lv is a device-mapper device of another kind")

    def test_stop_a_path(self):
        self.create()
        self.refused(["stop", "/dev/mapper/r0"], 2, "'/dev/mapper/r0' is a path, not the name of a "
                     "set", "give its name, such as 'r0'")
