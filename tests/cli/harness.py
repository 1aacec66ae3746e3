# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of the command line share: running remapctl, comparing exit
status, texts and JSON. configure() comes before anything else."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

import jsonschema

CONFIG = None
SCHEMA = None

TIMEOUT = 120


def configure(config):
    """config: remapctl, mkspare, schema: paths; update_golden: write what is expected anew."""
    global CONFIG, SCHEMA
    CONFIG = config
    with open(config.schema, encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft202012Validator.check_schema(schema)
    SCHEMA = jsonschema.Draft202012Validator(schema)


class Result:
    """How a program ended, and what it said."""

    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        self.err = err

    def __iter__(self):
        return iter((self.code, self.out, self.err))


def execute(program, args, stdin=subprocess.DEVNULL, environment=None, **options):
    """Run a program to its end; stdin may be a string."""
    source = {"input": stdin} if isinstance(stdin, str) else {"stdin": stdin}
    result = subprocess.run([program, *args], capture_output=True, text=True, check=False,
                            timeout=TIMEOUT, env=environment, **source, **options)
    return Result(result.returncode, result.stdout, result.stderr)


class Case(unittest.TestCase):
    """A test with a directory of its own, on this machine."""

    maxDiff = None

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="remapctl-test-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        os.chmod(self.directory, 0o755)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        """A text file in the directory of the test; returns its path."""
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def ctl(self, *args, **options):
        """Run remapctl; returns a Result."""
        return execute(CONFIG.remapctl, args, **options)

    def ctl_as_nobody(self, *args):
        """The same without privileges, if this test has them."""
        if os.geteuid() != 0:
            return self.ctl(*args)
        # nobody may not be able to reach the build tree
        program = shutil.copy(CONFIG.remapctl, self.directory)
        return execute(program, args, user="nobody")

    def spare(self, *options, size="64M", main="1G", name="spare.img"):
        """The image of a spare as mkspare makes it; returns its path."""
        path = self.path(name)
        subprocess.run([CONFIG.mkspare, path, "--spare-size", size, "--main-size", main, *options],
                       check=True, stdout=subprocess.DEVNULL)
        return path

    def check(self, args, status, *errors, **options):
        """Run and compare; each of errors is a part of the one line on standard error.
        Returns standard output."""
        code, out, err = self.ctl(*args, **options)
        self.assertEqual(code, status, f"{args}: {out}{err}")
        if errors:
            self.assertTrue(err.startswith("remapctl: "), err)
            self.assertEqual(err.count("\n"), 1, err)
        for part in errors:
            self.assertIn(part, err)
        return out

    def json(self, args, status, **options):
        """Run with --json, hold the document against the schema and return it."""
        code, out, err = self.ctl("--json", *args, **options)
        self.assertEqual(code, status, f"{args}: {out}{err}")
        document = json.loads(out)
        SCHEMA.validate(document)
        self.assertEqual(document["remapctl"]["exit_status"], code)
        self.assertEqual(document["remapctl"]["argv"][1:], ["--json", *args])
        return document
