# SPDX-License-Identifier: GPL-2.0-only
"""The scripts of the initramfs, in a root directory of their own in which every
program they call writes down that it was called."""

import os
import pathlib
import subprocess

from harness import Case
from udev_machine import UDEV

FUNCTIONS = """
log_warning_msg() { echo "warning: $*" >> /log; }
resolve_device() { [ -e /there ] && echo /dev/swap; }
get_fstype() { echo suspend; }
wait_for_udev() { :; }
"""
RECORDER = '#!/bin/sh\necho "${0##*/} $*" >> /log\n'
SWAP = "UUID=1234"


class Initramfs(Case):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("needs root")
        if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
            self.skipTest("can't make a mount namespace")
        self.root = pathlib.Path(self.directory) / "root"
        for name in "usr", "conf", "run", "proc", "dev", "sys/power", "fake":
            (self.root / name).mkdir(parents=True)
        for name in "bin", "sbin", "lib", "lib64":
            (self.root / name).symlink_to(f"usr/{name}")
        self.put("scripts/functions", FUNCTIONS)
        self.put("scripts/local-premount/resume", RECORDER)
        self.put("sys/power/resume", "")
        self.put("proc/cmdline", "quiet\n")
        # /lib is the machine's own
        self.put("local-block", (UDEV / "initramfs-tools/scripts/local-block/dm-remap").read_text()
                 .replace("/lib/dm-remap/", "/fake/"))
        self.put("local-top", (UDEV / "initramfs-tools/scripts/local-top/dm-remap").read_text())
        self.put("create", (UDEV / "initramfs/create").read_text())
        self.put("dissolve", (UDEV / "initramfs/dissolve").read_text())
        for program in "dissolve", "remapctl", "modprobe", "udevadm", "sleep":
            self.put(f"fake/{program}", RECORDER)

    def put(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def run_script(self, script, resume="", status=0):
        """Returns what was called by it, without modprobe, and its messages."""
        (self.root / "log").write_text("", encoding="utf-8")
        commands = (f"mount --rbind /usr {self.root}/usr && "
                    f"PATH=/fake:/usr/bin:/bin exec /usr/sbin/chroot {self.root} /bin/sh /{script}")
        result = subprocess.run(["unshare", "--mount", "/bin/sh", "-c", commands], check=False,
                                capture_output=True, text=True, timeout=60,
                                env={"resume": resume, "PATH": os.environ["PATH"]})
        self.assertEqual(result.returncode, status, result.stderr)
        log = (self.root / "log").read_text(encoding="utf-8").splitlines()
        return [line for line in log if not line.startswith("modprobe")], result.stderr

    ASSEMBLE = "remapctl --quiet assemble --all --event"

    def test_assembles(self):
        self.assertEqual(self.run_script("local-block")[0], ["dissolve ", self.ASSEMBLE])

    def test_noremap(self):
        self.put("proc/cmdline", "quiet noremap\n")
        self.assertEqual(self.run_script("local-block")[0], [])

    def test_resumes_first(self):
        self.put("there", "")
        self.assertEqual(self.run_script("local-block", SWAP)[0], ["resume ", "dissolve ", self.ASSEMBLE])
        # and not once more: sets are in use now
        self.assertEqual((self.root / "conf/param.conf").read_text(), "resume=\n")
        self.assertEqual(self.run_script("local-block", SWAP)[0], ["dissolve ", self.ASSEMBLE])

    def test_waits_for_the_device_to_resume_from(self):
        for _ in range(3):
            self.assertEqual(self.run_script("local-block", SWAP)[0], [])
        self.put("there", "")
        self.assertEqual(self.run_script("local-block", SWAP)[0], ["resume ", "dissolve ", self.ASSEMBLE])

    def test_device_to_resume_from_is_gone(self):
        for _ in range(9):
            self.assertEqual(self.run_script("local-block", SWAP)[0], [])
        log, _ = self.run_script("local-block", SWAP)
        self.assertEqual(log, [f"warning: dm-remap: {SWAP} is missing, there will be no resume from it",
                               "dissolve ", self.ASSEMBLE])
        self.assertEqual((self.root / "conf/param.conf").read_text(), "resume=\n")

    def disks(self):
        for number, name in enumerate(["main", "spare"]):
            os.mknod(self.root / "dev" / name, 0o60600, os.makedev(7, number))

    def ask(self, words):
        self.put("proc/cmdline", f"quiet {words} ro\n")

    CREATE = "remapctl create r0 --main /dev/main --spare /dev/spare --yes"

    def probe(self, answer):
        # /usr is the machine's own, so the program is found as the script finds it first
        self.put("create", (UDEV / "initramfs/create").read_text().replace(
            "probe=/lib/udev/remap-probe", "probe=/fake/remap-probe"))
        self.put("fake/remap-probe", f"#!/bin/sh\n{answer}\n")

    def test_create(self):
        self.disks()
        self.probe("exit 1")
        self.ask("remap.create=r0,/dev/main,/dev/spare")
        log, err = self.run_script("create")
        self.assertEqual(log, [self.CREATE, "udevadm settle --timeout=30"])
        self.assertIn("made r0; remove remap.create=", err)

    def test_create_once_only(self):
        self.disks()
        self.probe("echo DM_REMAP_ROLE=main")
        self.ask("remap.create=r0,/dev/main,/dev/spare")
        self.assertEqual(self.run_script("create"), ([], ""))
        self.probe("echo DM_REMAP_ROLE=unknown")
        log, err = self.run_script("create", status=1)
        self.assertEqual(log, [])
        self.assertIn("/dev/main can't be read, nothing was done", err)

    def test_create_is_not_asked_for(self):
        self.assertEqual(self.run_script("create"), ([], ""))
        self.assertEqual(self.run_script("local-top"), ([], ""))

    def test_create_with_mistakes(self):
        for words in "r0", "r0,/dev/main", "r0,main,spare", ",/dev/main,/dev/spare":
            self.ask("remap.create=" + words)
            log, err = self.run_script("create", status=1)
            self.assertEqual(log, [])
            self.assertIn(f"wants NAME,MAIN,SPARE with paths, not '{words}'", err)

    def test_create_without_disks(self):
        self.ask("remap.create=r0,/dev/main,/dev/spare")
        log, err = self.run_script("create", status=1)
        self.assertEqual(log, ["sleep 1"] * 30)
        self.assertIn("/dev/main or /dev/spare is missing, nothing was done", err)

    def test_create_that_is_refused(self):
        self.disks()
        self.probe("exit 1")
        self.put("fake/remapctl", RECORDER + "exit 3\n")
        self.ask("remap.create=r0,/dev/main,/dev/spare")
        log, err = self.run_script("create", status=1)
        self.assertEqual(log, [self.CREATE])
        self.assertIn("nothing was made of /dev/main, booting without", err)

    def test_create_where_the_system_may_resume(self):
        self.disks()
        self.probe("exit 1")
        self.ask("remap.create=r0,/dev/main,/dev/spare resume=/dev/sda2")
        self.assertEqual(self.run_script("create", status=1)[0], [])
        self.ask("remap.create=r0,/dev/main,/dev/spare resume=/dev/sda2 noresume")
        self.assertEqual(self.run_script("create")[0][0], self.CREATE)
        # initramfs-tools has a setting of its own
        log, _ = self.run_script("local-top", SWAP)
        self.assertEqual(log, ["warning: remap.create= is ignored: give noresume with it"])

    DISSOLVE = "remapctl --quiet dissolve r0 --yes"
    TRIGGER = "udevadm trigger --action=change --property-match=DM_REMAP_ROLE=main"
    SETTLE = "udevadm settle --timeout=30"

    def answer(self, status, text=""):
        """Of remapctl."""
        self.put("fake/remapctl", RECORDER + f'[ -z "{text}" ] || echo "{text}" >&2\nexit {status}\n')

    def test_dissolve(self):
        self.ask("remap.dissolve=r0")
        log, err = self.run_script("dissolve")
        self.assertEqual(log, [self.DISSOLVE, self.TRIGGER, self.SETTLE])
        self.assertIn("dissolved r0; remove remap.dissolve=", err)

    def test_dissolve_what_is_gone_or_incomplete(self):
        self.ask("remap.dissolve=r0")
        self.answer(4, "no spare of the set was found")
        for _ in range(2):
            self.assertEqual(self.run_script("dissolve"), ([self.DISSOLVE], ""))

    def test_dissolve_that_is_refused(self):
        self.ask("remap.dissolve=r0")
        self.answer(3, "8 sectors of it are lost")
        log, err = self.run_script("dissolve", status=1)
        # it may have been stopped for that
        self.assertEqual(log, [self.DISSOLVE, "remapctl --quiet assemble r0", self.SETTLE])
        self.assertIn("8 sectors of it are lost", err)
        self.assertIn("r0 was not dissolved", err)
        # said once, not once a second
        self.assertEqual(self.run_script("dissolve"), ([], ""))

    def test_dissolve_is_not_asked_for(self):
        self.assertEqual(self.run_script("dissolve"), ([], ""))

    def test_create_and_dissolve(self):
        self.disks()
        self.probe("exit 1")
        self.ask("remap.create=r0,/dev/main,/dev/spare remap.dissolve=r0")
        self.assertEqual(self.run_script("create"), ([], ""))
        log, err = self.run_script("dissolve", status=1)
        self.assertEqual(log, [])
        self.assertIn("were both given, nothing was done", err)
