# SPDX-License-Identifier: GPL-2.0-only
"""add, unmap, map, stats, pause and rearm on a running set; ranges of sectors."""

import errno

from harness import WorldCase


class Entries(WorldCase):
    def setUp(self):
        super().setUp()
        self.create()

    def blocks(self):
        return [entry["block"] for entry in self.json(["map", "r0"], 0)["entries"]]

    def added(self, *ranges):
        """The blocks that "add" makes of ranges, in a set without entries."""
        self.check(["add", "r0", *ranges], 0)
        blocks = self.blocks()
        self.check(["unmap", "r0", f"0+{self.MAIN_SECTORS}"], 0)
        return blocks

    def read(self, name, sector, count):
        with open(self.world.path(name), "rb") as file:
            file.seek(sector * 512)
            return file.read(count * 512)

    def test_bare_numbers_are_sectors(self):
        self.assertEqual(self.added("0"), [0])
        self.assertEqual(self.added("7", "8"), [0, 1])
        self.assertEqual(self.added("0x10"), [2])

    def test_units(self):
        self.assertEqual(self.added("8s"), [1])
        self.assertEqual(self.added("4096b"), [1])
        self.assertEqual(self.added("4K", "8KiB", "16k"), [1, 2, 4])
        self.assertEqual(self.added("1M"), [256])
        self.assertEqual(self.added("1MiB+4K"), [256])
        self.assertEqual(self.added("512KB+1"), [125])

    def test_first_and_last(self):
        self.assertEqual(self.added("7-8"), [0, 1])
        self.assertEqual(self.added("8-15"), [1])
        self.assertEqual(self.added("0x8-0xf"), [1])
        self.assertEqual(self.added("4K-15s"), [1])

    def test_first_and_length(self):
        self.assertEqual(self.added("7+2"), [0, 1])
        self.assertEqual(self.added("8+8"), [1])
        self.assertEqual(self.added("0+4097s"), list(range(513)))

    def test_ranges_that_share_a_block(self):
        self.assertEqual(self.added("1", "3", "5", "2-4"), [0])

    def test_last_block_is_short(self):
        last = self.MAIN_SECTORS - 1
        self.assertEqual(last % 8, 4)
        self.check(["add", "r0", "--lost", str(last)], 0)
        entry = self.json(["map", "r0"], 0)["entries"][0]
        self.assertEqual((entry["lost_mask"], entry["lost_sectors"]), (0x1f, 5))
        ranges = self.json(["status", "r0", "-v"], 0)["devices"][0]["lost"]["ranges"]
        self.assertEqual(ranges, [{"start_sector": last - 4, "sectors": 5}])

    def test_behind_the_end(self):
        for verb in "add", "unmap", "map":
            for text in f"{self.MAIN_SECTORS}", f"0+{self.MAIN_SECTORS + 1}", "1T":
                with self.subTest(f"{verb} {text}"):
                    self.refused([verb, "r0", text], 2, "lies behind the end of r0, which has "
                                 f"{self.MAIN_SECTORS} sectors")
        self.check(["map", "r0", f"0+{self.MAIN_SECTORS}"], 0)

    def test_too_large_for_arithmetic(self):
        for text in ("99999999999999999999", "18446744073709551615", "36028797018963968",
                     "16384P", "0-36028797018963967", "36028797018963967+36028797018963967"):
            for verb in "add", "unmap", "map":
                with self.subTest(f"{verb} {text}"):
                    self.refused([verb, "r0", text], 2)

    def test_bad_ranges(self):
        texts = {"x": "'x' is not a position", "": "'' is not a position",
                 "9-5": "'9-5': the range ends before it begins", "5+0": "the range is empty",
                 "5Q": "'5Q' has an unknown unit; units are s, b, K, M, G, T, P",
                 "100b": "'100b' is not a whole number of 512-byte sectors",
                 "5-": "'5-': a number is missing", "5+": "'5+': a number is missing",
                 "1-2-3": "'2-3' has an unknown unit", "0x": "'0x' has an unknown unit",
                 "1.5G": "'1.5G' has an unknown unit", " 5": "' 5' is not a position"}
        for text, error in texts.items():
            for verb in "add", "unmap", "map":
                if (verb, text) == ("map", ""):
                    continue # the same as no range
                with self.subTest(f"{verb} {text}"):
                    self.refused([verb, "r0", text], 2, error)

    def test_negative_number(self):
        self.refused(["add", "r0", "--", "-5"], 2, "'-5': a number is missing")

    def test_add_counts(self):
        self.assertEqual(self.check(["add", "r0", "0-15"], 0),
                         "r0: 2 blocks added, 0 mapped already.\n")
        result = self.json(["add", "r0", "0-31"], 0)["result"]
        self.assertEqual(result, {"name": "r0", "requested_blocks": 4, "added_blocks": 2,
                                  "already_mapped_blocks": 2, "failed_blocks": 0})

    def test_add_keeps_what_can_be_read(self):
        self.world.change_disk(self.main, unreadable=[[803, 2]])
        self.check(["add", "r0", "800"], 0)
        entry = self.json(["map", "r0"], 0)["entries"][0]
        self.assertEqual((entry["lost_mask"], entry["reason"]), (0x18, "admin"))
        geometry = self.json(["metadata", "dump", "dev/sdb"], 0)["superblock"]
        self.assertEqual(geometry["label"], "r0")
        with open(self.world.path("sdb"), "rb") as file:
            self.assertIn(b"block 100\n", file.read())

    def test_add_lost_does_not_touch_main(self):
        self.check(["add", "r0", "--lost", "800"], 0)
        self.assertEqual([line for line in self.world.data()["log"] if "sda" in line], [])
        self.assertEqual(self.json(["map", "r0"], 0)["entries"][0]["lost_sectors"], 8)

    def test_add_from_a_file(self):
        path = self.write("list", "# bad sectors\n5\n 100-101 \n\n7 # again\n0x20+8\n")
        self.check(["add", "r0", "--from", path], 0)
        self.assertEqual(self.blocks(), [0, 4, 12])

    def test_add_from_standard_input(self):
        self.check(["add", "r0", "--from", "-"], 0, stdin="5\n100\n")
        self.assertEqual(self.blocks(), [0, 12])
        self.check(["add", "r0", "--from", "-"], 2, "-:2: 'x' is not a position", stdin="5\nx\n")

    def test_add_from_an_empty_file(self):
        path = self.write("list", "# nothing\n")
        self.assertEqual(self.refused(["add", "r0", "--from", path], 0),
                         "r0: 0 blocks added, 0 mapped already.\n")

    def test_add_from_what_is_no_file(self):
        self.refused(["add", "r0", "--from", self.directory], 1, f"cannot read {self.directory}: "
                     "Is a directory")
        self.refused(["add", "r0", "--from", "nowhere"], 4, "cannot open nowhere: No such file")

    def test_add_many(self):
        # more than one message, and a list in many pages
        self.check(["add", "r0", "0+64000"], 1, "could not be mapped")
        document = self.json(["map", "r0"], 0)
        self.assertEqual([e["block"] for e in document["entries"]], list(range(4045)))
        messages = self.world.log("message")
        self.assertEqual(messages[:2], ["message r0 add 0+4096", "message r0 add 4096+3904"])
        self.assertEqual(messages[2], "message r0 list 0")
        self.assertGreater(len(messages), 12)

    def test_spare_is_full(self):
        tiny = self.world.disk("tiny", 256)
        self.check(["stop", "r0"], 0)
        self.create("r1", self.world.disk("sdc", 65536), tiny)
        slots = self.json(["status", "r1"], 0)["devices"][0]["spare"]["total_slots"]
        result = self.json(["add", "r1", f"0+{slots * 8 + 16}"], 1)
        self.assertEqual(result["result"]["failed_blocks"], 2)
        self.assertIn(f"r1: 2 of {slots + 2} blocks could not be mapped; see: remapctl status r1",
                      result["remapctl"]["messages"][0]["text"])
        self.check(["status", "r1", "--check"], 11)
        self.assertIn("full", self.check(["list"], 0))

    def test_spare_takes_no_data(self):
        self.world.change_disk(self.spare_disk, unwritable=[[264, 32000]])
        self.check(["add", "r0", "5"], 1, "r0: 1 of 1 block could not be mapped")
        self.assertEqual(self.blocks(), [])
        self.assertEqual(self.json(["status", "r0"], 0)["devices"][0]["mode"], "spare-fault")

    def test_unmap_writes_back(self):
        before = self.read("sda", 800, 8)
        self.check(["add", "r0", "800"], 0)
        with open(self.world.path("sda"), "r+b") as file:
            file.seek(800 * 512)
            file.write(b"bad content of main")
        self.assertEqual(self.check(["unmap", "r0", "800", "1600"], 0),
                         "r0: 1 block unmapped, 1 were not mapped.\n")
        self.assertEqual(self.read("sda", 800, 8), before)
        self.assertEqual(self.blocks(), [])

    def test_unmap_refuses_lost_sectors(self):
        self.check(["add", "r0", "--lost", "800"], 0)
        self.refused_unmap("r0: 1 of 1 block can't be unmapped; they have lost sectors")

    def refused_unmap(self, text):
        self.check(["unmap", "r0", "800"], 3, text)
        self.assertEqual(self.blocks(), [100])

    def test_unmap_needs_a_main_that_takes_writes(self):
        self.check(["add", "r0", "800"], 0)
        self.world.change_disk(self.main, unwritable=[[800, 1]])
        self.refused_unmap("main can't be written there")
        result = self.json(["unmap", "r0", "800"], 3)["result"]
        self.assertEqual(result["refused_blocks"], 1)

    def test_map_of_a_range(self):
        self.check(["add", "r0", "0", "80", "800"], 0)
        lines = self.check(["map", "r0", "8-799", "--no-headings"], 0).splitlines()
        self.assertEqual([line.split()[0] for line in lines], ["80"])
        entries = self.json(["map", "r0", "81+1"], 0)["entries"]
        self.assertEqual([entry["start_sector"] for entry in entries], [80])

    def test_map_of_nothing(self):
        self.assertEqual(self.check(["map", "r0", "--no-headings"], 0), "")
        self.assertEqual(self.json(["map", "r0"], 0)["entries"], [])

    def test_stats(self):
        self.world.change_target("r0", counters={"main_read_errors": 41, "healed": 7})
        out = self.check(["stats"], 0)
        self.assertRegex(out, r"(?m)^r0:$")
        self.assertRegex(out, r"(?m)^  main_read_errors +41$")
        counters = self.json(["stats", "r0"], 0)["stats"][0]["counters"]
        self.assertEqual((counters["main_read_errors"], counters["healed"]), (41, 7))

    def test_pause_and_rearm(self):
        self.assertEqual(self.check(["pause", "r0"], 0), "Paused r0.\n")
        self.assertEqual(self.json(["status", "r0"], 0)["devices"][0]["mode"], "paused")
        self.check(["add", "r0", "5"], 0)
        self.assertEqual(self.check(["rearm", "r0"], 0), "Rearmed r0, which is active now.\n")
        self.assertEqual(self.json(["status", "r0"], 0)["devices"][0]["mode"], "active")

    def test_rearm_when_the_cause_is_not_over(self):
        self.world.change_target("r0", faults=["main-fault"])
        self.world.change_disk(self.main, unreadable=[[0, 8]])
        self.assertEqual(self.check(["rearm", "r0"], 0), "Rearmed r0, which is main-fault now.\n")
        self.assertEqual(self.json(["rearm", "r0"], 0)["result"]["answer"], "ok main-fault")

    def test_suspended(self):
        self.world.change_device("r0", suspended=True)
        for args in ["add", "r0", "5"], ["unmap", "r0", "5"], ["map", "r0"], ["stats", "r0"], \
                ["pause", "r0"], ["rearm", "r0"]:
            self.refused(args, 5, "r0: is suspended")

    def test_read_only_set(self):
        self.check(["stop", "r0"], 0)
        self.check(["assemble", "r0", "--read-only"], 0)
        for verb in ["add", "5"], ["unmap", "5"], ["rearm"]:
            self.refused([verb[0], "r0", *verb[1:]], 3, f"r0: is read-only, '{verb[0]}' would")
        self.check(["map", "r0"], 0)
        self.check(["stats", "r0"], 0)

    def test_older_module(self):
        self.world.fail("message *", errno.EINVAL, from_then_on=True)
        self.refused(["add", "r0", "5"], 7, "r0: the target does not take the message 'add'",
                     "is the module of another version than the tools?")

    def test_message_fails(self):
        self.world.fail("message *", errno.EIO)
        self.refused(["add", "r0", "5"], 1, "cannot send 'add' to r0: Input/output error")

    def test_answers_that_are_not_understood(self):
        for verb, answer, args in (("add", "fine", ["add", "r0", "5"]),
                                   ("add", "ok 1", ["add", "r0", "5"]),
                                   ("list", "5 x 00 a -\nend", ["map", "r0"]),
                                   ("list", "5 1 00 z -\nend", ["map", "r0"]),
                                   ("list", "5 1 00 a -", ["map", "r0"]),
                                   ("stats", "a=b", ["stats", "r0"])):
            with self.subTest(answer):
                self.world.change_device("r0", answers={verb: answer})
                self.refused(args, 7, "is not understood", "is the module of another version")

    def test_list_that_does_not_advance(self):
        self.world.change_device("r0", answers={"list": "next 0"})
        self.refused(["map", "r0"], 7, "r0: the list of entries does not advance")

    def test_message_in_steps(self):
        # the target may stop early: what is left is sent again
        self.world.change_device("r0", answers={
            "add": ["next 1 1 0 0", "next 1 0 0 0", "next 200 1 1 0", "ok 1 0 1"]})
        result = self.json(["add", "r0", "0+24", "1600+16"], 1)["result"]
        self.assertEqual(result, {"name": "r0", "requested_blocks": 5, "added_blocks": 3,
                                  "already_mapped_blocks": 1, "failed_blocks": 1})
        self.assertEqual(self.world.log("message"), [
            "message r0 add 0+3 200+2", "message r0 add 1+2 200+2", "message r0 add 1+2 200+2",
            "message r0 add 200+2"])

    def test_every_flag_of_an_entry(self):
        self.world.change_device("r0", answers={
            "list": "0 1 00 h s\n1 2 81 r l\n2 3 00 w bf\n3 4 00 s -z\n4 5 00 k -\n5 6 00 m -\nend"})
        lines = self.check(["map", "r0", "--no-headings"], 0).splitlines()
        self.assertEqual([line.split() for line in lines], [
            ["0", "1", "00", "shield", "s"], ["8", "2", "81", "read_error", "l"],
            ["16", "3", "00", "write_error", "bf"], ["24", "4", "00", "scan", "-"],
            ["32", "5", "00", "weak", "-"], ["40", "6", "00", "moved", "-"]])
        entries = self.json(["map", "r0"], 0)["entries"]
        self.assertEqual([(e["shield"], e["lost_on_spare"], e["changing"], e["fenced"])
                          for e in entries[:3]],
                         [(True, False, False, False), (False, True, False, False),
                          (False, False, True, True)])

    def test_no_such_set(self):
        self.world.add_device("lv", "LVM-abc")
        for verb in ["add", "5"], ["unmap", "5"], ["map"], ["stats"], ["pause"], ["rearm"]:
            self.refused([verb[0], "r9", *verb[1:]], 4, "r9: no such set is assembled",
                         "see: remapctl list -a")
            self.refused([verb[0], "lv", *verb[1:]], 4, "lv is a device-mapper device of another")
            self.refused([verb[0], "/dev/mapper/r0", *verb[1:]], 2, "give its name, such as 'r0'")
