# SPDX-License-Identifier: GPL-2.0-only
"""The JSON document of every verb, on success and on failure, against the schema."""

import json

import harness
from harness import WorldCase


class Json(WorldCase):
    def error(self, args, status, text):
        """A failure: the document holds what standard error says."""
        document = self.json(args, status)
        messages = [m["text"] for m in document["remapctl"]["messages"] if m["severity"] == "error"]
        self.assertEqual(len(messages), 1)
        self.assertIn(text, messages[0])
        self.assertEqual(self.ctl("--json", *args).err, f"remapctl: {messages[0]}\n")
        return document

    def members(self, document):
        return set(document) - {"json_format_version", "remapctl"}

    def test_usage_errors(self):
        self.assertEqual(self.members(self.error(["frob"], 2, "there is no verb 'frob'")), set())
        self.error(["create", "r0"], 2, "--main is required")
        self.error(["remove"], 2, "did you mean 'unmap'")
        self.error([], 2, "A verb is required")

    def test_version(self):
        versions = self.json(["--version"], 0)["versions"]
        self.assertEqual((versions["metadata_format"], versions["target_remap"]), (1, "1.0.0"))
        self.world.switch(target_version=[2, 3, 4], driver_version="4.48.0")
        versions = self.json(["--version"], 0)["versions"]
        self.assertEqual((versions["target_remap"], versions["device_mapper"]), ("2.3.4", "4.48.0"))
        self.world.switch(no_target=True)
        self.assertEqual(self.json(["--version"], 0)["versions"]["target_remap"], "not available")
        self.world.switch(no_device_mapper=True)
        self.assertEqual(self.json(["--version"], 0)["versions"]["device_mapper"], "unknown")

    def test_help(self):
        self.assertIn("Verbs:", self.json(["help"], 0)["help"])
        self.assertIn("More verbs:", self.json(["help", "--all"], 0)["help"])

    def test_create(self):
        self.world.change_disk(self.main, signatures=[
            {"type": "ext4", "usage": "filesystem", "label": "media"}])
        made = self.json([*self.create_args(), "-y"], 0)["set"]
        self.assertEqual(made["uuid"], self.world.uuid())
        self.assertEqual(made["device"], "/dev/mapper/r0")
        self.assertEqual(made["main"]["wwn"], "0x5000c500a1b2c3d4")
        self.assertEqual(made["main"]["signatures"][0]["label"], "media")
        self.assertEqual(made["spare"]["size_sectors"], self.SPARE_SECTORS)
        self.error(self.create_args("r1"), 5, "in use")

    def test_warnings_are_messages(self):
        self.world.change_disk(self.spare_disk, removable=True)
        document = self.json([*self.create_args(), "-y"], 0)
        self.assertEqual([m["severity"] for m in document["remapctl"]["messages"]], ["warning"])

    def test_assemble(self):
        self.create_and_stop()
        made = self.json(["assemble", "r0", "--read-only"], 0)["set"]
        self.assertEqual((made["read_only"], made["already_assembled"]), (True, False))
        self.assertTrue(self.json(["assemble", "r0"], 0)["set"]["already_assembled"])
        self.error(["assemble", "r9"], 4, "no spare of the set 'r9'")

    def test_stop(self):
        self.create()
        self.assertEqual(self.json(["stop", "r0"], 0)["stopped"], ["r0"])
        self.assertEqual(self.error(["stop", "r0"], 4, "no such set")["stopped"], [])

    def test_status(self):
        self.create()
        self.check(["add", "r0", "5"], 0)
        device = self.json(["status"], 0)["devices"][0]
        self.assertEqual(device["remaps"]["by_reason"]["admin"], 1)
        self.assertEqual(device["metadata"]["activation"], 1)
        self.assertEqual(self.error(["status", "r9"], 4, "no such set")["devices"], [])

    def test_list(self):
        self.create()
        found = self.json(["list"], 0)["sets"][0]
        self.assertEqual((found["main"], found["spare"]), ("dev/sda", "dev/sdb"))
        self.world.switch(no_device_mapper=True)
        self.error(["list"], 7, "no device-mapper")
        self.assertEqual(len(self.error(["list", "-a"], 7, "no device-mapper")["sets"]), 1)

    def test_add(self):
        self.create()
        self.assertEqual(self.json(["add", "r0", "5"], 0)["result"]["added_blocks"], 1)
        self.error(["add", "r0", "x"], 2, "'x' is not a position")
        self.error(["add", "r9", "5"], 4, "no such set")

    def test_unmap(self):
        self.create()
        self.check(["add", "r0", "5", "--lost"], 0)
        document = self.error(["unmap", "r0", "5", "100"], 3, "can't be unmapped")
        self.assertEqual(document["result"], {
            "name": "r0", "requested_blocks": 2, "unmapped_blocks": 0, "not_mapped_blocks": 1,
            "refused_blocks": 1})

    def test_map(self):
        self.create()
        self.check(["add", "r0", "5"], 0)
        document = self.json(["map", "r0"], 0)
        self.assertEqual(document["name"], "r0")
        self.assertEqual(document["entries"][0]["start_sector"], 0)
        self.assertEqual(self.members(self.error(["map", "r9"], 4, "no such set")), set())

    def test_stats(self):
        self.create()
        stats = self.json(["stats"], 0)["stats"]
        self.assertEqual(stats[0]["name"], "r0")
        self.assertIn("commits", stats[0]["counters"])
        self.error(["stats", "r9"], 4, "no such set")

    def test_wipe(self):
        self.create()
        self.error(["wipe", "dev/sdb", "-y"], 5, "in use")
        uuid = self.world.uuid()
        self.check(["stop", "r0"], 0)
        wiped = self.json(["wipe", "dev/sdb", "-y"], 0)["wiped"]
        self.assertEqual(wiped, [{"path": "dev/sdb", "uuid": uuid, "remapped_blocks": 0}])

    def test_pause_and_rearm(self):
        self.create()
        self.assertEqual(self.json(["pause", "r0"], 0)["result"], {"name": "r0", "answer": "ok"})
        self.assertEqual(self.json(["rearm", "r0"], 0)["result"]["answer"], "ok active")
        self.error(["pause", "r9"], 4, "no such set")

    def test_metadata_check(self):
        path = self.spare("--entries", "9")
        self.assertEqual(self.json(["metadata", "check", path], 0)["check"]["verdict"], "good")
        path = self.spare("--damage", "sb0")
        document = self.json(["metadata", "check", path], 10)
        self.assertEqual(document["check"]["verdict"], "repairable")
        self.assertEqual([s["valid"] for s in document["check"]["superblocks"]], [False, True])
        path = self.spare("--damage", "sb0=torn", "sb1")
        document = self.json(["metadata", "check", path], 6)
        self.assertEqual(document["check"]["verdict"], "fatal")
        self.assertNotIn("superblock", document)
        self.error(["metadata", "check", self.path("none")], 4, "No such file or directory")

    def test_metadata_dump(self):
        document = self.json(["metadata", "dump", self.spare("--entries", "9")], 0)
        self.assertEqual((len(document["entries"]), document["complete"]), (9, True))
        self.error(["metadata", "dump", self.path("none")], 4, "No such file or directory")

    def test_names_from_a_disk_are_made_safe(self):
        for name, status in (('a"b\\c \u00fc</pre>', 0), ("a\nb\x1b[2J", 6)):
            path = self.spare("--name", name)
            with open(path, "rb") as source, open(self.world.path("sdb"), "wb") as target:
                target.write(source.read())
            document = self.json(["metadata", "dump", path], status)
            self.assertEqual(status or document["superblock"]["label"], status or name)
            self.json(["list", "-a"], 0)
            out = self.check(["list", "-a"], 0)
            self.assertEqual(out.count("\n"), 2)
            self.assertNotIn("\x1b", out)

    def test_output_is_one_document(self):
        self.create()
        for args in ["status"], ["list", "-a"], ["map", "r0"], ["frob"]:
            out = self.ctl("-j", *args).out
            self.assertTrue(out.startswith("{\n"))
            self.assertTrue(out.endswith("\n}\n"))
            json.loads(out)

    def test_every_member_is_in_the_schema(self):
        document = self.json(["--version"], 0)
        document["surprise"] = 1
        with self.assertRaisesRegex(Exception, "'surprise' was unexpected"):
            harness.validator().validate(document)
