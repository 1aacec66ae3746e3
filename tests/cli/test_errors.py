# SPDX-License-Identifier: GPL-2.0-only
"""Error texts and exit codes on a host without device-mapper."""

import os
import unittest

from harness import Case


class Errors(Case):
    def test_usage(self):
        self.check([], 2, "A verb is required", "see: remapctl --help")
        self.check(["frob"], 2, "no verb or option 'frob'")
        self.check(["--frob"], 2, "no verb or option '--frob'")
        self.check(["create"], 2, "NAME is required", "see: remapctl create --help")
        self.check(["create", "r0"], 2, "--main is required")
        self.check(["create", "r0", "--main"], 2, "--main")
        self.check(["status", "--frob"], 2, "--frob", "see: remapctl status --help")
        self.check(["metadata"], 2, "see: remapctl metadata --help")
        self.check(["metadata", "check"], 2, "see: remapctl metadata check --help")
        self.check(["stop"], 2, "no set was named")
        self.check(["stop", "--all", "r0"], 2, "exclude each other")
        self.check(["assemble", "UUID=123"], 2, "'UUID=123' holds no UUID")
        self.check(["wipe", "x", "--discard-remapped", "many"], 2, "many")

    def test_remove_asks_what_was_meant(self):
        for args in ["remove"], ["remove", "r0"], ["remove", "r0", "5+8", "--all"]:
            self.check(args, 2, "did you mean 'unmap' (blocks of a set) or 'stop' (the set)?")

    def test_ranges(self):
        for verb in "add", "unmap":
            self.check([verb, "r0", "x"], 2, "'x' is not a position")
            self.check([verb, "r0", "9-5"], 2, "'9-5': the range ends before it begins")
            self.check([verb, "r0", "5+0"], 2, "the range is empty")
            self.check([verb, "r0", "5Q"], 2, "unknown unit")
            self.check([verb, "r0", "100b"], 2, "not a whole number of 512-byte sectors")
        self.check(["add", "r0"], 2, "no range was given")
        self.check(["add", "r0", "5", "--from", "x"], 2, "exclude each other")

    def test_range_files_have_line_numbers(self):
        path = self.write("list", "# positions\n\n5\n6-7 # two\nseven\n")
        self.check(["add", "r0", "--from", path], 2, f"{path}:5: 'seven' is not a position")
        self.check(["add", "r0", "--from", self.path("none")], 4, "No such file or directory")

    def test_names(self):
        for name in "a/b", "..", "a b", "x" * 64, "ctl\x1b[2J":
            self.check(["create", name, "--main", "/dev/null", "--spare", "/dev/null",
                        "--no-shield"], 2, "name")

    def test_devices(self):
        create = ["create", "r0", "--main", "/dev/null", "--spare", "/dev/zero"]
        self.check(create, 3, "--no-shield")
        self.check([*create, "--no-shield"], 4, "/dev/null is not a block device")
        self.check(["create", "r0", "--main", "/nowhere", "--spare", "/dev/zero", "--no-shield"],
                   4, "/nowhere: No such file or directory")
        self.check(["wipe", "-y", "/dev/null"], 4, "/dev/null is not a block device")

    @unittest.skipIf(os.path.exists("/sys/class/misc/device-mapper"), "needs a kernel without dm")
    @unittest.skipUnless(os.geteuid() == 0, "needs root to tell the cause")
    def test_no_device_mapper(self):
        for args in ["status"], ["stop", "r0"], ["map", "r0"], ["add", "r0", "5"], ["stats", "r0"]:
            self.check(args, 7, "no device-mapper in this kernel", "modprobe dm_mod")

    @unittest.skipUnless(os.geteuid() == 0, "needs root to become somebody else")
    def test_no_privileges(self):
        code, _, err = self.ctl_as_nobody("status")
        self.assertEqual(code, 3, err)
        self.assertIn("try as root", err)
