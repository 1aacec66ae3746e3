#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs the built remapctl as a user would, without a kernel module and without
being root: help, error texts, exit codes, metadata on plain files, JSON.

    cli_test.py help|errors|metadata|json --remapctl X --mkspare X --schema X
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import jsonschema

ARGS = None

VERBS = ["create", "assemble", "stop", "status", "list", "add", "unmap", "map", "stats", "wipe",
         "metadata", "metadata check", "metadata dump", "pause", "rearm", "help"]
MAIN_VERBS = ["create", "assemble", "stop", "status", "list", "add", "stats", "help"]
MORE_VERBS = ["unmap", "map", "wipe", "metadata", "pause", "rearm"]


def remapctl(*args, stdin=subprocess.DEVNULL, as_nobody=False):
    """Run remapctl; returns (exit status, standard output, standard error)."""
    with tempfile.TemporaryDirectory() as directory:
        program = ARGS.remapctl
        if as_nobody:  # who may not be able to reach the build tree
            os.chmod(directory, 0o755)
            program = shutil.copy(program, directory)
        result = subprocess.run([program, *args], stdin=stdin, capture_output=True, text=True,
                                user="nobody" if as_nobody else None, check=False, timeout=120)
    return result.returncode, result.stdout, result.stderr


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="remapctl-test-")
        self.addCleanup(self.directory.cleanup)
        os.chmod(self.directory.name, 0o755)

    def path(self, name):
        return os.path.join(self.directory.name, name)

    def spare(self, *options, size="64M", main="1G"):
        path = self.path("spare.img")
        subprocess.run([ARGS.mkspare, path, "--spare-size", size, "--main-size", main, *options],
                       check=True, stdout=subprocess.DEVNULL)
        return path

    def check(self, args, status, *errors):
        """Run and compare; each of errors is a part of the one line on stderr."""
        code, out, err = remapctl(*args)
        self.assertEqual(code, status, f"{args}: {out}{err}")
        if errors:
            self.assertTrue(err.startswith("remapctl: "), err)
            self.assertEqual(err.count("\n"), 1, err)
        for part in errors:
            self.assertIn(part, err)
        return out

    def json(self, args, status):
        code, out, err = remapctl("--json", *args)
        self.assertEqual(code, status, f"{args}: {out}{err}")
        document = json.loads(out)
        SCHEMA.validate(document)
        self.assertEqual(document["remapctl"]["exit_status"], code)
        self.assertEqual(document["remapctl"]["argv"][1:], ["--json", *args])
        return document


class Help(Case):
    def test_every_verb_explains_itself(self):
        for verb in VERBS:
            with self.subTest(verb):
                out = self.check([*verb.split(), "--help"], 0)
                self.assertIn(f"Usage: remapctl {verb}", out)
                for line in out.splitlines():
                    self.assertLessEqual(len(line), 100, line)
                if verb != "help":
                    self.assertEqual(self.check(["help", *verb.split()], 0), out)

    def test_overview(self):
        out = self.check(["help"], 0)
        self.assertEqual(out, self.check(["--help"], 0))
        for verb in MAIN_VERBS:
            self.assertIn(f"\n  {verb} ", out)
        for verb in MORE_VERBS:
            self.assertNotIn(f"\n  {verb} ", out)
        everything = self.check(["help", "--all"], 0)
        for verb in MAIN_VERBS + MORE_VERBS:
            self.assertIn(f"\n  {verb} ", everything)
        self.assertNotIn("remove", everything)

    def test_version(self):
        out = self.check(["--version"], 0)
        self.assertRegex(out, r"^remapctl \d+\.\d+\.\d+\nlibdevmapper 1\.")
        self.assertIn("\nmetadata format 1\n", out)


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
        path = self.path("list")
        with open(path, "w", encoding="utf-8") as file:
            file.write("# positions\n\n5\n6-7 # two\nseven\n")
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
        code, _, err = remapctl("status", as_nobody=True)
        self.assertEqual(code, 3, err)
        self.assertIn("try as root", err)


