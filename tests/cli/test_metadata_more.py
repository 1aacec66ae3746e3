# SPDX-License-Identifier: GPL-2.0-only
"""metadata check, dump, restore, repair and backup on plain files."""

import hashlib
import json
import os
import subprocess
import sys

import harness

BLOCK = 4096
TABLE_START = 65536
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


def digest(path):
    result = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            result.update(part)
    return result.hexdigest()


def regions(superblock):
    """Where the metadata lies: (offset, length) in bytes."""
    size = superblock["spare_sectors"] * 512
    table = superblock["table_blocks"] * BLOCK
    tail = TABLE_START + table + superblock["slots"] * BLOCK
    return [(0, TABLE_START + table), (tail, size - tail)]


class Metadata(harness.Case):
    def load(self, path):
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        harness.validator().validate(document)
        return document

    def dump(self, image, name="dump.json"):
        """Dump to a file; returns its path and the document."""
        path = self.path(name)
        self.check(["metadata", "dump", image, "-O", path, "--force"], 0)
        return path, self.load(path)

    def assert_same_metadata(self, one, other, superblock):
        self.assertEqual(os.path.getsize(one), os.path.getsize(other))
        with open(one, "rb") as a, open(other, "rb") as b:
            for offset, length in regions(superblock):
                a.seek(offset)
                b.seek(offset)
                for at in range(0, length, 1 << 20):
                    amount = min(1 << 20, length - at)
                    self.assertTrue(a.read(amount) == b.read(amount),
                                    f"differs near byte {offset + at}")

    def good(self, image, entries):
        out = self.check(["metadata", "check", image], 0)
        self.assertIn(f" {entries} remapped block", out)
        self.assertIn(": good\n", out)


class Help(Metadata):
    def test_verbs_explain_themselves(self):
        for verb in "check", "dump", "restore", "repair", "backup":
            out = self.check(["metadata", verb, "--help"], 0)
            self.assertIn(f"Usage: remapctl metadata {verb}", out)
            for line in out.splitlines():
                self.assertLessEqual(len(line), 100, line)
            self.check(["metadata", verb], 2, f"see: remapctl metadata {verb} --help")


class Check(Metadata):
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


class RoundTrip(Metadata):
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


class Dump(Metadata):
    def test_dump_output_file(self):
        image = self.spare("--entries", "10")
        path, document = self.dump(image)
        out = json.loads(self.check(["metadata", "dump", image], 0))
        for key in "superblock", "complete", "table_sequences", "bad_slots", "entries":
            self.assertEqual(out[key], document[key])
        before = digest(path)
        self.check(["metadata", "dump", image, "-O", path], 5, "exists", "--force")
        self.check(["metadata", "dump", image, "-O", self.directory], 3, "no plain file")
        self.check(["metadata", "dump", image, "-O", self.path("no/where")], 4, "No such file")
        self.assertEqual(digest(path), before)
        self.assertEqual(sorted(os.listdir(self.directory)), ["dump.json", "spare.img"])
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)

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


