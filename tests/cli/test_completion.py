# SPDX-License-Identifier: GPL-2.0-only
"""Completion as bash and zsh do it, with the scripts that remapctl writes."""

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import jsonschema

import harness

DEADLINE = 60  # seconds, for a shell to answer

# Stands for remapctl where a shell runs it: answers what the script asks for, and
# shows what arguments any other line came to.
PROGRAM = """#!/bin/sh
if [ "$*" = "list -aq --no-headings -o name" ]; then
    printf '%s\\n' data old-set -
else
    printf '<begin>'
    printf '[%s]' "$@"
    printf '<end>\\n'
fi
"""

# Those of tools/remapctl/arguments.h, and others in use that nothing can be offered for.
WORDS = {"DEV", "FILE", "NAME", "SET", "VERB", "NEW", "COUNT", "RANGE", "POS", "LIST", "SHELL",
         "SECONDS", "OPTION", "DUMP", "SRC"}


def remapctl(*args):
    result = subprocess.run([harness.CONFIG.remapctl, *args], stdin=subprocess.DEVNULL, capture_output=True,
                            text=True, check=True, timeout=60)
    return result.stdout


class Section:
    """A verb as its help text shows it."""

    def __init__(self, verb):
        self.verb = verb
        self.verbs, self.options, self.values = [], [], {}
        heading = None
        for line in remapctl(*verb.split(), "--help").splitlines() if verb else \
                remapctl("help", "--all").splitlines():
            if re.fullmatch(r"\w[\w ]*:", line):
                heading = line[:-1]
            elif heading in ("Verbs", "More verbs") and (match := re.match(r"  (\S+)  ", line)):
                self.verbs.append(match[1])
            elif heading == "Options" and (match := re.match(r"  (-\S+)(?: ([\w|]+) ?)?", line)):
                names = match[1].split(",")
                self.options += names
                if match[2]:
                    self.values[names[-1]] = match[2]
            elif heading == "Arguments" and (match := re.match(r"  ([A-Z|]+)( [a-z|]+ )?", line)):
                self.values[match[1]] = (match[2] or match[1]).strip()


def all_sections():
    sections = [Section("")]
    for section in sections:  # grows
        sections += [Section(f"{section.verb} {verb}".strip()) for verb in section.verbs]
    return sections


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="remapctl-completion-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.root = os.path.join(self.directory, "root")
        os.makedirs(os.path.join(self.root, "dev/disk/by-id"))
        for name, size, dm_name, dm_uuid in (
                ("sda", 1000, None, None), ("sda1", 900, None, None), ("sdb", 1000, None, None),
                ("cciss!c0d0", 1000, None, None), ("loop0", 0, None, None),
                ("dm-0", 1000, "data", "REMAP-5f0c7a52-3d1b-4a6e-9a53-1c5b6a0f77aa"),
                ("dm-1", 1000, "dad:a=1", "REMAP-5f0c7a52-3d1b-4a6e-9a53-1c5b6a0f77ab"),
                ("dm-2", 1000, "vg-root", "LVM-abc")):
            self.put(f"sys/class/block/{name}/size", f"{size}\n")
            if dm_name:
                self.put(f"sys/class/block/{name}/dm/name", dm_name + "\n")
                self.put(f"sys/class/block/{name}/dm/uuid", dm_uuid + "\n")
        self.bin = os.path.join(self.directory, "bin")
        os.mkdir(self.bin)
        self.program = os.path.join(self.bin, "remapctl")
        with open(self.program, "w", encoding="utf-8") as file:
            file.write(PROGRAM)
        os.chmod(self.program, 0o755)

    def put(self, path, content):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)

    def script(self, shell, name):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(remapctl("completion", shell))
        return path


