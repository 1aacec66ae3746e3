# SPDX-License-Identifier: GPL-2.0-only
"""Every verb explains itself."""

from harness import Case

VERBS = ["create", "assemble", "stop", "status", "list", "add", "unmap", "map", "stats", "wipe",
         "metadata", "metadata check", "metadata dump", "pause", "rearm", "help"]
MAIN_VERBS = ["create", "assemble", "stop", "status", "list", "add", "stats", "help"]
MORE_VERBS = ["unmap", "map", "wipe", "metadata", "pause", "rearm"]


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