class Restore(Metadata):
    def setUp(self):
        super().setUp()
        self.image = self.spare("--entries", "300")
        self.dump_path, self.document = self.dump(self.image)

    def restore(self, target, *options):
        return ["metadata", "restore", self.dump_path, target, *options]

    def blank(self, size, name="target.img"):
        with open(self.path(name), "wb") as file:
            file.truncate(size)
        return self.path(name)

    def test_new_file(self):
        target = self.path("new.img")
        restored = self.json(self.restore(target), 0)["restored"]
        self.assertEqual((restored["entries"], restored["created_file"]), (300, True))
        self.assertEqual(os.path.getsize(target), os.path.getsize(self.image))
        self.assertLess(os.stat(target).st_blocks * 512, os.path.getsize(target) // 8)

    def test_size(self):
        size = os.path.getsize(self.image)
        for other in size - BLOCK, size + BLOCK:
            target = self.blank(other)
            self.check(self.restore(target, "-y", "--force"), 3, f"has {other // 512} sectors",
                       f"is for {size // 512}")
            with open(target, "rb") as file:
                self.assertFalse(any(file.read()))

    def test_asks_before_it_overwrites(self):
        target = self.blank(os.path.getsize(self.image))
        _, _, err = self.ctl(*self.restore(target))
        self.assertIn("not confirmed: this overwrites the metadata on", err)
        self.assertEqual(self.ctl(*self.restore(target)).code, 3)
        with open(target, "rb") as file:
            self.assertFalse(any(file.read()))
        self.assertEqual(self.ctl(*self.restore(target, "--yes")).code, 0)
        self.good(target, 300)

    def test_metadata_is_not_overwritten(self):
        other = self.spare("--entries", "7", "--seed", "2", "--name", "mine", name="other.img")
        before = digest(other)
        code, _, err = self.ctl(*self.restore(other, "--yes"))
        self.assertEqual(code, 3)
        self.assertIn("is the spare of set 'mine'", err)
        self.assertIn("holds 7 remapped blocks; use --force", err)
        self.assertEqual(digest(other), before)
        self.assertEqual(self.ctl(*self.restore(other, "--force")).code, 3)  # not confirmed
        self.assertEqual(digest(other), before)
        self.assertEqual(self.ctl(*self.restore(other, "--force", "--yes")).code, 0)
        self.assert_same_metadata(self.image, other, self.document["superblock"])

    def test_says_what_is_newer(self):
        newer = self.spare("--entries", "301", name="newer.img")
        _, _, err = self.ctl(*self.restore(newer, "--yes"))
        self.assertIn("is newer than the dump: generation 301, not 300", err)
        self.assertNotIn("newer", self.ctl(*self.restore(self.image, "--yes")).err)

    def test_signatures(self):
        target = self.blank(os.path.getsize(self.image))
        with open(target, "r+b") as file:
            file.seek(1080)
            file.write(b"\x53\xef")
        code, _, err = self.ctl(*self.restore(target, "--yes"))
        self.assertEqual(code, 3, err)
        self.assertIn("contains a 'ext2' signature", err)
        self.assertEqual(self.ctl(*self.restore(target, "--yes", "--force")).code, 0)
        self.assert_same_metadata(self.image, target, self.document["superblock"])

    def test_restore_dry_run(self):
        target = self.blank(os.path.getsize(self.image))
        new = self.path("new.img")
        for path in target, new:
            self.assertIn("Would write", self.ctl(*self.restore(path, "--dry-run")).out)
        self.assertFalse(os.path.exists(new))
        with open(target, "rb") as file:
            self.assertFalse(any(file.read()))

    def malformed(self, text, *errors):
        path = self.write("bad.json", text if isinstance(text, str) else json.dumps(text))
        target = self.path("never.img")
        self.check(["metadata", "restore", path, target, "-y", "--force"], 6, path, *errors)
        self.assertFalse(os.path.exists(target))

    def test_malformed_files(self):
        with open(self.dump_path, encoding="utf-8") as file:
            text = file.read()
        self.malformed("", "parse error at line 1")
        self.malformed(text[:1000], "parse error at line")
        self.malformed(text + "x", "parse error at line")
        self.malformed("[]", "is not an object")
        self.malformed("7", "is not an object")
        self.malformed("{}", "has no member 'json_format_version'")
        self.malformed('{"x": ' + "[" * 100000, "nested too deeply")
        self.malformed('{"x": ' * 5000, "nested too deeply")
        self.check(["metadata", "restore", self.path("none"), self.path("x")], 4, "No such file")
        self.check(["metadata", "restore", self.directory, self.path("x")], 1, "Is a directory")

    def test_malformed_members(self):
        def edit(*path_and_value):
            document = json.loads(json.dumps(self.document))
            *path, last, value = path_and_value
            place = document
            for key in path:
                place = place[key]
            if value is None:
                del place[last]
            else:
                place[last] = value
            return document

        entries = self.document["entries"]
        reverse = dict(reversed(self.document.items()))
        for document, *errors in [
                (edit("json_format_version", [2, 0]), "/json_format_version"),
                (edit("superblock", None), "comes before the superblock"),
                (reverse, "comes before the superblock"),
                (edit("superblock", []), "/superblock: is not an object"),
                (edit("superblock", "seq", None), "/superblock: has no member 'seq'"),
                (edit("superblock", "extra", 1), "/superblock: has members that are not known"),
                (edit("superblock", "seq", -1), "/superblock/seq: is not a whole number"),
                (edit("superblock", "seq", 1.5), "/superblock/seq: is not a whole number"),
                (edit("superblock", "format_version", 2), "/superblock/format_version"),
                (edit("superblock", "set_uuid", "x"), "/superblock/set_uuid: is not a UUID"),
                (edit("superblock", "label", "x" * 64), "/superblock: the name"),
                (edit("superblock", "label", "\x1b"), "/superblock: a text field is damaged"),
                (edit("superblock", "state", "happy"), "/superblock/state: is not known"),
                (edit("superblock", "activation", 1 << 32), "activation counter is exhausted"),
                (edit("superblock", "slots", 1), "the layout does not fit"),
                (edit("superblock", "spare_sectors", 8), "too small"),
                (edit("superblock", "main_sectors", 0), "size of main is impossible"),
                (edit("superblock", "main_logical_block_bytes", 513), "block sizes of main"),
                (edit("superblock", "table_blocks_initialised", 10**6), "more table blocks"),
                (edit("superblock", "given_up", [{"first": 0, "count": 99, "copy": 0}]),
                 "/superblock: the list of table copies"),
                (edit("superblock", "given_up", [{"first": 0, "count": 1, "copy": 2}]),
                 "/superblock/given_up/0/copy: is too large"),
                (edit("superblock", "other_bytes", [{"offset": 4095, "hex": "0000"}]),
                 "/superblock/other_bytes/0/hex: is too long"),
                (edit("superblock", "other_bytes", [{"offset": 0, "hex": "00"}]),
                 "no dm-remap signature"),
                (edit("complete", 1), "/complete: is neither true nor false"),
                (edit("table_sequences", {}), "/table_sequences: is not an array"),
                (edit("table_sequences", []), "does not cover the whole table"),
                (edit("table_sequences", 0, "count", 10**9), "/table_sequences/0/count"),
                (edit("table_pads", [{"table_block": 0, "hex": "00"}]),
                 "/table_pads/0: has the wrong length"),
                (edit("bad_slots", [{"slot": 5, "generation": 1, "time": 1700000000}]),
                 "the slot is among the bad ones"),
                (edit("bad_slots", [7]), "/bad_slots/0: is not an object"),
                (edit("entries", [[]]), "/entries/0: is not an object"),
                (edit("entries", None), "has no member 'entries'"),
                (edit("entries", 17, "block", 1 << 40), "/entries/17: an entry names a block"),
                (edit("entries", 17, "block", "5"), "/entries/17/block: is not a whole number"),
                (edit("entries", 17, "slot", 3), "/entries/17: does not follow"),
                (edit("entries", 299, "slot", 10**9), "/entries/299: the slot lies behind"),
                (edit("entries", 17, "reason", "none"), "/entries/17/reason: is not known"),
                (edit("entries", 17, "lost_mask", 256), "/entries/17/lost_mask: is too large"),
                (edit("entries", 17, "lost_sectors", 1), "/entries/17/lost_sectors"),
                (edit("entries", 17, "generation", 1 << 39), "/entries/17: impossible generation"),
                (edit("entries", 17, "time", 1700000001), "/entries/17/time: is no number of"),
                (edit("entries", 17, "shield", 0), "/entries/17/shield: is neither"),
                (edit("entries", 17, entries[16] | {"slot": 17}), "same generation")]:
            with self.subTest(errors):
                self.malformed(document, *errors)

    def test_dump_of_damage(self):
        image = self.spare("--entries", "600", "--damage", "entry:5=beyond", name="broken.img")
        dump, target = self.path("broken.json"), self.path("new.img")
        self.assertEqual(self.ctl("metadata", "dump", image, "-O", dump).code, 6)
        self.check(["metadata", "restore", dump, target], 3, "entries were left out", "--force")
        self.assertEqual(self.ctl("metadata", "restore", dump, target, "--force").code, 0)
        self.good(target, 599)
        image = self.spare("--entries", "600", "--damage", "table0:1", "table1:1", name="b2.img")
        self.assertEqual(self.ctl("metadata", "dump", image, "-O", dump, "--force").code, 6)
        self.check(["metadata", "restore", dump, self.path("x"), "--force"], 6,
                   "lacks table blocks")


class Repair(Metadata):
    def setUp(self):
        super().setUp()
        self.whole = self.spare("--entries", "600", "--fill", name="whole.img")
        self.output = self.path("out.img")

    def broken(self, *damage, options=()):
        return self.spare("--entries", "600", "--fill", *options, "--damage", *damage)

    def repair(self, image, status, *options):
        """Repair to a new file; returns the member of the document. The source stays."""
        if os.path.exists(self.output):
            os.unlink(self.output)
        before = digest(image)
        document = self.json(["metadata", "repair", image, "-O", self.output, *options], status)
        self.assertEqual(digest(image), before)
        return document["repair"]

    def assert_same_slots(self, image, other):
        _, document = self.dump(self.whole)
        first = regions(document["superblock"])[0][1]
        with open(image, "rb") as a, open(other, "rb") as b:
            a.seek(first)
            b.seek(first)
            self.assertTrue(a.read(600 * BLOCK) == b.read(600 * BLOCK))

    def test_one_good_copy_is_enough(self):
        for damage in (["sb0=noise"], ["sb1=torn"], ["table0:1=zero", "table1:2=flip"],
                       ["table1:0=old"], ["given-up:1", "table1:0=flip"]):
            with self.subTest(damage):
                result = self.repair(self.broken(*damage), 0)
                self.assertEqual((result["entries"], result["copied_slots"]), (600, 600))
                self.good(self.output, 600)
                self.assert_same_slots(self.whole, self.output)
                _, one = self.dump(self.whole)
                _, two = self.dump(self.output)
                self.assertEqual(one["entries"], two["entries"])

    def test_both_copies_gone(self):
        image = self.broken("table0:1=noise", "table1:1=zero")
        result = self.repair(image, 3)
        self.assertFalse(result["written"])
        self.assertFalse(os.path.exists(self.output))
        self.assertEqual(result["unknown_slots"], [{"first": 252, "count": 252}])
        code, out, err = self.ctl("metadata", "repair", image, "-O", self.output)
        self.assertEqual(code, 3)
        self.assertIn("unknown: slot 252-503: what it held is not known", out)
        self.assertIn("main's old content would be read", err)
        result = self.repair(image, 10, "--force")
        self.assertTrue(result["written"])
        self.good(self.output, 348)
        _, document = self.dump(self.output)
        self.assertEqual([s["slot"] for s in document["bad_slots"]], list(range(252, 504)))

    def test_from_a_dump(self):
        dump, _ = self.dump(self.whole, "whole.json")
        image = self.broken("table0:1=noise", "table1:1=zero")
        self.assertFalse(self.repair(image, 3, "--from", dump)["written"])
        result = self.repair(image, 10, "--from", dump, "--force")
        self.assertEqual((result["table_blocks_from_dump"], result["unknown_slots"]), ([1], []))
        self.good(self.output, 600)
        self.assert_same_slots(self.whole, self.output)
        out = self.ctl("metadata", "repair", image, "-O", self.path("o2"), "--from", dump).out
        self.assertIn("table block 1: taken from the dump, possibly stale", out)

    def test_superblocks_gone(self):
        dump, _ = self.dump(self.whole, "whole.json")
        image = self.broken("sb0=noise", "sb1=torn")
        self.check(["metadata", "repair", image, "-O", self.output], 6, "checksum mismatch",
                   "--from DUMP")
        self.assertFalse(self.repair(image, 3, "--from", dump)["written"])
        self.assertTrue(self.repair(image, 10, "--from", dump, "--force")["superblock_from_dump"])
        self.good(self.output, 600)
        foreign = self.spare("--entries", "6", "--seed", "9", name="foreign.img")
        self.check(["metadata", "repair", foreign, "-O", self.path("x"), "--from", dump, "--force"],
                   4, "that of another spare")
        blank = self.path("blank.img")
        with open(blank, "wb") as file:
            file.truncate(os.path.getsize(image))
        self.check(["metadata", "repair", blank, "-O", self.path("x"), "--from", dump, "--force"],
                   4, "nothing on it belongs to the spare of the dump")
        self.check(["metadata", "repair", blank, "-O", self.path("x")], 4, "no dm-remap signature")

    def lost_entry(self, block):
        _, document = self.dump(self.output)
        return next(e for e in document["entries"] if e["block"] == block)

    def test_doubtful_entries_are_lost_not_served(self):
        _, document = self.dump(self.whole)
        blocks = [entry["block"] for entry in document["entries"]]
        for damage, block, entries in [("entry:9=same-generation", blocks[8], 599),
                                       ("entry:9=reason", blocks[9], 600),
                                       ("entry:9=generation", blocks[9], 600),
                                       ("table0:0=conflict", blocks[0], 600)]:
            with self.subTest(damage):
                result = self.repair(self.broken(damage), 10)
                self.assertEqual(result["lost_blocks"], [{"first": block, "count": 1}])
                self.good(self.output, entries)
                entry = self.lost_entry(block)
                self.assertEqual((entry["lost_mask"], entry["lost_on_spare"]), (255, True))
                out = self.ctl("metadata", "repair", self.path("spare.img"), "-n", "-O",
                               self.path("o")).out
                self.assertIn(f"lost: block {block} (sectors {block * 8}-{block * 8 + 7})", out)

    def test_entries_that_name_no_block(self):
        for damage in "entry:9=beyond", "entry:9=state", "entry:9=free":
            image = self.broken(damage)
            self.assertFalse(self.repair(image, 3)["written"])
            result = self.repair(image, 10, "--force")
            self.assertEqual(result["unknown_slots"], [{"first": 9, "count": 1}])
            self.good(self.output, 599)

    def test_superseded_entries_go(self):
        result = self.repair(self.broken("entry:9=duplicate"), 0)
        self.assertEqual(result["superseded_entries"], 1)
        self.good(self.output, 599)

    def test_stale_superblock(self):
        image = self.spare("--entries", "70000", "--damage", "stale-superblock", size="1100M")
        self.repair(image, 0, "--metadata-only")
        self.good(self.output, 70000)

    def test_metadata_only(self):
        result = self.repair(self.broken("sb0"), 0, "--metadata-only")
        self.assertEqual(result["copied_slots"], 0)
        self.good(self.output, 600)

    def test_repair_output(self):
        image = self.broken("sb0")
        before = digest(image)
        self.check(["metadata", "repair", image, "-O", image, "-y", "--force"], 3, "the same")
        os.link(image, self.path("link.img"))
        self.check(["metadata", "repair", image, "-O", self.path("link.img"), "-y", "--force"], 3,
                   "the same")
        self.assertEqual(digest(image), before)
        small = self.spare("--seed", "3", size="32M", name="small.img")
        self.check(["metadata", "repair", image, "-O", small, "-y", "--force"], 3, "sectors")
        other = self.spare("--seed", "3", "--name", "mine", name="other.img")
        self.check(["metadata", "repair", image, "-O", other, "-y"], 3, "set 'mine'", "--force")
        self.assertEqual(self.ctl("metadata", "repair", image, "-O", other, "--force").code, 3)
        self.assertIn("set 'mine'", self.check(["metadata", "check", other], 0))
        self.assertEqual(self.ctl("metadata", "repair", image, "-O", other, "-y", "--force").code,
                         0)
        self.good(other, 600)

    def test_repair_dry_run(self):
        image = self.broken("sb0")
        out = self.check(["metadata", "repair", image, "-O", self.output, "-n"], 0)
        self.assertIn("600 remapped blocks can be had, nothing is lost", out)
        self.assertFalse(os.path.exists(self.output))
