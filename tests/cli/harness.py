# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of the command line share: running remapctl, comparing exit
status, texts and JSON. configure() comes before anything else."""

import contextlib
import difflib
import hashlib
import json
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import tempfile
import time
import unittest

import jsonschema

CONFIG = None
SCHEMA = None

TIMEOUT = 120
GOLDEN = pathlib.Path(__file__).resolve().parent / "golden"


def configure(config):
    """config: remapctl, world (remapctl on a world), mkspare, schema: paths;
    update_golden: write what is expected anew."""
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


class World:
    """A machine in a file, see world.h. Its disks are the files dev/NAME below its
    directory, in which remapctl-world has to run."""

    def __init__(self, directory):
        self.directory = directory
        self.file = os.path.join(directory, "world.json")
        os.makedirs(os.path.join(directory, "dev"))
        self._store({"disks": [], "devices": {}, "failures": [], "log": []})

    def _store(self, data):
        with open(self.file, "w", encoding="utf-8") as file:
            json.dump(data, file, indent=1)

    def data(self):
        with open(self.file, encoding="utf-8") as file:
            return json.load(file)

    @contextlib.contextmanager
    def change(self):
        """with world.change() as data: ... changes the file."""
        data = self.data()
        yield data
        self._store(data)

    def path(self, name):
        """Where the content of dev/NAME really is."""
        return os.path.join(self.directory, "dev", name)

    def disk(self, name, sectors, **facts):
        """Add a disk, or a partition if facts name its whole_disk; returns its path."""
        with open(self.path(name), "wb") as file:
            file.truncate(sectors * 512)
        with self.change() as data:
            data["disks"].append({"path": f"dev/{name}", "name": name,
                                  "number": [8, len(data["disks"])], **facts})
        return f"dev/{name}"

    def partition(self, name, disk, start, sectors, **facts):
        number = self.facts(disk)["number"]
        return self.disk(name, sectors, start=start, whole_disk=number,
                         whole_name=os.path.basename(disk), **facts)

    def facts(self, path):
        return next(disk for disk in self.data()["disks"] if disk["path"] == path)

    def change_disk(self, path, **facts):
        with self.change() as data:
            next(disk for disk in data["disks"] if disk["path"] == path).update(facts)

    def change_device(self, name, **facts):
        """Of a device-mapper device: users, status, answers, suspended, ..."""
        with self.change() as data:
            data["devices"][name].update(facts)

    def change_target(self, name, **facts):
        """What the target keeps in memory: faults, counters."""
        with self.change() as data:
            data["devices"][name]["target"].update(facts)

    def add_device(self, name, uuid, **facts):
        """A device-mapper device that remapctl has not made."""
        with self.change() as data:
            data["devices"][name] = {"uuid": uuid, "number": [254, len(data["devices"])],
                                     "live": [], "inactive": [], **facts}

    def switch(self, **switches):
        """no_device_mapper, no_target, no_permission."""
        with self.change() as data:
            data.update(switches)

    def fail(self, match, error, nth=1, from_then_on=False):
        """Let the nth operation whose line in the log matches the pattern fail."""
        with self.change() as data:
            data["failures"].append({"match": match, "errno": error, "nth": nth,
                                     "from_then_on": from_then_on})

    def heal(self):
        """Forget the failures and the log."""
        with self.change() as data:
            data["failures"] = []
            data["log"] = []

    def log(self, *verbs):
        """The operations so far, without reading; only those that begin with one of
        verbs, if any are given."""
        lines = [line for line in self.data()["log"]
                 if not line.removeprefix("target ").startswith("read ")]
        return [line for line in lines if not verbs or line.split()[0] in verbs]

    def devices(self):
        return sorted(self.data()["devices"])

    def uuid(self, name="r0"):
        """Of an assembled set."""
        return self.data()["devices"][name]["uuid"].removeprefix("REMAP-")

    def state(self):
        """Everything that a verb could change: checksums of all disks, and the devices."""
        data = self.data()
        state = {"disks": data["disks"], "devices": data["devices"]}
        for disk in data["disks"]:
            with open(os.path.join(self.directory, disk["path"]), "rb") as file:
                state[disk["path"]] = hashlib.sha256(file.read()).hexdigest()
        return state


class Terminal:
    """A program on a terminal of its own: terminal.read_until(text), send(text), end()."""

    def __init__(self, program, args, cwd, environment):
        self.output = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(cwd)
                os.execve(program, [program, *args], environment)
            finally:
                os._exit(127)
        self.deadline = time.monotonic() + TIMEOUT

    def _read(self):
        """More of the output; False at the end."""
        left = self.deadline - time.monotonic()
        if not select.select([self.fd], [], [], max(left, 0))[0]:
            os.kill(self.pid, 9)
            raise TimeoutError(f"still running after: {self.output}")
        try:
            data = os.read(self.fd, 4096)
        except OSError: # the other end is closed
            return False
        self.output += data.decode().replace("\r\n", "\n")
        return bool(data)

    def read_until(self, text):
        while text not in self.output:
            if not self._read():
                raise EOFError(f"ended without '{text}': {self.output}")

    def send(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        """Wait for the end; returns the exit status, as a shell shows it."""
        while self._read():
            pass
        os.close(self.fd)
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return status if status >= 0 else 128 - status


class WorldCase(Case):
    """A test in a world with two disks: dev/sda has data, dev/sdb is empty."""

    MAIN_SECTORS = 16389 # its last block is short
    SPARE_SECTORS = 32768

    def setUp(self):
        super().setUp()
        self.world = World(self.path("world"))
        self.main = self.world.disk("sda", self.MAIN_SECTORS, wwn="0x5000c500a1b2c3d4",
                                    serial="WD-1", model="WDC WD40EFRX")
        self.spare_disk = self.world.disk("sdb", self.SPARE_SECTORS, wwn="0x5002538d4002d4e5",
                                          model="Samsung SSD 860")
        with open(self.world.path("sda"), "r+b") as file:
            for block in range(self.MAIN_SECTORS // 8 + 1):
                file.seek(block * 4096)
                file.write(b"block %d\n" % block)
            file.truncate(self.MAIN_SECTORS * 512)

    def environment(self):
        return {**os.environ, "REMAP_WORLD": self.world.file}

    def ctl(self, *args, **options):
        return execute(CONFIG.world, args, environment=self.environment(),
                       cwd=self.world.directory, **options)

    def terminal(self, *args):
        return Terminal(CONFIG.world, args, self.world.directory, self.environment())

    def create_args(self, name="r0", main=None, spare=None):
        return ["create", name, "--main", main or self.main, "--spare", spare or self.spare_disk,
                "--no-shield"]

    def create(self, name="r0", main=None, spare=None):
        """Make a set; the log is empty afterwards."""
        self.check([*self.create_args(name, main, spare), "--yes"], 0)
        self.world.heal()

    def create_and_stop(self, name="r0"):
        self.create(name)
        self.check(["stop", name], 0)
        self.world.heal()

    def refused(self, args, status, *errors):
        """As check(), and nothing in the world has changed."""
        before = self.world.state()
        out = self.check(args, status, *errors)
        self.assertEqual(self.world.state(), before)
        return out

    def golden(self, name, *commands):
        """Compare what the commands say with golden/NAME.txt, in which UUIDs are made
        equal. Written anew by: cmake --build BUILD --target golden"""
        text = ""
        for args in commands:
            result = self.ctl(*args)
            text += f"$ remapctl {' '.join(args)}\n{result.out}{result.err}"
            text += f"exit {result.code}\n" if result.code else ""
        uuid = "01234567-89ab-cdef-0123-456789abcdef"
        text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", uuid, text)
        text = re.sub(r"\b[0-9a-f]{8}\b", uuid[:8], text)
        path = GOLDEN / f"{name}.txt"
        if CONFIG.update_golden:
            path.write_text(text, encoding="utf-8")
        expected = path.read_text(encoding="utf-8")
        if text != expected:
            self.fail("".join(difflib.unified_diff(
                expected.splitlines(True), text.splitlines(True), str(path), "said now")))
