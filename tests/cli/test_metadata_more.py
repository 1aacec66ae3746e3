# SPDX-License-Identifier: GPL-2.0-only
"""metadata check, dump and backup on plain files, and that a dump brings everything back."""

import json
import os
import subprocess
import sys

import harness
import metadata_case

# Generous: the loader needs 24 bytes for an entry while it sorts, a dump 24 more.
MILLION_MEMORY_KIB = 192 * 1024

# Runs a program and says how long it took and how much memory (KiB) it had at most.
# A process of its own, for that number also counts what forked it.
MEASURE = """
import os, sys, time
start = time.monotonic()
_, status, usage = os.wait4(os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:]), 0)
print(os.waitstatus_to_exitcode(status), time.monotonic() - start, usage.ru_maxrss, file=sys.stderr)
"""


class Help(metadata_case.Case):
    def test_verbs_explain_themselves(self):
        for verb in "check", "dump", "restore", "repair", "backup":
            out = self.check(["metadata", verb, "--help"], 0)
            self.assertIn(f"Usage: remapctl metadata {verb}", out)
            for line in out.splitlines():
                self.assertLessEqual(len(line), 100, line)
            self.check(["metadata", verb], 2, f"see: remapctl metadata {verb} --help")


class Check(metadata_case.Case):
    def test_names_every_damage(self):
        size = "1100M"  # more than one extent of the table
        entries = 70000
        kinds = [
            (["sb0=old"], 10, ["repairable: superblock copy 0: older than the other copy"]),
            (["sb1=newer"], 10, ["repairable: superblock copy 0: older than the other copy"]),
            (["sb1=other-size"], 10, ["repairable: superblock copy 1: it was written for a device "
                                      "of another size"]),
            (["sb0=other-spare"], 6, ["fatal: superblocks: the two superblock copies contradict "
                                      "each other"]),
            (["table1:0=old"], 10, ["repairable: table block 0 copy 1: older than the other copy"]),
            (["table0:0=conflict"], 6, ["fatal: table block 0: the two copies have the same "
                                        "sequence number and differ"]),
            (["table0:3=moved"], 10, ["repairable: table block 3 copy 0: it was written for "
                                      "another place"]),
            (["table1:4=earlier"], 10, ["repairable: table block 4 copy 1: checksum mismatch"]),
            (["table0:4=noise", "table1:4=earlier"], 6,
             ["fatal: table block 4 copy 0: no table block signature",
              "fatal: table block 4 copy 1: checksum mismatch"]),
            (["entry:5=beyond"], 6, ["fatal: slot 5: an entry names a block behind the end of "
                                     "main"]),
            (["entry:600=state"], 6, ["fatal: slot 600: unknown entry state"]),
            (["entry:6=reason"], 6, ["fatal: slot 6: unknown reason"]),
            (["entry:7=generation"], 6, ["fatal: slot 7: impossible generation"]),
            (["entry:8=free"], 6, ["fatal: slot 8: a free entry is not empty"]),
            (["entry:9=duplicate"], 10, ["mapped to slot 9 (generation 10) and slot 8 "
                                         "(generation 9): generation 10 holds"]),
            (["entry:9=same-generation"], 6, ["mapped to slot 8 (generation 9) and slot 9 "
                                              "(generation 9): neither is newer"]),
            (["stale-superblock"], 6, ["fatal: table block 256 copy 0: holds entries but the "
                                       "superblock does not count it as in use: the superblock is "
                                       "older than the table",
                                       "fatal: table block 277 copy 1: holds entries"]),
            (["given-up:1"], 10, ["repairable: table block 0 copy 1: was written before that copy "
                                  "was given up"]),
            (["given-up:1", "table0:0=flip"], 6,
             ["fatal: table block 0 copy 1: was written before that copy was given up"]),
        ]
        for damage, status, lines in kinds:
            with self.subTest(damage):
                image = self.spare("--entries", str(entries), "--damage", *damage, size=size)
                code, out, err = self.ctl("metadata", "check", image)
                self.assertEqual(code, status, out + err)
                for line in lines:
                    self.assertIn(line, out)
                found = {line.split(":")[0] for line in out.splitlines() if ": " in line}
                if status == 10:
                    self.assertNotIn("fatal", found)
                    self.assertIn("the next activation repairs it", out)

    def test_findings_in_json(self):
        image = self.spare("--entries", "10", "--damage", "entry:5=beyond")
        document = self.json(["metadata", "check", image], 6)
        self.assertEqual([(f["severity"], f["kind"], f["where"])
                          for f in document["check"]["findings"]], [("fatal", "entry", "slot 5")])

    def test_a_block_that_moved_counts_once(self):
        image = self.spare("--entries", "10", "--lost-mask", "03", "--damage", "entry:9=duplicate")
        check = self.json(["metadata", "check", image], 10)["check"]
        self.assertEqual((check["entries"], check["lost_sectors"]), (9, 18))


