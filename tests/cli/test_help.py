# SPDX-License-Identifier: GPL-2.0-only
"""Every verb explains itself."""

from harness import Case

MAIN_VERBS = ["create", "assemble", "stop", "dissolve", "recover", "status", "list", "add", "stats", "help"]
MORE_VERBS = ["unmap", "map", "wipe", "metadata", "pause", "rearm"]


class Help(Case):
    def explains(self, verb, *words):
        out = self.check([*verb.split(), "--help"], 0)
        self.assertIn(f"Usage: remapctl {verb}", out)
        for line in out.splitlines():
            self.assertLessEqual(len(line), 100, line)
            self.assertEqual(line, line.rstrip())
        for word in words:
            self.assertIn(word, out)
        if verb != "help":
            self.assertEqual(self.check(["help", *verb.split()], 0), out)
        self.assertEqual(self.check([*verb.split(), "-h"], 0), out)

    def test_create(self):
        self.explains("create", "NAME", "--main DEV", "--spare DEV", "--no-shield")

    def test_assemble(self):
        self.explains("assemble", "UUID=...", "--main DEV", "--spare DEV", "--read-only", "--name",
                      "--all", "--event", "--last-resort")

    def test_stop(self):
        self.explains("stop", "NAME", "--all")

    def test_dissolve(self):
        self.explains("dissolve", "SET", "--to DEV", "--main DEV", "--spare DEV")

    def test_recover(self):
        self.explains("recover", "shield")

    def test_recover_shield(self):
        self.explains("recover shield", "--main DEV", "--backup DUMP")

    def test_status(self):
        self.explains("status", "NAME", "--check", "10", "11")

    def test_list(self):
        self.explains("list", "-a,--all")

    def test_add(self):
        self.explains("add", "NAME", "RANGE", "N+LEN", "--from FILE", "--lost")

    def test_unmap(self):
        self.explains("unmap", "NAME", "RANGE", "N+LEN")

    def test_map(self):
        self.explains("map", "NAME", "RANGE", "LOST is a mask")

    def test_stats(self):
        self.explains("stats", "NAME")

    def test_wipe(self):
        self.explains("wipe", "DEV", "--discard-remapped COUNT")

    def test_metadata(self):
        self.explains("metadata", "check", "dump")

    def test_metadata_check(self):
        self.explains("metadata check", "DEV|FILE")

    def test_metadata_dump(self):
        self.explains("metadata dump", "DEV|FILE")

    def test_pause(self):
        self.explains("pause", "NAME")

    def test_rearm(self):
        self.explains("rearm", "NAME")

    def test_help(self):
        self.explains("help", "--all")

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
        self.assertEqual(self.check(["-V"], 0), out)