class Scripts(Case):
    def test_every_word_for_a_value_is_known(self):
        for section in all_sections():
            for name, value in section.values.items():
                for word in value.split("|"):
                    with self.subTest(verb=section.verb, name=name):
                        self.assertTrue(word in WORDS or word.islower(), word)

    def test_help_shows_verbs_below_verbs(self):
        for verb in "check", "dump":
            self.assertIn(f"\n  {verb} ", remapctl("metadata", "--help"))

    def test_help_fits_a_terminal(self):
        for section in all_sections():
            for line in remapctl(*section.verb.split(), "--help").splitlines():
                self.assertLessEqual(len(line), 100, line)

    def test_syntax(self):
        subprocess.run(["bash", "-n", self.script("bash", "c.bash")], check=True)
        subprocess.run(["shellcheck", "--norc", self.script("bash", "c.bash")], check=True)
        subprocess.run(["zsh", "-n", self.script("zsh", "_remapctl")], check=True)

    def test_the_script_needs_a_shell_that_is_known(self):
        for args in ["completion"], ["completion", "fish"]:
            result = subprocess.run([harness.CONFIG.remapctl, *args], capture_output=True, check=False)
            self.assertEqual(result.returncode, 2)

    def test_json(self):
        with open(harness.CONFIG.schema, encoding="utf-8") as file:
            validator = jsonschema.Draft202012Validator(json.load(file))
        for shell in "bash", "zsh":
            document = json.loads(remapctl("-j", "completion", shell))
            validator.validate(document)
            self.assertEqual(document["completion"]["script"], remapctl("completion", shell))

    def test_zsh_has_every_verb_and_option(self):
        script = remapctl("completion", "zsh")
        functions = dict(re.findall(r"^(\w\S*)\(\) \{\n(.*?)^\}", script, re.M | re.S))
        for section in all_sections():
            body = functions["__remapctl" + "".join("_" + v for v in section.verb.split())]
            for option in section.options:
                if section.verb and option in ("-h", "--help"):
                    body += functions["__remapctl"]  # shared
                self.assertRegex(body, rf"[')]{re.escape(option)}[=+]?\[", section.verb)
            for verb in section.verbs:
                name = "__remapctl" + "".join("_" + v for v in section.verb.split()) + "_verbs"
                self.assertIn(f"'{verb}:", functions[name])


