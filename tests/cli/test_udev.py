# SPDX-License-Identifier: GPL-2.0-only
"""The udev rules, in both orders that distributions have, and remap-probe on real
devices. Everything runs in a mount namespace; no daemon is asked."""

import os
import pathlib
import re
import shutil
import struct
import subprocess
import time

import harness
from harness import Case
from udev_machine import UDEV, Machine, SilentDisk, attach, member_header, new_uuid, why_not

MIB = 1 << 20


class Udev(Case):
    SIZE = 32 * MIB

    def setUp(self):
        super().setUp()
        reason = why_not()
        if reason:
            self.skipTest(reason)
        self.set_uuid = new_uuid()
        self.spare_uuid = new_uuid()

    def machine(self, order="debian"):
        directory = self.path(f"machine-{order}")
        os.mkdir(directory)
        return Machine(directory, order, harness.CONFIG.remap_probe)

    def ext4(self, name="disk.img"):
        """An image with a file system; sets self.fs to its UUID."""
        path = self.path(name)
        with open(path, "wb") as file:
            file.truncate(self.SIZE)
        self.fs = str(new_uuid())
        subprocess.run(["mkfs.ext4", "-q", "-U", self.fs, "-L", "mine", path], check=True)
        return path

    def put_header(self, path):
        with open(path, "r+b") as file:
            file.write(member_header(self.set_uuid, self.spare_uuid, self.SIZE // 512))

    def main_device(self):
        """ext4 with a member header in front, so that there is something to hide."""
        path = self.ext4()
        self.put_header(path)
        return attach(self, path)

    def both_orders(self, check):
        for order in "debian", "upstream":
            with self.subTest(order):
                check(self.machine(order))

    def assert_hidden(self, outcome):
        self.assertEqual(outcome["ID_FS_TYPE"], "dm_remap_member", outcome.text)
        self.assertEqual(outcome["ID_FS_USAGE"], "raid")
        self.assertEqual(outcome["ID_FS_UUID"] + outcome["ID_FS_LABEL"], "")
        self.assertEqual(outcome["SYSTEMD_READY"], "0")
        self.assertEqual(outcome["UDISKS_IGNORE"], "1")
        for link in outcome.links:
            self.assertNotRegex(link, "by-uuid|by-label|by-partuuid")

    def start_line(self, uuid=None):
        return f"/bin/systemctl --no-block start remap-assemble@{uuid or self.set_uuid}.service"

    def test_other_disks_are_left_alone(self):
        device = attach(self, self.ext4())

        def check(machine):
            outcome = machine.event(device)
            self.assertEqual(outcome["ID_FS_TYPE"], "ext4")
            self.assertIn(f"/dev/disk/by-uuid/{self.fs}", outcome.links)
            self.assertIn("/dev/disk/by-label/mine", outcome.links)
            self.assertNotIn("SYSTEMD_READY", outcome.properties)
            self.assertNotIn("DM_REMAP", outcome.text.split("DEVPATH=")[1])
            self.assertEqual([c for c in outcome.commands if "remap" in c], [])

        self.both_orders(check)

    def test_main(self):
        device = self.main_device()

        def check(machine):
            outcome = machine.event(device)
            self.assert_hidden(outcome)
            self.assertEqual(outcome["DM_REMAP_ROLE"], "main")
            self.assertEqual(outcome["DM_REMAP_UUID"], str(self.set_uuid))
            self.assertEqual(outcome["DM_REMAP_SPARE_UUID"], str(self.spare_uuid))
            self.assertEqual(outcome["DM_REMAP_LABEL"], "data")
            self.assertIn(f"/dev/disk/by-id/dm-remap-main-{self.set_uuid}", outcome.links)
            self.assertIn(self.start_line(), outcome.commands)

        self.both_orders(check)

    def test_spare(self):
        device = attach(self, self.spare())

        def check(machine):
            outcome = machine.event(device, "change")
            self.assert_hidden(outcome)
            self.assertEqual(outcome["DM_REMAP_ROLE"], "spare")
            self.assertEqual(outcome["DM_REMAP_STATE"], "active")
            self.assertIn(f"/dev/disk/by-id/dm-remap-spare-{outcome['DM_REMAP_UUID']}", outcome.links)
            self.assertIn(self.start_line(outcome["DM_REMAP_UUID"]), outcome.commands)

        self.both_orders(check)

    def test_damaged_header_hides(self):
        path = self.ext4()
        self.put_header(path)
        with open(path, "r+b") as file:
            file.seek(300)
            file.write(b"x")
        device = attach(self, path)

        def check(machine):
            outcome = machine.event(device)
            self.assert_hidden(outcome)
            self.assertEqual((outcome["DM_REMAP_ROLE"], outcome["DM_REMAP_STATE"]), ("main", "damaged"))
            self.assertEqual([c for c in outcome.commands if "remap" in c], [])

        self.both_orders(check)

    def partitioned(self, signature=0x12345678):
        """A disk with ext4 in its only partition; returns image, disk, partition."""
        path = self.path("parted.img")
        fs = self.ext4("part.img")
        with open(path, "wb") as file:
            entry = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0x83, b"\0\2\0", 2048, self.SIZE // 512)
            file.write(b"\0" * 440 + struct.pack("<IH", signature, 0) + entry + b"\0" * 48 + b"\x55\xaa")
            file.seek(MIB)
            file.write(pathlib.Path(fs).read_bytes())
        device = attach(self, path)
        # not by the kernel, which may know no partition tables
        subprocess.run(["partx", "--add", f"/dev/{device}"], check=True)
        self.addCleanup(subprocess.run, ["partx", "--delete", f"/dev/{device}"], check=True)
        return path, device, device + "p1"

    def test_partitions_of_a_main(self):
        path, device, partition = self.partitioned()
        self.SIZE += MIB
        self.put_header(path) # the kernel has seen the partition by now

        def check(machine):
            outcome = machine.events(("add", device), ("add", partition))
            self.assert_hidden(outcome)
            self.assertEqual(outcome["DM_REMAP_ROLE"], "part")
            self.assertEqual([c for c in outcome.commands if "remap" in c], [])

        self.both_orders(check)

    def test_listed_partition(self):
        _, device, partition = self.partitioned()
        line = f"data PARTUUID=12345678-01,SIZE={self.SIZE // 512}s UUID={self.set_uuid}\n"

        def check(machine):
            machine.remaptab = line
            outcome = machine.events(("add", device), ("add", partition))
            self.assert_hidden(outcome)
            self.assertEqual(outcome["DM_REMAP_STATE"], "listed")
            self.assertEqual(outcome["ID_PART_ENTRY_UUID"], "")
            self.assertIn(self.start_line(), outcome.commands)
            self.assertIn(f"/dev/disk/by-id/dm-remap-main-{self.set_uuid}", outcome.links)
            machine.remaptab = line.replace("5678-01", "5678-02")
            outcome = machine.events(("add", device), ("add", partition))
            self.assertEqual(outcome["ID_FS_TYPE"], "ext4")
            self.assertIn(f"/dev/disk/by-uuid/{self.fs}", outcome.links)
            self.assertIn("/dev/disk/by-partuuid/12345678-01", outcome.links)

        self.both_orders(check)

    def test_listed_partition_that_can_not_be_probed(self):
        """By its second event; the first one does not even look at its content."""
        _, device, partition = self.partitioned()

        def check(machine):
            machine.remaptab = f"data PARTUUID=12345678-01 UUID={self.set_uuid}\n"
            real = machine.udev / "real-probe"
            shutil.copy(harness.CONFIG.remap_probe, real)
            machine.fake_probe(f'case $1 in --*) exec /usr/lib/udev/{real.name} "$@" ;; esac\n'
                               "echo DM_REMAP_ROLE=unknown; echo DM_REMAP_STATE=no_answer")
            outcome = machine.events(("add", device), ("add", partition))
            self.assertNotIn("ID_FS_TYPE", outcome.properties)
            for link in outcome.links:
                self.assertNotRegex(link, "by-uuid|by-label|by-partuuid")
            machine.answered()
            outcome = machine.events(("add", device), ("change", partition))
            self.assert_hidden(outcome)
            self.assertEqual(outcome["DM_REMAP_STATE"], "listed")

        self.both_orders(check)

    def test_noremap_still_hides(self):
        device = self.main_device()

        def check(machine):
            machine.command_line = "quiet noremap"
            outcome = machine.event(device)
            self.assert_hidden(outcome)
            self.assertNotIn(self.start_line(), outcome.commands)

        self.both_orders(check)

    def test_nothing_is_started_without_systemd(self):
        device = self.main_device()
        machine = self.machine()
        machine.systemd = False
        outcome = machine.event(device)
        self.assert_hidden(outcome)
        self.assertNotIn(self.start_line(), outcome.commands)

    def test_mounted_device_stays_ready(self):
        device = self.main_device()

        def check(machine):
            machine.prepare = f"mkdir /run/x; mount -o ro /dev/{device} /run/x"
            outcome = machine.event(device)
            self.assertEqual(outcome["ID_FS_TYPE"], "dm_remap_member")
            self.assertEqual(outcome["DM_REMAP_MOUNTED"], "1")
            self.assertNotIn("SYSTEMD_READY", outcome.properties)

        self.both_orders(check)

    def test_systemd_before_252(self):
        """The link can't be kept from being claimed; everything else holds."""
        device = self.main_device()

        def check(machine):
            machine.forget_blkid_flag()
            outcome = machine.event(device)
            self.assertIn(f"/dev/disk/by-uuid/{self.fs}", outcome.links)
            self.assertEqual(outcome["ID_FS_TYPE"], "dm_remap_member")
            self.assertEqual(outcome["ID_FS_UUID"], "")
            self.assertEqual(outcome["SYSTEMD_READY"], "0")
            # and a device with another priority wins: the priority is in the database
            self.assertIn("L:-100", outcome.text)

        def with_database(machine):
            events = machine.events

            def show(*list_of_events):
                machine.prepare = "trap 'cat /run/udev/data/b7:*' EXIT"
                return events(*list_of_events)
            machine.events = show
            check(machine)

        self.both_orders(with_database)

    def test_silent_disk_is_asked_again(self):
        device = attach(self, self.ext4())
        number = pathlib.Path(f"/sys/class/block/{device}/dev").read_text(encoding="ascii").strip()
        start = f"/bin/systemctl --no-block start remap-wait@{number}.service"

        def check(machine):
            machine.fake_probe("echo DM_REMAP_ROLE=unknown; echo DM_REMAP_STATE=no_answer")
            outcome = machine.event(device)
            self.assertNotIn("ID_FS_TYPE", outcome.properties) # not even tried
            self.assertIn(start, outcome.commands)
            self.assertEqual(outcome["DM_REMAP_STATE"], "no_answer")
            self.assertEqual(outcome["DM_NOSCAN"], "1") # what the dm rules go by
            self.assertNotIn("SYSTEMD_READY", outcome.properties)
            # at boot there are two events for a disk: nobody waits in the second either
            outcome = machine.events(("add", device), ("add", device))
            self.assertNotIn("ID_FS_TYPE", outcome.properties)
            self.assertIn(start, outcome.commands)
            machine.answered()
            outcome = machine.event(device, "change")
            self.assertEqual(outcome["ID_FS_TYPE"], "ext4") # as without us
            self.assertNotIn("DM_NOSCAN", outcome.properties)
            self.assertNotIn(start, outcome.commands)
            self.assertEqual(outcome["DM_REMAP_STATE"], "unreadable")

        self.both_orders(check)

    def test_the_unit_announces_a_disk_that_answers(self):
        unit = (UDEV / "systemd/remap-wait@.service.in").read_text(encoding="ascii").replace("\\\n", "")
        command = re.search(r"^ExecStart=/bin/sh -c '(.*)'$", unit, re.M)[1].replace("$$", "$")
        self.assertIn(" >/sys/dev/block/%i/uevent ", command)
        result = subprocess.run(["sh", "-c", command.replace(">/sys/dev/block/%i/uevent", "")],
                                check=True, capture_output=True, text=True)
        # LVM wants "add" for a disk, "change" for an array
        lines = result.stdout.splitlines()
        self.assertEqual([line.split()[0] for line in lines], ["add", "change"])
        for line in lines: # what the kernel takes, and how it arrives in the rules
            self.assertRegex(line, r"^[a-z]+ [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12} [A-Z]+=1$")
            self.assertIn(f'ENV{{SYNTH_ARG_{line.split()[2].split("=")[0]}}}!="1"',
                          (UDEV / "11-dm-remap-member.rules").read_text(encoding="ascii"))

    def test_silent_disk_without_systemd(self):
        device = attach(self, self.ext4())

        def check(machine):
            machine.fake_probe("echo DM_REMAP_ROLE=unknown; echo DM_REMAP_STATE=no_answer")
            machine.systemd = False # nobody could ask again
            outcome = machine.event(device)
            self.assertEqual(outcome["ID_FS_TYPE"], "ext4")
            self.assertEqual(outcome["DM_REMAP_STATE"], "unreadable")

        self.both_orders(check)

    def test_probe_of_a_disk_that_never_answers(self):
        if not os.path.exists("/dev/fuse"):
            self.skipTest("needs fuse")
        disk = SilentDisk(self, self.directory)
        start = time.monotonic()
        # reads until nobody has the pipe open any more, as udev does
        result = subprocess.run([harness.CONFIG.remap_probe, disk.device], capture_output=True,
                                text=True, check=False, timeout=60)
        took = time.monotonic() - start
        self.assertEqual(result.stdout, "DM_REMAP_ROLE=unknown\nDM_REMAP_STATE=no_answer\n")
        self.assertGreaterEqual(took, 3)
        self.assertLess(took, 10)
        self.assertGreater(disk.reads, 0)
        # the child is still there, for it can't be killed: the pipe was really let go
        states = []
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                text = stat.read_text(encoding="ascii", errors="replace")
            except OSError:
                continue
            if text.split("(")[1].startswith("remap-probe)"):
                states.append(text.rsplit(")", 1)[1].split()[0])
        self.assertIn("D", states)

    def test_probe_of_other_things(self):
        probe = harness.CONFIG.remap_probe
        for args in [], ["--help"], ["a", "b", "c"]:
            result = harness.execute(probe, args)
            self.assertEqual((result.code, result.out), (1, ""))
            self.assertIn("usage: remap-probe", result.err)
        for path in "/dev/null", "/nonexistent", self.directory:
            for option in [], ["--listed"], ["--wait"]:
                self.assertEqual([*harness.execute(probe, [*option, path])], [1, "", ""])
        copy = shutil.copy(self.spare(), self.path("copy"))
        self.assertIn("DM_REMAP_ROLE=spare\n", harness.execute(probe, [copy]).out)
        self.assertEqual([*harness.execute(probe, ["--wait", copy])], [0, "", ""])
