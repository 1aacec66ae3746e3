# SPDX-License-Identifier: GPL-2.0-only
"""Error texts and exit codes on a host without device-mapper."""

import os
import unittest

from harness import Case


class Errors(Case):
    def test_no_verb(self):
        self.check([], 2, "A verb is required", "see: remapctl --help")
        self.check(["-j"], 2, "A verb is required")

    def test_unknown_verb(self):
        self.check(["frob"], 2, "there is no verb 'frob'; see: remapctl help --all")
        self.check([""], 2, "there is no verb ''")
        self.check(["ctl\x1b[2J"], 2, "there is no verb 'ctl?[2J'")

    def test_misspelt_verb(self):
        for typed, meant in (("statsu", "'status'"), ("stauts", "'status'"), ("lsit", "'list'"),
                             ("creat", "'create'"), ("crate", "'create'"), ("asemble", "'assemble'"),
                             ("assem", "'assemble'"), ("unmpa", "'unmap'"), ("stpo", "'stop'"),
                             ("stat", "'status' or 'stats'"), ("meta", "'metadata'")):
            self.check([typed, "r0"], 2, f"there is no verb '{typed}'; did you mean {meant}")

    def test_misspelt_verb_of_a_family(self):
        self.check(["metadata", "chek", "x"], 2,
                   "there is no verb 'metadata chek'; did you mean 'metadata check'?")
        self.check(["metadata", "frob"], 2, "there is no verb 'metadata frob'; see: remapctl "
                   "metadata --help")

    def test_misspelt_option(self):
        self.check(["create", "r0", "--mian", "x", "--spare", "y"], 2,
                   "there is no option '--mian'; did you mean '--main'?")
        self.check(["status", "--chekc"], 2, "did you mean '--check'?")
        self.check(["status", "--frob=5"], 2, "there is no option '--frob'; see: remapctl status")
        self.check(["--frob"], 2, "there is no option '--frob'; see: remapctl --help")
        self.check(["--verison"], 2, "did you mean '--version'?")
        self.check(["list", "--jsn"], 2, "did you mean '--json'?")

    def test_too_many_arguments(self):
        self.check(["list", "r0"], 2, "'r0' is one argument too many; see: remapctl list --help")
        self.check(["map", "r0", "1", "2"], 2, "'2' is one argument too many")
        self.check(["create", "r0", "r1", "--main", "a", "--spare", "b"], 2, "'r1' is one argument")

    def test_missing_arguments(self):
        self.check(["create"], 2, "--main is required", "see: remapctl create --help")
        self.check(["create", "r0"], 2, "--main is required")
        self.check(["create", "r0", "--main", "a"], 2, "--spare is required",
                   "for advice run: remapctl create --dry-run --main a")
        self.check(["create", "--main", "a", "--spare", "b"], 2, "NAME is required",
                   "see: remapctl create --help")
        self.check(["metadata"], 2, "a verb is required; see: remapctl metadata --help")
        self.check(["metadata", "check"], 2, "see: remapctl metadata check --help")
        for verb in "add", "unmap", "map", "pause", "rearm":
            self.check([verb], 2, f"NAME is required; see: remapctl {verb} --help")
        self.check(["unmap", "r0"], 2, "RANGE is required")
        self.check(["wipe"], 2, "DEV is required")
        self.check(["stop"], 2, "no set was named")

    def test_option_values(self):
        self.check(["create", "r0", "--main"], 2, "--main needs a value")
        self.check(["create", "r0", "--main", "a", "--main", "b", "--spare", "c"], 2,
                   "--main was given more than once")
        self.check(["assemble", "UUID=123"], 2, "'UUID=123' holds no UUID")
        self.check(["wipe", "x", "--discard-remapped", "many"], 2, "many")

    def test_options_that_exclude_each_other(self):
        self.check(["stop", "--all", "r0"], 2, "exclude each other")
        self.check(["add", "r0", "5", "--from", "x"], 2, "ranges and --from exclude each other")
        self.check(["add", "r0"], 2, "no range was given", "see: remapctl help add")

    def test_remove_asks_what_was_meant(self):
        for args in ["remove"], ["remove", "r0"], ["remove", "r0", "5+8", "--all"]:
            self.check(args, 2, "did you mean 'unmap' (blocks of a set) or 'stop' (the set)?")

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
        self.check(create, 4, "/dev/null is not a block device")
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