class Bash(Case):
    def complete(self, line):
        """What COMPREPLY holds for a line with the cursor at its end, as bash cuts it."""
        words = re.findall(r"[=:]+|[^\s=:]+", line)
        if line.endswith(" "):
            words.append("")
        text = "\n".join([
            f"source {self.script('bash', 'c.bash')!r} || exit",
            'COMP_LINE=$1 COMP_POINT=${#1}; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))',
            f"_remapctl {self.program!r} x y || exit", "printf '%s\\n' \"${COMPREPLY[@]}\""])
        result = subprocess.run(["bash", "--norc", "-c", text, "bash", line, *words],
                                capture_output=True, text=True, check=True, timeout=DEADLINE,
                                env={**os.environ, "REMAPCTL_COMPLETE_ROOT": self.root})
        self.assertEqual(result.stderr, "")
        return sorted(result.stdout.split())

    def test_every_verb_and_option(self):
        sections = all_sections()
        everywhere = sections[0].options
        for section in sections:
            with self.subTest(section.verb):
                self.assertEqual(self.complete(f"remapctl {section.verb} -"),
                                 sorted(set(section.options + everywhere)))
                if section.verbs:
                    self.assertEqual(self.complete(f"remapctl {section.verb} "),
                                     sorted(section.verbs))

    def test_verbs(self):
        self.assertEqual(self.complete("remapctl st"), ["stats", "status", "stop"])
        self.assertEqual(self.complete("remapctl -j --force st"), ["stats", "status", "stop"])
        self.assertEqual(self.complete("remapctl metadata c"), ["check"])
        self.assertEqual(self.complete("remapctl --json metadata -q "), ["backup", "check", "dump", "repair", "restore"])
        self.assertEqual(self.complete("remapctl rem"), [])
        self.assertEqual(self.complete("remapctl frob "), [])

    def test_help(self):
        self.assertEqual(self.complete("remapctl help st"), ["stats", "status", "stop"])
        self.assertEqual(self.complete("remapctl help metadata "), ["backup", "check", "dump", "repair", "restore"])
        self.assertEqual(self.complete("remapctl help --a"), ["--all"])
        self.assertEqual(self.complete("remapctl help status "), [])

    def test_values(self):
        layers = ["device", "disk", "main", "spare"]
        self.assertEqual(self.complete("remapctl where data 5 --of "), layers)
        self.assertEqual(self.complete("remapctl where data 5 --of d"), ["device", "disk"])
        # bash replaces what stands behind '='
        self.assertEqual(self.complete("remapctl where data 5 --of="), layers)
        self.assertEqual(self.complete("remapctl where data 5 --of=sp"), ["spare"])
        self.assertEqual(self.complete("remapctl where data 5 --lba=x"), [])
        self.assertEqual(self.complete("remapctl completion "), ["bash", "zsh"])
        self.assertEqual(self.complete("remapctl list -o "), [])
        # the value is not taken for an argument
        self.assertEqual(self.complete("remapctl where --of main --lba "), ["dad:a=1", "data"])

    def test_devices(self):
        devices = sorted(["/dev/sda", "/dev/sda1", "/dev/sdb", "/dev/cciss/c0d0", "/dev/dm-0",
                          "/dev/dm-1", "/dev/dm-2", "/dev/mapper/data", "/dev/mapper/dad:a=1",
                          "/dev/mapper/vg-root"])
        self.assertEqual(self.complete("remapctl wipe /dev/"), sorted(devices + ["/dev/disk/"]))
        self.assertEqual(self.complete("remapctl wipe /dev/sdb /dev/sda"),
                         ["/dev/sda", "/dev/sda1"])
        self.assertEqual(self.complete("remapctl create new --main /dev/sdb"), ["/dev/sdb"])
        self.assertEqual(self.complete("remapctl create new --spare=/dev/sdb"), ["/dev/sdb"])
        self.assertEqual(self.complete("remapctl wipe /dev/disk/"), ["/dev/disk/by-id/"])

    def test_sets(self):
        self.assertEqual(self.complete("remapctl status "), ["dad:a=1", "data"])
        self.assertEqual(self.complete("remapctl stop data da"), ["dad:a=1", "data"])
        # behind the cut that bash makes
        self.assertEqual(self.complete("remapctl map dad:"), ["a=1"])
        self.assertEqual(self.complete("remapctl map dad:a="), ["1"])
        self.assertEqual(self.complete("remapctl add dat"), ["data"])
        self.assertEqual(self.complete("remapctl add data "), [])
        self.assertEqual(self.complete("remapctl map -- d"), ["dad:a=1", "data"])
        self.assertEqual(self.complete("remapctl create "), [])
        self.assertEqual(self.complete("remapctl assemble "), ["dad:a=1", "data", "old-set"])

    def test_without_sets_or_program(self):
        shutil.rmtree(self.root)
        os.remove(self.program)
        self.assertEqual(self.complete("remapctl status "), [])
        self.assertEqual(self.complete("remapctl assemble "), [])
        self.assertEqual(self.complete("remapctl wipe /dev/sd"), [])


class Terminal:
    """A shell on a terminal of its own, asked by keys."""

    def __init__(self, argv, env, directory):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(directory)
            os.execvpe(argv[0], argv, env)
        self.text = ""  # not yet taken

    def close(self):
        os.close(self.fd)
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.waitpid(self.pid, 0)

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def expect(self, pattern):
        """Wait until what the shell has written matches; takes it up to there."""
        end = time.monotonic() + DEADLINE
        while not (match := re.search(pattern, self.text, re.S)):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise AssertionError(f"no {pattern!r} in {self.text!r}")
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            if not data:
                raise AssertionError(f"the shell ended: {self.text!r}")
            self.text += data.decode(errors="replace")
        self.text = self.text[match.end():]
        return match


