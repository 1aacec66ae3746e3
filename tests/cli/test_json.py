# SPDX-License-Identifier: GPL-2.0-only
"""The JSON document of every verb."""

import jsonschema

import harness
from harness import Case


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
        _, out, _ = self.ctl("-j", "metadata", "check", self.spare())
        self.assertTrue(out.startswith("{\n"))
        self.assertTrue(out.endswith("\n}\n"))

    def test_every_member_is_in_the_schema(self):
        document = self.json(["--version"], 0)
        document["surprise"] = 1
        with self.assertRaises(jsonschema.ValidationError):
            harness.SCHEMA.validate(document)
