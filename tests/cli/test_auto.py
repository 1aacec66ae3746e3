# SPDX-License-Identifier: GPL-2.0-only
"""assemble --all, --event and --last-resort; /etc/remaptab and remapctl.conf. Which
sets are taken is tested in tests/unit/libremap/auto_assemble_test.cc."""

import os
import shutil
import time

from harness import WorldCase

WHAT_NOW = "it stays unassembled, and its devices must not be used by themselves"


class Auto(WorldCase):
    def setUp(self):
        super().setUp()
        self.create()
        self.uuid = self.world.uuid()
        self.check(["stop", "r0"], 0)
        self.reboot()
        self.world.heal()

    def reboot(self):
        shutil.rmtree(os.path.join(self.world.directory, "run"))

    def etc(self, name):
        return os.path.join(self.world.directory, "etc", name)

    def remaptab(self):
        with open(self.etc("remaptab"), encoding="utf-8") as file:
            return file.read()

    def write_remaptab(self, text):
        with open(self.etc("remaptab"), "w", encoding="utf-8") as file:
            file.write(text)

    def configure(self, text):
        os.makedirs(self.etc("dm-remap"), exist_ok=True)
        with open(self.etc("dm-remap/remapctl.conf"), "w", encoding="utf-8") as file:
            file.write(text)

    def remove_disk(self, path):
        with self.world.change() as data:
            data["disks"] = [disk for disk in data["disks"] if disk["path"] != path]

    def line(self, options=""):
        return f"r0 WWN=0x5000c500a1b2c3d4,SIZE={self.MAIN_SECTORS}s UUID={self.uuid} {options}\n"

    def test_create_lists_the_set(self):
        self.assertIn(f"\nr0  WWN=0x5000c500a1b2c3d4,SERIAL=WD-1,SIZE={self.MAIN_SECTORS}s"
                      f"  UUID={self.uuid}\n", self.remaptab())

    def test_create_where_the_list_can_not_be_written(self):
        self.check(["wipe", "dev/sdb", "--yes"], 0)
        os.remove(self.etc("remaptab"))
        os.mkdir(self.etc("remaptab"))
        result = self.ctl(*self.create_args(), "--yes")
        self.assertEqual(result.code, 0, result.err)
        self.assertIn("warning: the set is not listed in /etc/remaptab", result.err)
        self.assertEqual(self.world.devices(), ["r0"])

    def test_wipe_removes_the_line(self):
        before = self.remaptab()
        self.write_remaptab(before + "# mine\nother - dev/x # wrong\n")
        self.assertIn("Removed its line", self.check(["wipe", "dev/sdb", "--yes"], 0))
        left = self.remaptab()
        self.assertNotIn(self.uuid, left)
        self.assertTrue(left.endswith("# mine\nother - dev/x # wrong\n"))

    def test_all(self):
        self.assertIn("Assembled r0: /dev/mapper/r0", self.check(["assemble", "--all"], 0))
        self.assertEqual(self.world.devices(), ["r0"])
        self.world.heal()
        self.assertIn("r0 is assembled already", self.check(["assemble", "--all"], 0))
        self.assertEqual(self.check(["assemble", "--all", "--event"], 0), "")
        self.assertEqual(self.world.log("create", "reload", "resume", "write"), [])

    def test_all_without_any(self):
        self.check(["wipe", "dev/sdb", "--yes"], 0)
        self.assertEqual([*self.ctl("assemble", "--all")], [0, "", ""])
        self.assertEqual([*self.ctl("assemble", "--all", "--event")], [0, "", ""])

    def test_dry_run(self):
        before = self.world.state()
        out = self.check(["assemble", "--all", "-n"], 0)
        self.assertEqual(out, "Would assemble r0 from main dev/sda and spare dev/sdb.\n")
        document = self.json(["assemble", "--all", "-n"], 0)
        self.assertEqual(document["assembled"], [
            {"name": "r0", "uuid": self.uuid, "device": "/dev/mapper/r0", "verdict": "ready",
             "reason": ""}])
        self.assertEqual(self.world.state(), before)

    def test_event_of_one(self):
        self.check(["assemble", f"UUID={self.uuid}", "--event"], 0)
        self.assertEqual(self.world.devices(), ["r0"])
        self.assertEqual([*self.ctl("assemble", f"UUID={self.uuid}", "--event")], [0, "", ""])

    def test_stopped_stays_stopped(self):
        event = ["assemble", f"UUID={self.uuid}", "--event"]
        self.check(event, 0)
        self.check(["stop", "r0"], 0)
        self.assertIn("r0 (UUID=" + self.uuid + ") is left alone: it was stopped; to have it again"
                      " run: remapctl assemble UUID=" + self.uuid, self.check(event, 0))
        self.assertEqual(self.world.devices(), [])
        self.check(["assemble", "r0"], 0)
        self.check(["stop", "r0"], 0)
        self.reboot()
        self.check(event, 0)
        self.assertEqual(self.world.devices(), ["r0"])

    def test_event_of_an_incomplete_set_is_quiet(self):
        self.remove_disk(self.main)
        self.assertEqual([*self.ctl("assemble", f"UUID={self.uuid}", "--event")], [0, "", ""])
        self.assertEqual([*self.ctl("assemble", "--all", "--event")], [0, "", ""])

    def test_event_of_an_unknown_set(self):
        unknown = "UUID=0dad5b54-1c5f-4b8f-9f0a-2a8f3d1f7a10"
        self.assertEqual([*self.ctl("assemble", unknown, "--event")], [0, "", ""])
        # the timer of a set that was dissolved meanwhile
        self.assertEqual(tuple(self.ctl("assemble", unknown, "--last-resort")), (0, "", ""))

    def test_incomplete(self):
        self.remove_disk(self.spare_disk)
        for flag in ["--all"], [f"UUID={self.uuid}", "--last-resort"]:
            self.check(["assemble", *flag], 4, f"r0 (UUID={self.uuid}): is incomplete: its spare is "
                       f"missing; {WHAT_NOW}")
        document = self.json(["assemble", "--all"], 4)
        self.assertEqual(document["assembled"][0]["verdict"], "incomplete")

    def test_incomplete_with_nofail(self):
        self.remove_disk(self.main)
        self.write_remaptab(self.line("nofail"))
        result = self.ctl("assemble", f"UUID={self.uuid}", "--last-resort")
        self.assertEqual((result.code, result.out), (0, ""))
        self.assertIn("warning: r0", result.err)
        self.assertIn("its main device (WWN 0x5000c500a1b2c3d4) is missing", result.err)

    def test_last_resort_waits_as_listed(self):
        self.remove_disk(self.main)
        self.write_remaptab(self.line("timeout=31"))
        start = time.monotonic()
        self.check(["assemble", f"UUID={self.uuid}", "--last-resort"], 4, "is incomplete")
        self.assertGreaterEqual(time.monotonic() - start, 1)

    def test_complete_after_all(self):
        self.check(["assemble", f"UUID={self.uuid}", "--last-resort"], 0)
        self.assertEqual(self.world.devices(), ["r0"])

    def test_refused(self):
        self.world.change_disk(self.main, users=["mounted on /srv"])
        self.refused(["assemble", f"UUID={self.uuid}", "--event"], 5,
                     f"r0 (UUID={self.uuid}): is not assembled: dev/sda: the main device is in use: "
                     "mounted on /srv; free it first")

    def test_not_listed(self):
        os.remove(self.etc("remaptab"))
        for flags in ["--all"], ["--all", "--event"], [f"UUID={self.uuid}", "--event"]:
            out = self.check(["assemble", *flags], 0)
            self.assertEqual(out, f"r0 (UUID={self.uuid}) is left alone: its main device has no member "
                             "header, and /etc/remaptab does not list it\n")
        self.assertEqual([*self.ctl("assemble", f"UUID={self.uuid}", "--last-resort")], [0, "", ""])
        self.assertEqual(self.world.devices(), [])

    def test_policy_none(self):
        self.configure("[assemble]\nauto = none\n")
        self.assertIn("auto=none", self.check(["assemble", "--all"], 0))
        self.assertEqual(self.world.devices(), [])
        self.check(["assemble", "r0"], 0) # by hand

    def test_mistake_in_the_settings(self):
        self.configure("auto=never\n")
        self.refused(["assemble", "--all", "--event"], 2,
                     "/etc/dm-remap/remapctl.conf: line 1: auto is mutual, listed or none")

    def test_mistake_in_the_list(self):
        self.write_remaptab("nonsense\n" + self.line())
        result = self.ctl("assemble", "--all", "--event")
        self.assertEqual(result.code, 0)
        self.assertIn("/etc/remaptab: line 1: has 1 fields, not 3 or 4", result.err)
        self.assertEqual(self.world.devices(), ["r0"])

    def test_name_of_another_device(self):
        self.world.add_device("r0", "LVM-1")
        out = self.check(["assemble", "--all"], 0)
        name = "r0-" + self.uuid[:8]
        self.assertIn(f"Assembled {name}: /dev/mapper/{name}", out)
        self.assertEqual(self.world.devices(), ["r0", name])

    def test_options_that_exclude_each_other(self):
        for args, text in [
                (["--all", "r0"], "--all and a set exclude each other"),
                (["--all", "--main", "dev/sda"], "go by /etc/remaptab, not by options"),
                (["--all", "--read-only"], "go by /etc/remaptab, not by options"),
                (["--event"], "--event and --last-resort need --all or UUID=..."),
                (["r0", "--last-resort"], "need --all or UUID=...")]:
            self.refused(["assemble", *args], 2, text, "see: remapctl assemble --help")
