# SPDX-License-Identifier: GPL-2.0-only
"""create: what it makes, what it refuses, and what is left when a step fails."""

import errno
import fcntl
import os
import re

from harness import WorldCase

EXT4 = {"type": "ext4", "usage": "filesystem", "label": "media"}


class Create(WorldCase):
    def refused_create(self, status, *errors, **members):
        return self.refused([*self.create_args(**members), "--yes"], status, *errors)

    def broken_create(self, status, *errors):
        """A create that fails half way: nothing is left in device-mapper."""
        out = self.check([*self.create_args(), "--yes"], status, *errors)
        self.assertEqual(self.world.devices(), [])
        with open(self.world.path("sda"), "rb") as file:
            self.assertEqual(file.read(), self.content)
        return out

    def setUp(self):
        super().setUp()
        with open(self.world.path("sda"), "rb") as file:
            self.content = file.read()

    def verdict(self):
        """Of "metadata check" of the spare: exit status, state."""
        code, out, err = self.ctl("--json", "metadata", "check", self.spare_disk)
        state = re.search(r'"state": "(\w+)"', out)
        return code, state and state.group(1), err

    def test_makes_a_set(self):
        self.create()
        self.assertEqual(self.world.devices(), ["r0"])
        self.assertEqual(self.verdict()[:2], (0, "active"))
        with open(self.world.path("sda"), "rb") as file:
            self.assertEqual(file.read(), self.content)
        device = self.json(["status", "r0"], 0)["devices"][0]
        self.assertEqual((device["mode"], device["size_sectors"]), ("active", self.MAIN_SECTORS))

    def test_boot_in_main(self):
        self.world.change_disk(self.main, signatures=[EXT4], boot_files="/boot/vmlinuz-6.1.0")
        for extra in [], ["--no-shield"]:
            self.refused([*self.create_args(), "--yes", *extra], 3,
                         "dev/sda: its file system holds /boot/vmlinuz-6.1.0",
                         "reads from the raw disk", "move /boot to a partition of its own")
        self.check([*self.create_args(), "--yes", "--force"], 0)

    def test_boot_in_a_partition_of_main(self):
        part = self.world.partition("sda1", self.main, 2048, 60000, signatures=[EXT4],
                                    boot_files="/boot/grub")
        self.refused_create(3, "dev/sda1: its file system holds /boot/grub")
        self.world.change_disk(part, boot_files="")
        esp = self.world.partition("sda2", self.main, 62048, 2000, partition_type="0xef")
        for extra in [], ["--force"]:
            self.refused([*self.create_args(), "--yes", *extra], 3,
                         "dev/sda: its partition dev/sda2 is an EFI system partition")
        self.world.change_disk(esp, partition_type="0x83", signatures_fail=True)
        _, _, err = self.ctl(*self.create_args(), "--yes")
        self.assertIn("cannot look for signatures on dev/sda2: if it holds /boot, this machine "
                      "will not boot", err)
        self.assertEqual(self.world.devices(), ["r0"])

    def test_main_that_nobody_can_look_into(self):
        self.world.change_disk(self.main, boot_files=None, signatures=[
            {"type": "LVM2_member", "usage": "raid", "label": ""},
            {"type": "dos", "usage": "partition-table", "label": ""}])
        _, _, err = self.ctl(*self.create_args(), "--yes")
        self.assertIn("cannot look into dev/sda (LVM2_member): if it holds /boot", err)
        self.assertNotIn("(dos)", err)
        self.assertEqual(self.world.devices(), ["r0"])

    def test_order_of_steps(self):
        self.check([*self.create_args(), "--yes"], 0)
        log = self.world.log()
        # both members are ours before anything is looked at
        self.assertLess(log.index("lock-member 8:1"), log.index("open sdb read"))
        self.assertEqual(log[log.index("lock-disk sdb"):], [
            "lock-disk sdb", "open sdb write",
            # CREATING in both places, then the table, then ACTIVE
            "write sdb 0+8", "write sdb 32760+8", "sync sdb",
            "write sdb 128+136", "write sdb 32624+136", "sync sdb",
            "write sdb 0+8", "write sdb 32760+8", "sync sdb",
            "create r0", "reload r0", "resume r0",
            # what the kernel does at its first resume
            "target sync sdb", "target write sdb 0+8", "target write sdb 32760+8"])

    def test_main_keeps_its_signatures(self):
        self.world.change_disk(self.main, signatures=[EXT4])
        out = self.check([*self.create_args(), "--yes"], 0)
        self.assertIn('contains: ext4 "media"', out)
        self.assertEqual(self.world.facts(self.main)["signatures"], [EXT4])

    def test_spare_with_a_file_system(self):
        self.world.change_disk(self.spare_disk, signatures=[EXT4])
        self.refused_create(3, "dev/sdb: contains a 'ext4' signature",
                            "use --force to overwrite it")
        self.check([*self.create_args(), "--yes", "--force"], 0)
        self.assertEqual(self.world.facts(self.spare_disk)["signatures"], [])

    def test_spare_with_several_signatures(self):
        self.world.change_disk(self.spare_disk, signatures=[
            {"type": "gpt", "usage": "partition-table", "label": ""},
            {"type": "LVM2_member", "usage": "raid", "label": ""}])
        self.refused_create(3, "contains a 'gpt' and a 'LVM2_member' signature")

    def test_main_and_spare_swapped(self):
        self.world.change_disk(self.main, signatures=[EXT4])
        self.refused_create(3, "dev/sda: contains a 'ext4' signature",
                            "are --main and --spare swapped?", main=self.spare_disk,
                            spare=self.main)

    def test_spare_larger_than_main(self):
        code, _, err = self.ctl(*self.create_args(main=self.spare_disk, spare=self.main), "-n")
        self.assertEqual(code, 0)
        self.assertIn("warning: dev/sda is larger than dev/sdb: are --main and --spare swapped?",
                      err)

    def test_main_is_a_spare(self):
        self.create_and_stop()
        other = self.world.disk("sdc", 32768)
        self.refused_create(3, "dev/sdb: is a dm-remap spare itself",
                            "are --main and --spare swapped?", name="r1", main=self.spare_disk,
                            spare=other)

    def test_spare_of_another_set(self):
        self.create()
        self.check(["add", "r0", "0", "100"], 0)
        self.check(["stop", "r0"], 0)
        self.refused_create(3, "dev/sdb: is the spare of set 'r0'", "active), which holds 2 "
                            "remapped blocks", "use --force to overwrite it", name="r1")
        self.refused([*self.create_args("r1"), "--yes", "--force"], 3,
                     "to give them up use --discard-remapped=2")
        self.check([*self.create_args("r1"), "--yes", "--force", "--discard-remapped=2"], 0)
        self.assertEqual(self.world.devices(), ["r1"])

    def test_spare_with_damaged_metadata(self):
        self.create_and_stop()
        with open(self.world.path("sdb"), "r+b") as file:
            for block in 0, 4095:
                file.seek(block * 4096 + 1000)
                file.write(b"damage")
        self.refused_create(3, "dev/sdb: contains damaged dm-remap metadata")

    def test_mounted_main(self):
        self.world.change_disk(self.main, users=["mounted on /srv"])
        self.refused_create(5, "dev/sda: the main device is in use: mounted on /srv", "free it")

    def test_mounted_partition_of_main(self):
        self.world.partition("sda1", self.main, 2048, 1000, users=["mounted on /srv"])
        self.refused_create(5, "the main device is in use: dev/sda1 is mounted on /srv")

    def test_spare_in_use(self):
        self.world.change_disk(self.spare_disk, users=["used as swap", "held by dm-3 (vg-root)"])
        self.refused_create(5, "dev/sdb: the spare is in use: used as swap, held by dm-3")

    def test_members_of_a_running_set(self):
        self.create()
        other = self.world.disk("sdc", 32768)
        self.refused_create(5, "the main device is in use: held by dm-0 (r0)", name="r1",
                            spare=other)
        self.refused_create(5, "the spare is in use: held by dm-0 (r0)", name="r1", main=other)

    def test_claimed_without_a_trace(self):
        for disk in self.spare_disk, self.main:
            self.world.change_disk(disk, claimed=True)
            self.refused_create(5, f"cannot open {disk}: Device or resource busy")

    def test_same_device_twice(self):
        self.refused_create(3, "dev/sda: main and spare are the same device", spare=self.main)

    def test_partition_and_its_disk(self):
        part = self.world.partition("sda1", self.main, 2048, 32768)
        self.refused_create(3, "dev/sda1: main and spare overlap: one is a partition of the other",
                            spare=part)
        self.refused_create(3, "one is a partition", main=part, spare=self.main)

    def test_overlapping_partitions(self):
        extended = self.world.partition("sda1", self.main, 2048, 40000)
        logical = self.world.partition("sda5", self.main, 4096, 30000)
        self.refused_create(3, "dev/sda5: main and spare overlap on the disk", main=extended,
                            spare=logical)

    def test_partitions_of_one_disk(self):
        one = self.world.partition("sda1", self.main, 2048, 33000)
        two = self.world.partition("sda2", self.main, 40000, 32768)
        _, _, err = self.ctl(*self.create_args(main=one, spare=two), "-y")
        self.assertIn("warning: main and spare are on the same disk sda: when it dies, both are "
                      "gone", err)
        self.assertEqual(self.world.devices(), ["r0"])

    def test_too_small_spare(self):
        tiny = self.world.disk("tiny", 136)
        self.refused_create(3, "dev/tiny is too small for a spare: it has 68.0 KiB",
                            "one percent of the size of dev/sda", spare=tiny)

    def test_small_spare_is_a_warning(self):
        small = self.world.disk("small", 1024)
        _, _, err = self.ctl(*self.create_args(spare=small), "-n")
        self.assertRegex(err, r"warning: dev/small is small: it has room for \d+ blocks")

    def test_removable_spare_is_a_warning(self):
        self.world.change_disk(self.spare_disk, removable=True)
        _, _, err = self.ctl(*self.create_args(), "-n")
        self.assertIn("warning: dev/sdb is removable", err)

    def test_main_without_identity_is_a_warning(self):
        self.world.change_disk(self.main, wwn="", serial="")
        _, _, err = self.ctl(*self.create_args(), "-n")
        self.assertIn("warning: dev/sda has no stable identity: assembling will need --main", err)

    def test_logical_blocks(self):
        self.world.change_disk(self.spare_disk, lbs=4096)
        self.refused_create(3, "dev/sdb: its logical blocks (4096 bytes) are larger than those of "
                            "dev/sda (512)", "use another spare")
        self.world.change_disk(self.main, lbs=16384)
        self.refused_create(3, "dev/sda: logical blocks of 16384 bytes are not supported")

    def test_read_only_members(self):
        for disk in self.spare_disk, self.main:
            self.world.change_disk(disk, read_only=True)
            self.refused_create(3, f"{disk} is read-only")

    def test_no_such_device(self):
        self.refused_create(4, "dev/sdx: No such file or directory", spare="dev/sdx")
        self.refused_create(4, "world.json is not a block device", main="world.json")

    def test_name_taken(self):
        self.world.add_device("r0", "LVM-abc")
        self.refused_create(5, "r0: a device of that name exists", "choose another name")

    def test_name_is_a_path(self):
        self.refused_create(2, "'/dev/mapper/r0' can't be the name of a set",
                            name="/dev/mapper/r0")

    def test_no_target(self):
        self.world.switch(no_target=True)
        self.refused_create(7, "the kernel has no 'remap' target", "modprobe dm-remap")

    def test_no_device_mapper(self):
        self.world.switch(no_device_mapper=True)
        self.refused_create(7, "no device-mapper in this kernel", "modprobe dm_mod")

    def test_no_privileges(self):
        self.world.switch(no_permission=True)
        self.refused_create(3, "cannot open the lock of dev/sda: Permission denied", "try as root")

    def test_unreadable_main_is_a_warning(self):
        self.world.change_disk(self.main, signatures_fail=True, unreadable=[[0, 1]])
        code, _, err = self.ctl(*self.create_args(), "--yes")
        self.assertEqual(code, 0, err)
        self.assertIn("warning: cannot look for signatures on dev/sda", err)

    def test_unreadable_spare(self):
        self.world.change_disk(self.spare_disk, signatures_fail=True)
        self.refused_create(1, "cannot look for signatures on dev/sdb")
        self.world.change_disk(self.spare_disk, cannot_open=True)
        self.refused_create(1, "cannot open dev/sdb: Input/output error")

    def test_every_write_of_the_spare(self):
        # one after the other: what is left is never active and incomplete
        for nth in range(1, 7):
            with self.subTest(nth):
                self.world.heal()
                self.world.fail("write sdb *", errno.EIO, nth)
                self.broken_create(1, "dev/sdb: cannot write", "Input/output error",
                                   "the main device was not touched")
                code, state, err = self.verdict()
                if state == "active":
                    self.assertIn(code, (0, 10), err)
                # it can be tried again
                self.world.heal()
                self.check([*self.create_args(), "-y", "--force"], 0)
                self.check(["stop", "r0"], 0)
                self.check(["wipe", "-y", self.spare_disk], 0)

    def test_every_sync_of_the_spare(self):
        for nth in range(1, 4):
            with self.subTest(nth):
                self.world.heal()
                self.world.fail("sync sdb", errno.EIO, nth)
                self.broken_create(1, "dev/sdb: cannot flush the spare: Input/output error")
                self.check(["wipe", "-y", "--force", self.spare_disk], 0)

    def test_spare_that_can_not_be_opened_for_writing(self):
        self.world.fail("open sdb write", errno.EBUSY)
        self.broken_create(5, "cannot open dev/sdb: Device or resource busy")
        self.assertEqual(self.verdict()[0], 4)

    def test_locks_fail(self):
        for what in "lock-member *", "lock-disk sdb":
            with self.subTest(what):
                self.world.heal()
                self.world.fail(what, errno.EACCES)
                self.broken_create(3, "Permission denied", "try as root")
                self.assertEqual(self.verdict()[0], 4)

    def test_signatures_can_not_be_erased(self):
        self.world.change_disk(self.spare_disk, signatures=[EXT4])
        self.world.fail("erase-signatures sdb", errno.EIO)
        self.check([*self.create_args(), "-y", "--force"], 1,
                   "cannot remove the signatures on dev/sdb: Input/output error")
        self.assertEqual(self.verdict()[0], 4)
        self.assertEqual(self.world.devices(), [])

    def test_every_step_of_activation(self):
        steps = {"create r0": (errno.ENOMEM, 1, "cannot create device r0: Cannot allocate"),
                 "reload r0": (errno.EINVAL, 1, "cannot load a table for r0: Invalid argument"),
                 "resume r0": (errno.EIO, 1, "cannot resume r0: Input/output error")}
        for step, (error, status, text) in steps.items():
            with self.subTest(step):
                self.world.heal()
                self.world.fail(step, error)
                self.broken_create(status, "r0: " + text, "the spare is formatted; see dmesg, then "
                                   "run: remapctl assemble r0 --main dev/sda --spare dev/sdb")
                log = self.world.log("create", "reload", "resume", "remove")
                self.assertEqual(log[-1], step if step == "create r0" else "remove r0")
                self.assertEqual(self.verdict()[:2], (0, "active"))
                self.check(["assemble", "r0", "--main", "dev/sda", "--spare", "dev/sdb"], 0)
                self.check(["stop", "r0"], 0)
                self.check(["wipe", "-y", self.spare_disk], 0)

    def test_roll_back_fails_as_well(self):
        self.world.fail("reload r0", errno.EINVAL)
        self.world.fail("remove r0", errno.EBUSY)
        self.check([*self.create_args(), "--yes"], 1, "cannot load a table for r0: Invalid "
                   "argument, and the empty device is still there: cannot stop r0: Device or "
                   "resource busy", "remove it with: dmsetup remove r0")
        self.assertEqual(self.world.devices(), ["r0"])

    def test_locked_by_another_remapctl(self):
        directory = os.path.join(self.world.directory, "locks")
        os.makedirs(directory)
        for member, path in ("8-0", self.main), ("8-1", self.spare_disk):
            with self.subTest(member):
                with open(os.path.join(directory, member + ".lock"), "w",
                          encoding="utf-8") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    lock.write("4321\n")
                    lock.flush()
                    self.refused([*self.create_args(), "-y", "--lock-timeout", "0"], 5,
                                 path + " is locked by another remapctl (process 4321)",
                                 "--lock-timeout")
        self.check([*self.create_args(), "-y", "--lock-timeout", "0"], 0)
