# SPDX-License-Identifier: GPL-2.0-only
"""status and list: what they find, and what is wrong with a set."""

import errno

from harness import WorldCase


class Status(WorldCase):
    def status(self, *args, code=0):
        return self.json(["status", *args], code)["devices"]

    def line(self, **fields):
        """A status line of a healthy set, with some fields changed."""
        values = {"version": 1, "mode": "active", "access": "rw", "slots": "0/4045", "bad": 0,
                  "entries": 0, "lost": 0, "read_errors": 0, "write_errors": 0, "spare_errors": 0,
                  "healed": 0, "reasons": "0,0,0,0,0,0,0", "superblocks": 2, "tables": 2,
                  "frozen": 0, "generation": 0, "reads": 0, "writes": 0, "activation": 1,
                  "uuid": self.world.uuid(), **fields}
        return " ".join(str(value) for value in values.values())

    def found(self, status, text, **fields):
        """--check on such a status line."""
        self.world.change_device("r0", status=self.line(**fields))
        out = self.check(["status", "--check"], status)
        self.assertIn(text, out)
        device = self.status("r0", "--check", code=status)[0]
        self.assertEqual(device["health"], {0: "ok", 10: "warning", 11: "critical"}[status])
        return device

    def test_no_set(self):
        self.assertEqual(self.check(["status"], 0), "No set is assembled.\n")
        self.assertEqual(self.status(), [])
        self.assertEqual(self.check(["list"], 0), "No set is assembled; see: remapctl list -a\n")
        self.assertEqual(self.check(["list", "-a"], 0), "There are no sets.\n")
        self.assertEqual(self.check(["stats"], 0), "")

    def test_unknown_set(self):
        self.create()
        self.check(["status", "r9"], 4, "r9: no such set is assembled", "see: remapctl list -a")
        code, out, err = self.ctl("status", "r9", "r0")
        self.assertEqual(code, 4)
        self.assertIn("r0: active", out)
        self.assertIn("r9: no such set", err)

    def test_path(self):
        self.create()
        self.check(["status", "/dev/mapper/r0"], 2, "give its name, such as 'r0'")

    def test_healthy(self):
        self.create()
        device = self.found(0, "r0: active, read-write, OK")
        self.assertEqual(device["findings"], [])

    def test_findings(self):
        self.create()
        self.found(10, "paused: bad blocks are not remapped", mode="paused")
        self.found(11, "no free slot is left", mode="full", slots="4045/4045")
        self.found(11, "the main device fails as a whole", mode="main-fault")
        self.found(11, "the spare can't be written", mode="spare-fault")
        self.found(11, "the slot table can't be written", mode="meta-fault")
        self.found(11, "the set is inconsistent: remapped blocks fail", mode="fail")
        self.found(11, "1 sector lost", lost=1)
        self.found(10, "1 of 2 superblocks valid", superblocks=1)
        self.found(11, "0 of 2 superblocks valid", superblocks=0)
        self.found(10, "1 of 2 table copies complete", tables=1)
        self.found(10, "2 table blocks frozen", frozen=2)
        self.found(10, "1 slot of the spare bad", bad=1)
        self.found(10, "80 % of the spare used", slots="3245/4045")
        self.found(0, "79.", slots="3200/4045")

    def test_worst_comes_first(self):
        self.create()
        device = self.found(11, "CRITICAL", mode="paused", lost=3, superblocks=1)
        self.assertEqual(device["findings"][0], "3 sectors lost")

    def test_without_check_the_exit_status_is_0(self):
        self.create()
        self.world.change_device("r0", status=self.line(lost=1))
        self.check(["status"], 0)

    def test_later_version_of_the_line(self):
        self.create()
        self.found(0, "r0: active", version=2, more="something new")

    def test_lines_that_are_not_understood(self):
        self.create()
        for text in ("", "1 active", self.line(mode="asleep"), self.line(access="x"),
                     self.line(slots="5"), self.line(reasons="1,2"), self.line(bad="-1"),
                     self.line(superblocks=3), self.line(uuid="x"), self.line(more="x"),
                     self.line(version=0)):
            with self.subTest(text):
                self.world.change_device("r0", status=text)
                self.check(["status", "r0"], 7, "the remap target's status is not understood",
                           "is the module of another version than the tools?")

    def test_table_of_another_kind(self):
        self.create()
        self.world.change_device("r0", live=[[0, 8, "linear", "8:0 0"]])
        self.check(["status", "r0"], 7, "r0: its table is not that of a remap set")

    def test_table_that_is_not_understood(self):
        self.create()
        for params in "nonsense", "8:0 8", "8:0 8:1 2 paused", "8:0 8:1 x":
            self.world.change_device("r0", live=[[0, 8, "remap", params]], status=self.line())
            self.check(["status", "r0"], 7, "the remap target's table is not understood: "
                       f"'{params}'", "is the module of another version than the tools?")

    def test_options(self):
        self.create()
        with self.world.change() as data:
            data["devices"]["r0"]["live"][0][3] = "8:0 8:1 2 rescue=0 paused"
        self.assertIn("\n  options   rescue=0 paused\n", self.check(["status", "-v"], 0))
        self.assertEqual(self.status()[0]["options"], ["rescue=0", "paused"])

    def test_how_main_is_recognised(self):
        part = self.world.partition("sda1", self.main, 2048, 40000, wwn="0x1", serial="S1",
                                    partuuid="aaaa-01")
        plain = self.world.disk("sdc", 40000, serial="S2")
        self.create("r1", part)
        self.create("r2", plain, self.world.disk("sdd", 32768))
        self.check(["stop", "--all"], 0)
        mains = [found["main"] for found in self.json(["list", "-a"], 0)["sets"]]
        self.assertEqual(mains, ["PARTUUID=aaaa-01", "serial number S2"])
        self.check(["assemble", "r1"], 0)
        self.check(["assemble", "r2"], 0)

    def test_lost_ranges(self):
        self.create()
        self.check(["add", "r0", "--lost", "0+8", "8+8", "800"], 0)
        out = self.check(["status", "r0", "-v"], 0)
        self.assertIn("\n  lost      0+16\n  lost      800+8\n", out)
        lost = self.status("r0", "-v")[0]["lost"]
        self.assertEqual(lost["ranges"], [{"start_sector": 0, "sectors": 16},
                                          {"start_sector": 800, "sectors": 8}])
        self.assertTrue(lost["ranges_complete"])

    def test_many_lost_ranges(self):
        self.create()
        self.check(["add", "r0", "--lost", *[str(16 * i) for i in range(30)]], 0)
        self.assertIn("  lost      ... and more, see: remapctl map r0\n",
                      self.check(["status", "-v"], 0))
        self.assertFalse(self.status("-v")[0]["lost"]["ranges_complete"])

    def test_suspended(self):
        self.create()
        self.world.change_device("r0", suspended=True)
        self.assertIn("read-write, suspended, OK", self.check(["status"], 0))
        self.assertTrue(self.status()[0]["suspended"])

    def test_copy_damaged_while_running(self):
        self.create()
        with open(self.world.path("sdb"), "r+b") as file:
            file.seek(128 * 512 + 1000)
            file.write(b"damage")
        self.assertIn("1 table block frozen", self.check(["status", "--check"], 10))
        self.check(["rearm", "r0"], 0)
        self.check(["status", "--check"], 0)

    def test_status_can_not_be_read(self):
        self.create()
        self.world.fail("status r0", errno.EIO)
        self.check(["status"], 1, "cannot read the status of r0: Input/output error")
        self.world.fail("table r0", errno.ENOMEM)
        self.check(["status"], 1, "cannot read the table of r0: Cannot allocate memory")

    def test_member_without_a_path(self):
        self.create()
        with self.world.change() as data:
            data["devices"]["r0"]["live"][0][3] = "8:0 8:77"
        self.world.change_device("r0", status=self.line())
        self.assertEqual(self.status()[0]["spare"]["path"], "8:77")

    def test_list(self):
        self.create()
        sets = self.json(["list"], 0)["sets"]
        self.assertEqual([(s["name"], s["state"], s["assembled"]) for s in sets],
                         [("r0", "active", True)])
        self.check(["stop", "r0"], 0)
        self.assertEqual(self.json(["list"], 0)["sets"], [])
        sets = self.json(["list", "-a"], 0)["sets"]
        self.assertEqual([(s["name"], s["state"], s["assembled"]) for s in sets],
                         [("r0", "inactive", False)])

    def test_list_shows_every_state(self):
        for state, word in (1, "creating"), (3, "dissolving"), (4, "retired"):
            path = self.spare("--state", str(state), size="32768s", main="32M")
            with open(path, "rb") as source, open(self.world.path("sdb"), "wb") as target:
                target.write(source.read())
            self.assertIn(word, self.check(["list", "-a"], 0))
        with open(self.world.path("sdb"), "r+b") as file:
            for block in 0, 4095:
                file.seek(block * 4096 + 1000)
                file.write(b"damage")
        self.assertEqual(self.json(["list", "-a"], 0)["sets"][0]["state"], "damaged")

    def test_list_goes_on_after_a_failure(self):
        self.create()
        self.create("r1", self.world.disk("sdc", 65536), self.world.disk("sdd", 32768))
        self.world.change_device("r0", status="nonsense")
        code, out, err = self.ctl("list")
        self.assertEqual(code, 7)
        self.assertIn("\nr1 ", out)
        self.assertIn("status is not understood", err)

    def test_list_without_device_mapper(self):
        self.create_and_stop()
        self.world.switch(no_device_mapper=True)
        code, out, err = self.ctl("list", "-a")
        self.assertEqual(code, 7)
        self.assertIn("inactive", out)
        self.assertIn("modprobe dm_mod", err)
        self.check(["list"], 7, "cannot list devices: no device-mapper in this kernel")

    def test_list_without_privileges(self):
        self.create_and_stop()
        self.world.switch(no_permission=True)
        code, out, err = self.ctl("list", "-a")
        self.assertEqual((code, out), (3, ""))
        self.assertIn("try as root", err)

    def test_table_form(self):
        self.create()
        heading, row = self.check(["list"], 0).splitlines()
        self.assertTrue(heading.startswith("NAME "))
        out = self.check(["list", "--no-headings"], 0)
        self.assertEqual((out.count("\n"), out.split()), (1, row.split()))
        self.assertIn(f" {self.MAIN_SECTORS * 512} ", self.check(["list", "--bytes"], 0))

    def test_quiet(self):
        self.create()
        self.assertIn("r0: active", self.check(["-q", "status"], 0))
        self.assertEqual(self.check(["-q", "add", "r0", "5"], 0), "")
        self.assertEqual(self.check(["-q", "stop", "r0"], 0), "")