class Metadata(Case):
    def check_metadata(self, path, status, *lines):
        code, out, err = remapctl("metadata", "check", path)
        self.assertEqual(code, status, out + err)
        for line in lines:
            self.assertIn(line + "\n", out)
        return out, err

    def test_good(self):
        out, err = self.check_metadata(self.spare("--entries", "1000"), 0)
        self.assertIn("1000 remapped blocks", out)
        self.assertIn(": good\n", out)
        self.assertEqual(err, "")

    def test_works_without_privileges(self):
        path = self.spare("--entries", "10")
        user = os.geteuid() == 0
        self.assertEqual(remapctl("metadata", "check", path, as_nobody=user)[0], 0)
        self.assertEqual(remapctl("metadata", "dump", path, as_nobody=user)[0], 0)

    def test_one_copy_damaged(self):
        texts = {"zero": "no dm-remap signature", "torn": "checksum mismatch",
                 "noise": "no dm-remap signature", "flip": "checksum mismatch"}
        for copy in 0, 1:
            for how, text in texts.items():
                path = self.spare("--entries", "10", "--damage", f"sb{copy}={how}")
                out, _ = self.check_metadata(path, 10,
                                             f"repairable: superblock copy {copy}: {text}")
                self.assertIn("10 remapped blocks", out)
                self.check_metadata(
                    self.spare("--entries", "10", "--damage", f"table{copy}:0={how}"), 10,
                    f"repairable: table block 0 copy {copy}: " +
                    text.replace("dm-remap", "table block"))

    def test_both_copies_damaged(self):
        _, err = self.check_metadata(self.spare("--damage", "sb0=torn", "sb1=zero"), 6,
                                     "fatal: superblock copy 0: checksum mismatch",
                                     "fatal: superblock copy 1: no dm-remap signature")
        self.assertIn("beyond repair", err)
        self.check_metadata(self.spare("--entries", "600", "--damage", "table0:2=flip",
                                       "table1:2=torn"), 6,
                            "fatal: table block 2 copy 0: checksum mismatch",
                            "fatal: table block 2 copy 1: checksum mismatch")
        self.check_metadata(self.spare("--damage", "table0:2=flip", "table1:3=flip"), 10)

    def test_state_is_noted(self):
        self.check_metadata(self.spare("--state", "1"), 0,
                            "note: superblock: its creation was not finished")

    def test_no_metadata(self):
        path = self.path("empty")
        for size in 0, 100, 4096, 1 << 20:
            with open(path, "wb") as file:
                file.truncate(size)
            for verb in "check", "dump":
                code, _, err = remapctl("metadata", verb, path)
                self.assertEqual(code, 4, err)
        self.check(["metadata", "check", self.directory.name], 4, "neither a block device")
        self.check(["metadata", "dump", self.path("none")], 4, "No such file")

    def test_copy_on_a_larger_device_is_not_taken(self):
        path = self.spare()
        os.truncate(path, os.path.getsize(path) + 4096)
        self.check_metadata(path, 6, "fatal: superblock copy 0: it was written for a device of "
                            "another size")

    def test_dump(self):
        path = self.spare("--entries", "1000", "--lost-mask", "81", "--name", "data", "--wwn",
                          "0x5000c500a1b2c3d4")
        code, out, err = remapctl("metadata", "dump", path)
        self.assertEqual((code, err), (0, ""))
        document = json.loads(out)
        SCHEMA.validate(document)
        self.assertEqual(document["superblock"]["label"], "data")
        self.assertEqual(document["superblock"]["main_wwn"], "0x5000c500a1b2c3d4")
        self.assertTrue(document["complete"])
        entries = document["entries"]
        self.assertEqual([e["slot"] for e in entries], list(range(1000)))
        self.assertEqual(len({e["block"] for e in entries}), 1000)
        self.assertTrue(all(e["lost_sectors"] == 2 for e in entries))

    def test_dump_leaves_damage_out(self):
        path = self.spare("--entries", "600", "--damage", "table0:1=zero", "table1:1=flip")
        code, out, err = remapctl("metadata", "dump", path)
        self.assertEqual(code, 6)
        self.assertIn("left out", err)
        document = json.loads(out)
        SCHEMA.validate(document)
        self.assertFalse(document["complete"])
        self.assertEqual(len(document["entries"]), 600 - 252)

    def test_a_million_entries(self):
        path = self.spare("--entries", "1000000", size="5G", main="8T")
        out, _ = self.check_metadata(path, 0)
        self.assertIn("1000000 remapped blocks", out)
        result = subprocess.run([ARGS.remapctl, "metadata", "dump", path], check=True,
                                capture_output=True, timeout=60)
        self.assertEqual(result.stdout.count(b'{"slot": '), 1000000)
        self.assertEqual(len(json.loads(result.stdout)["entries"]), 1000000)

    def test_mkspare_is_reproducible(self):
        images = []
        for _ in range(2):
            with open(self.spare("--entries", "50", "--seed", "7"), "rb") as file:
                images.append(file.read())
        self.assertTrue(images[0] == images[1])


class Json(Case):
    def test_errors_are_in_the_document(self):
        document = self.json(["frob"], 2)
        self.assertIn("no verb", document["remapctl"]["messages"][0]["text"])
        self.assertEqual(document["remapctl"]["messages"][0]["severity"], "error")
        self.json(["create", "r0"], 2)
        self.json(["add", "r0", "x"], 2)
        self.json(["create", "r0", "--main", "/dev/null", "--spare", "/dev/null"], 3)
        self.json(["metadata", "check", self.path("none")], 4)
        self.json(["remove"], 2)

    def test_version_and_help(self):
        self.assertEqual(self.json(["--version"], 0)["versions"]["metadata_format"], 1)
        self.assertIn("Verbs:", self.json(["help"], 0)["help"])

    def test_check(self):
        self.assertEqual(self.json(["metadata", "check", self.spare("--entries", "9")],
                                   0)["check"]["verdict"], "good")
        document = self.json(["metadata", "check", self.spare("--damage", "sb0")], 10)
        self.assertEqual(document["check"]["verdict"], "repairable")
        self.assertEqual([s["valid"] for s in document["check"]["superblocks"]], [False, True])
        document = self.json(["metadata", "check", self.spare("--damage", "sb0=torn", "sb1")], 6)
        self.assertEqual(document["check"]["verdict"], "fatal")
        self.assertNotIn("superblock", document)

    def test_output_is_one_document(self):
        _, out, _ = remapctl("-j", "metadata", "check", self.spare())
        self.assertTrue(out.startswith("{\n"))
        self.assertTrue(out.endswith("\n}\n"))

    def test_every_member_is_in_the_schema(self):
        document = self.json(["--version"], 0)
        document["surprise"] = 1
        with self.assertRaises(jsonschema.ValidationError):
            SCHEMA.validate(document)


def main():
    global ARGS, SCHEMA
    parts = {"help": Help, "errors": Errors, "metadata": Metadata, "json": Json}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=parts)
    parser.add_argument("--remapctl", required=True)
    parser.add_argument("--mkspare", required=True)
    parser.add_argument("--schema", required=True)
    ARGS = parser.parse_args()
    with open(ARGS.schema, encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    SCHEMA = jsonschema.Draft202012Validator(schema)
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(parts[ARGS.part])
    sys.exit(not unittest.TextTestRunner(verbosity=1).run(suite).wasSuccessful())


if __name__ == "__main__":
    main()