class Interactive(Case):
    """Lines are typed, TAB is pressed, and the line that results is run."""

    def begin(self, argv, *lines):
        env = {"PATH": self.bin + ":" + os.environ["PATH"], "HOME": self.directory,
               "TERM": "vt100", "LC_ALL": "C.UTF-8", "REMAPCTL_COMPLETE_ROOT": self.root}
        work = os.path.join(self.directory, "work")
        os.mkdir(work)
        for name in "ranges", "other file":
            with open(os.path.join(work, name), "w", encoding="utf-8"):
                pass
        self.terminal = Terminal(argv, env, work)
        self.addCleanup(self.terminal.close)
        for line in lines:
            self.terminal.type(line + "\n")
        self.terminal.type("printf '<%s>\\n' ready\n")
        self.terminal.expect("<ready>")

    def check(self, typed, *expected):
        """The arguments that come of a line once TAB was pressed at its end."""
        self.terminal.type(typed + "\t\n")
        arguments = self.terminal.expect("<begin>(.*?)<end>")[1]
        self.assertEqual(re.findall(r"\[(.*?)\]", arguments), list(expected), typed)

    def check_listed(self, typed, *expected):
        """What is listed when TAB is pressed twice; the line is thrown away."""
        self.terminal.type(typed + "\t\t")
        for pattern in expected:
            self.terminal.expect(pattern)
        self.terminal.type("\x15")  # Ctrl-U: not Ctrl-C, which would stop the next completion

    def check_all(self):
        self.check("remapctl whe", "where")
        self.check("remapctl -j stop --al", "-j", "stop", "--all")
        self.check("remapctl metadata du", "metadata", "dump")
        self.check("remapctl where data 5 --of sp", "where", "data", "5", "--of", "spare")
        self.check("remapctl where data 5 --of=sp", "where", "data", "5", "--of=spare")
        self.check("remapctl completion z", "completion", "zsh")
        self.check("remapctl status dat", "status", "data")
        self.check("remapctl status dad", "status", "dad:a=1")
        self.check("remapctl status dad:a", "status", "dad:a=1")
        self.check("remapctl assemble ol", "assemble", "old-set")
        self.check("remapctl create new --main /dev/sdb", "create", "new", "--main", "/dev/sdb")
        self.check("remapctl create new --spare=/dev/sdb", "create", "new", "--spare=/dev/sdb")
        self.check("remapctl wipe /dev/mapper/vg", "wipe", "/dev/mapper/vg-root")
        self.check("remapctl wipe /dev/cc", "wipe", "/dev/cciss/c0d0")
        self.check("remapctl add data --from ran", "add", "data", "--from", "ranges")
        self.check("remapctl metadata check oth", "metadata", "check", "other file")
        self.check("remapctl metadata check --no-h", "metadata", "check", "--no-headings")
        self.check("remapctl help metad", "help", "metadata")
        self.check("remapctl help metadata ch", "help", "metadata", "check")
        self.check("remapctl rem", "rem")


class BashInteractive(Interactive):
    def test_typing_in_bash(self):
        self.begin(["bash", "--norc", "-i"], f"source {self.script('bash', 'c.bash')}")
        self.check_all()
        self.check_listed("remapctl st", "stats", "status", "stop")


class ZshInteractive(Interactive):
    def test_typing_in_zsh(self):
        os.mkdir(os.path.join(self.directory, "site"))
        self.script("zsh", "site/_remapctl")
        self.begin(["zsh", "-f", "-i"], f"fpath=({self.directory}/site $fpath)",
                   "autoload -Uz compinit && compinit -u -D")
        self.check_all()
        # with explanations, whatever characters are in them
        self.check_listed("remapctl st", "stats *-- Show the counters of sets", "stop")
        self.check_listed("remapctl add data --", "--from *-- Read ranges from a file, one a line; -",
                          "--lost *-- Do not read them: mark all")

    def test_read_by_hand(self):
        self.begin(["zsh", "-f", "-i"], "autoload -Uz compinit && compinit -u -D",
                   f"source {self.script('zsh', 'by-hand')}")
        self.check("remapctl status dat", "status", "data")
