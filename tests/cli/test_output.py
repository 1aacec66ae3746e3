# SPDX-License-Identifier: GPL-2.0-only
"""What people see, word for word: golden/*.txt. Written anew by the target "golden"."""

from harness import WorldCase


class Output(WorldCase):
    def worn_set(self):
        """A set with some history."""
        self.create()
        self.check(["add", "r0", "8000-8015", "16"], 0)
        self.check(["add", "r0", "--lost", "1600", f"{self.MAIN_SECTORS - 1}"], 0)
        self.world.change_disk(self.main, unreadable=[[2401, 2]])
        self.check(["add", "r0", "2400"], 0)
        self.world.change_target("r0", counters={
            "main_read_errors": 41, "main_write_errors": 2, "healed": 7, "redirected_reads": 1234,
            "redirected_writes": 1, "commits": 3})

    def test_create(self):
        self.world.change_disk(self.main, signatures=[
            {"type": "ext4", "usage": "filesystem", "label": "media"}])
        self.golden("create", [*self.create_args(), "--dry-run"], self.create_args(),
                    [*self.create_args(), "--yes"])

    def test_create_with_warnings(self):
        self.world.change_disk(self.main, wwn="", serial="")
        self.world.change_disk(self.spare_disk, removable=True)
        self.golden("create-warnings", [*self.create_args(), "--yes"])

    def test_assemble(self):
        self.create_and_stop()
        self.golden("assemble", ["assemble", "r0", "--dry-run"], ["assemble", "r0"],
                    ["assemble", "r0"], ["assemble", "r9"])

    def test_assemble_read_only(self):
        self.create_and_stop()
        self.golden("assemble-read-only", ["assemble", "--read-only"], ["status"])

    def test_stop(self):
        self.create()
        self.golden("stop", ["stop", "r0", "--dry-run"], ["stop", "r0"], ["stop", "r0"])

    def test_status(self):
        self.worn_set()
        self.golden("status", ["status"], ["status", "r0", "--bytes"], ["status", "--check"])

    def test_status_verbose(self):
        self.worn_set()
        self.golden("status-v", ["status", "-v"])

    def test_status_healthy(self):
        self.create()
        self.golden("status-healthy", ["status", "--check"])

    def test_list(self):
        self.worn_set()
        self.golden("list", ["list"], ["list", "--no-headings"], ["list", "--bytes"])

    def test_list_all(self):
        self.worn_set()
        self.create("second-set", self.world.disk("sdc", 65536), self.world.disk("sdd", 32768))
        self.check(["stop", "second-set"], 0)
        self.golden("list-a", ["list", "-a"])

    def test_list_nothing(self):
        self.golden("list-nothing", ["list"], ["list", "-a"], ["status"])

    def test_map(self):
        self.worn_set()
        self.golden("map", ["map", "r0"], ["map", "r0", "0-1999", "--no-headings"])

    def test_stats(self):
        self.worn_set()
        self.golden("stats", ["stats"])

    def test_entries(self):
        self.worn_set()
        self.golden("entries", ["add", "r0", "0", "16"], ["add", "r0", "24", "-n"],
                    ["unmap", "r0", "0", "100"], ["unmap", "r0", "1600"], ["pause", "r0"],
                    ["rearm", "r0"])

    def test_wipe(self):
        self.worn_set()
        self.check(["stop", "r0"], 0)
        self.golden("wipe", ["wipe", "dev/sdb"],
                    ["wipe", "dev/sdb", "--discard-remapped=6", "--yes", "--dry-run"],
                    ["wipe", "dev/sdb", "--discard-remapped=6", "--yes"])

    def test_metadata_check(self):
        self.worn_set()
        self.golden("metadata-check", ["metadata", "check", "dev/sdb"])

    def test_help(self):
        self.golden("help", ["help"], ["help", "--all"])

    def test_usage(self):
        self.golden("usage", [], ["statsu"], ["create", "r0"], ["add", "r0", "5Q"],
                    ["remove", "r0"])