class RoundTrip(metadata_case.Case):
    def round_trip(self, image, entries):
        dump, document = self.dump(image)
        self.assertEqual(len(document["entries"]), entries)
        copy = self.path("copy.img")
        self.check(["metadata", "restore", dump, copy, "-q"], 0)
        self.assert_same_metadata(image, copy, document["superblock"])
        self.good(copy, entries)
        _, again = self.dump(copy, "again.json")
        for key in "superblock", "table_sequences", "table_pads", "bad_slots", "entries":
            self.assertEqual(document[key], again[key])
        return document

    def test_empty(self):
        self.round_trip(self.spare(), 0)

    def test_one_entry(self):
        self.round_trip(self.spare("--entries", "1"), 1)

    def test_thousand_entries(self):
        image = self.spare("--entries", "1000", "--lost-mask", "81", "--bad-slots", "300", "--name",
                           "gr\u00fc\u00dfe", "--wwn", "0x5000c500a1b2c3d4", "--partuuid", "x-1")
        document = self.round_trip(image, 1000)
        self.assertEqual([slot["slot"] for slot in document["bad_slots"]], list(range(1000, 1300)))

    def test_short_last_block(self):
        self.round_trip(self.spare("--entries", "20", "--lost-mask", "ff", "--pattern", "runs",
                                   main="515s"), 20)

    def test_other_states(self):
        for state in 1, 3, 4:
            image = self.spare("--entries", "3", "--state", str(state))
            dump, document = self.dump(image)
            copy = self.path("copy.img")
            self.check(["metadata", "restore", dump, copy, "-q", "-y", "--force"], 0)
            self.assert_same_metadata(image, copy, document["superblock"])

    def test_given_up_copies(self):
        image = self.spare("--entries", "3", "--damage", "given-up:1")
        dump, document = self.dump(image)
        self.assertEqual(document["superblock"]["given_up"], [{"first": 0, "count": 1, "copy": 1}])
        copy = self.path("copy.img")
        self.check(["metadata", "restore", dump, copy, "-q"], 0)
        self.assert_same_metadata(image, copy, document["superblock"])

    def run_measured(self, *args):
        """Run; returns seconds and KiB of memory at most."""
        result = subprocess.run([sys.executable, "-I", "-S", "-c", MEASURE,
                                 harness.CONFIG.remapctl, *args], check=True, text=True,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        status, seconds, memory = result.stderr.splitlines()[-1].split()
        self.assertEqual(status, "0", result.stderr)
        return float(seconds), int(memory)

    def test_million_entries(self):
        image = self.spare("--entries", "1000000", size="5G", main="8T")
        dump, copy = self.path("dump.json"), self.path("copy.img")
        for args in (["check", image], ["dump", image, "-O", dump], ["restore", dump, copy],
                     ["repair", copy, "-O", self.path("out.img"), "--metadata-only"]):
            seconds, memory = self.run_measured("metadata", *args)
            print(f"metadata {args[0]}: 1 000 000 entries, {seconds:.2f} s, {memory} KiB")
            self.assertLess(memory, MILLION_MEMORY_KIB, args[0])
        with open(dump, encoding="utf-8") as file:
            superblock = json.load(file)["superblock"]
        self.assert_same_metadata(image, copy, superblock)


class Dump(metadata_case.Case):
    def test_dump_output_file(self):
        image = self.spare("--entries", "10")
        path, document = self.dump(image)
        out = json.loads(self.check(["metadata", "dump", image], 0))
        for key in "superblock", "complete", "table_sequences", "bad_slots", "entries":
            self.assertEqual(out[key], document[key])
        before = metadata_case.digest(path)
        self.check(["metadata", "dump", image, "-O", path], 5, "exists", "--force")
        self.check(["metadata", "dump", image, "-O", self.directory], 3, "no plain file")
        self.check(["metadata", "dump", image, "-O", self.path("no/where")], 4, "No such file")
        self.assertEqual(metadata_case.digest(path), before)
        self.assertEqual(sorted(os.listdir(self.directory)), ["dump.json", "spare.img"])
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)

    def test_full_disk(self):
        image = self.spare("--entries", "1000")
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = subprocess.run([harness.CONFIG.remapctl, "metadata", "dump", image],
                                    stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot write to standard output: No space left", result.stderr)

    def test_dump_dry_run(self):
        image = self.spare("--entries", "10")
        path = self.path("dump.json")
        self.assertIn("Would write", self.check(["metadata", "dump", image, "-O", path, "-n"], 0))
        self.assertFalse(os.path.exists(path))

    def test_saved_in_json(self):
        image = self.spare("--entries", "10")
        saved = self.json(["metadata", "dump", image, "-O", self.path("d.json")], 0)["saved"]
        self.assertEqual((saved["slots_in_use"], saved["complete"]), (10, True))

    def test_backup(self):
        image = self.spare("--entries", "10")
        path = self.path("backup.json")
        self.check(["metadata", "backup", image, "-O", path], 0)
        self.assertEqual(len(self.load(path)["entries"]), 10)
        self.check(["metadata", "backup", image, "-O", path], 5, "exists")
        out = self.check(["metadata", "backup", image, "--dry-run"], 0)
        uuid = self.load(path)["superblock"]["set_uuid"]
        self.assertIn(f"/var/lib/dm-remap/{uuid}.json", out)
        broken = self.spare("--entries", "10", "--damage", "entry:5=beyond", name="broken.img")
        self.check(["metadata", "backup", broken, "-O", path, "--force"], 6, "would be no backup")
        self.assertEqual(len(self.load(path)["entries"]), 10)
        self.check(["metadata", "backup", self.path("none")], 4, "No such file")
