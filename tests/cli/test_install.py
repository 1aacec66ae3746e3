# SPDX-License-Identifier: GPL-2.0-only
"""What is installed for boot, and whether systemd and shells understand it."""

import pathlib
import re
import shutil
import subprocess

import harness
from harness import Case

FILES = """
lib/udev/remap-probe
lib/udev/rules.d/11-dm-remap-member.rules
lib/udev/rules.d/66-dm-remap.rules
etc/dm-remap/remapctl.conf
lib/systemd/system/remap-assemble@.service
lib/systemd/system/remap-last-resort@.service
lib/systemd/system/remap-last-resort@.timer
lib/systemd/system/remap-stop.service
lib/systemd/system/remap-wait@.service
share/remap-tools/initramfs/create
share/remap-tools/initramfs/dissolve
share/initramfs-tools/hooks/dm-remap
share/initramfs-tools/scripts/local-block/dm-remap
share/initramfs-tools/scripts/local-top/dm-remap
lib/dracut/modules.d/90dm-remap/module-setup.sh
lib/dracut/modules.d/90dm-remap/initrd.conf
lib/dracut/modules.d/90dm-remap/change.sh
""".split()


class Install(Case):
    def installed(self):
        """The tree that cmake installs; returns a function from the end of a path to
        the one file that has it."""
        root = pathlib.Path(self.directory) / "root"
        build = pathlib.Path(harness.CONFIG.build)
        # only of this part: the rest may not have been built
        for part in "udev", "tools/remapctl":
            subprocess.run(["cmake", "-P", str(build / part / "cmake_install.cmake")],
                           env={"DESTDIR": str(root), "PATH": "/usr/bin:/bin:/usr/local/bin"},
                           check=True, capture_output=True)
        files = [path for path in root.rglob("*") if path.is_file()]

        def find(end):
            found = [path for path in files if str(path).endswith("/" + end)]
            self.assertEqual(len(found), 1, f"{end}: {found}")
            return found[0]
        return find

    def test_files(self):
        find = self.installed()
        for name in FILES:
            path = find(name)
            text = path.read_bytes()
            if not text.startswith(b"\x7fELF"):
                self.assertIsNone(re.search(rb"@[A-Z_]+@", text), f"{path} is not configured")
            if text.startswith(b"#!") or text.startswith(b"\x7fELF"):
                self.assertTrue(path.stat().st_mode & 0o111, f"{path} is not executable")

    def test_paths_that_files_name(self):
        """Programs and files are named where they are installed."""
        find = self.installed()
        root = pathlib.Path(self.directory) / "root"
        for name in FILES:
            text = find(name).read_bytes()
            if text.startswith(b"\x7fELF"):
                continue
            pattern = r"(/\S*(?:remapctl|remap-probe|initramfs/(?:create|dissolve)))(?=[\s\"])"
            # what these have is for the initramfs, where it lies elsewhere
            elsewhere = {"/lib/udev/remap-probe", "/usr/lib/udev/remap-probe"} \
                if name.endswith("initramfs/create") else \
                {"/usr/sbin/remapctl"} if "dracut" in name else set()
            for path in set(re.findall(pattern, text.decode())) - elsewhere:
                self.assertTrue((root / path[1:]).exists(), f"{name} names {path}")

    def test_units(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("needs systemd-analyze")
        find = self.installed()
        root = str(pathlib.Path(self.directory) / "root")
        units = pathlib.Path(self.directory) / "units"
        units.mkdir()
        for name in FILES:
            if "/system/" not in name:
                continue
            text = find(name).read_text(encoding="utf-8")
            # the programs are not where they will be
            text = re.sub(r"^(Exec\w+=-?)/", rf"\1{root}/", text, flags=re.M)
            (units / pathlib.Path(name).name).write_text(text, encoding="utf-8")
        for unit in sorted(units.iterdir()):
            result = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)],
                                    capture_output=True, text=True, check=False, timeout=60,
                                    env={"SYSTEMD_UNIT_PATH": f"{units}:", "PATH": "/usr/bin:/bin"})
            complaints = [line for line in result.stderr.splitlines() if "remap" in line]
            self.assertEqual((result.returncode, complaints), (0, []), f"{unit}: {result.stderr}")

    def test_dracut_module_is_bash(self):
        subprocess.run(["bash", "-n", self.installed()("90dm-remap/module-setup.sh")], check=True)
