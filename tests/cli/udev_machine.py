# SPDX-License-Identifier: GPL-2.0-only
"""What tests of udev rules need: loop devices, member headers, udevadm in a mount
namespace with rules, database and /dev of its own, and a disk that never answers."""

import ctypes
import os
import pathlib
import select
import shutil
import struct
import subprocess
import threading
import uuid

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
UDEV = REPOSITORY / "udev"
# Debian's files of device-mapper, and what upstream calls them.
UPSTREAM_NAMES = {"55-dm.rules": "10-dm.rules", "60-persistent-storage-dm.rules": "13-dm-disk.rules"}


def crc32c(data, crc=0xffffffff):
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc


def member_header(set_uuid, spare_uuid, sectors, label=b"data"):
    """The first sector of a main device, struct dmr_member."""
    def header(csum):
        return struct.pack("<192s16sIHH16s16sQQQ64s64s64s48s", b"For people.\n", b"dm-remap main \n", csum,
                           1, 0, set_uuid.bytes, spare_uuid.bytes, 1, sectors, 0, label, b"", b"", b"")
    return header(crc32c(header(0)))


def why_not():
    """Why this machine can't run these tests; None: it can."""
    if os.geteuid() != 0:
        return "needs root"
    for program in "udevadm", "losetup", "unshare", "partx", "mkfs.ext4":
        if not shutil.which(program):
            return f"needs {program}"
    for rules in UPSTREAM_NAMES:
        if not os.path.exists(f"/usr/lib/udev/rules.d/{rules}"):
            return f"needs {rules} as Debian has it"
    for option in ["--mount", "true"], ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]:
        if subprocess.run(["unshare", *option], capture_output=True, check=False).returncode:
            return "can't make a mount namespace"
    if subprocess.run(["losetup", "--find"], capture_output=True, check=False).returncode:
        return "has no loop devices"
    return None


def attach(case, path, *options):
    """A loop device for the file, until the test ends; returns its name."""
    device = subprocess.run(["losetup", "--find", "--show", *options, path], check=True,
                            capture_output=True, text=True).stdout.strip()
    case.addCleanup(subprocess.run, ["losetup", "--detach", device], check=True)
    return os.path.basename(device)


class Machine:
    """udevd's view of a machine: rules in the order of "debian" or "upstream"."""

    def __init__(self, directory, order, probe):
        self.directory = pathlib.Path(directory)
        self.udev = self.directory / "udev"
        shutil.copytree("/usr/lib/udev", self.udev, symlinks=True)
        self.rules = self.udev / "rules.d"
        if order == "upstream":
            for debian, upstream in UPSTREAM_NAMES.items():
                (self.rules / debian).rename(self.rules / upstream)
        for path in UDEV.glob("*.rules"):
            shutil.copy(path, self.rules)
        shutil.copy(probe, self.udev / "remap-probe")
        self.remaptab = None
        self.command_line = "quiet"
        self.systemd = True
        self.prepare = ""

    def fake_probe(self, text):
        """Instead of the real one: a shell script; its arguments are $1 and $2."""
        path = self.udev / "remap-probe"
        path.write_text("#!/bin/sh\n" + text, encoding="ascii")
        path.chmod(0o755)

    def answered(self):
        """Every event is one that remap-wait@.service makes; udevadm test can't make it."""
        (self.rules / "00-answered.rules").write_text('ENV{SYNTH_ARG_ANSWERED}="1"\n', encoding="ascii")

    def forget_blkid_flag(self):
        """As systemd before 252."""
        path = self.rules / "60-persistent-storage.rules"
        lines = path.read_text(encoding="utf-8").splitlines(True)
        kept = [line for line in lines if not line.startswith(
            'ENV{UDEV_DISABLE_PERSISTENT_STORAGE_BLKID_FLAG}=="1"')]
        assert len(kept) == len(lines) - 1
        path.write_text("".join(kept), encoding="utf-8")

    def events(self, *events):
        """Run events, (action, device) each, in one namespace that begins without a
        database. Returns what the last one left: properties, links, commands to run."""
        script = ["set -e", f"mkdir -p {self.directory}/dev {self.directory}/etc",
                  f"mount -t tmpfs tmpfs {self.directory}/dev",
                  f"cp -a /dev/null /dev/loop* {self.directory}/dev",
                  f"mount --bind {self.directory}/dev /dev",
                  f"mount --bind {self.udev} /usr/lib/udev", "mount -t tmpfs tmpfs /run",
                  "mkdir -p /run/udev" + (" /run/systemd/system" if self.systemd else "")]
        if self.remaptab is not None:
            (self.directory / "remaptab").write_text(self.remaptab, encoding="utf-8")
            script += [f"mount -t overlay -o lowerdir={self.directory}/tab:/etc etc /etc"]
            (self.directory / "tab").mkdir(exist_ok=True)
            shutil.copy(self.directory / "remaptab", self.directory / "tab")
        script.append(self.prepare)
        script += [f"echo == {action}; udevadm test --action={action} /sys/class/block/{device} 2>&1"
                   for action, device in events]
        result = subprocess.run(["unshare", "--mount", "bash", "-c", "\n".join(script)],
                                capture_output=True, text=True, check=False, timeout=120,
                                env={**os.environ, "SYSTEMD_PROC_CMDLINE": self.command_line})
        if result.returncode:
            raise RuntimeError(result.stdout + result.stderr)
        return Outcome(result.stdout.rsplit("\n== ", 1)[-1], events[-1][1])

    def event(self, device, action="add"):
        return self.events((action, device))


class Outcome:
    def __init__(self, text, device):
        self.text = text
        self.properties = {}
        self.commands = []
        for line in text.splitlines():
            key, equals, value = line.partition("=")
            if equals and key and key.replace("_", "").isalnum() and key.isupper():
                self.properties[key] = value
            if line.startswith("run: '"):
                self.commands.append(line[len("run: '"):-1])
        self.links = set(self.properties.get("DEVLINKS", "").split())
        assert "DEVPATH" in self.properties, f"{device}: {text}"

    def __getitem__(self, key):
        """The property; empty if there is none, which is the same to udev."""
        return self.properties.get(key, "")


class SilentDisk:
    """A loop device on a file system of our own, which answers everything but reads:
    who reads it waits and can't be killed, until the test ends."""

    FILE = 2
    SIZE = 64 << 20

    def __init__(self, case, directory):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.point = os.path.join(directory, "silent")
        os.mkdir(self.point)
        self.fuse = os.open("/dev/fuse", os.O_RDWR)
        data = f"fd={self.fuse},rootmode=40000,user_id=0,group_id=0".encode()
        if self.libc.mount(b"silent", self.point.encode(), b"fuse", 0, data):
            raise OSError(ctypes.get_errno(), "can't mount a fuse file system")
        self.reads = 0
        self.device = None
        self.stop = os.pipe()
        self.server = threading.Thread(target=self.serve, daemon=True)
        self.server.start()
        case.addCleanup(self.close)
        self.device = subprocess.run(
            ["losetup", "--find", "--show", "--read-only", os.path.join(self.point, "disk")],
            check=True, capture_output=True, text=True, timeout=30).stdout.strip()

    def close(self):
        os.close(self.stop[1])
        self.server.join()
        # without a server every request that waits fails
        os.close(self.fuse)
        if self.device:
            subprocess.run(["losetup", "--detach", self.device], check=True)
        self.libc.umount2(self.point.encode(), 2) # MNT_DETACH

    def attributes(self, node):
        mode = 0o40755 if node == 1 else 0o100644
        size = 4096 if node == 1 else self.SIZE
        return struct.pack("<QQQQQQIIIIIIIIII", node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0,
                           0, 0, 4096, 0)

    def answer(self, opcode, node):
        """The body of an answer, or an error number; None: no answer at all."""
        lookup, getattr_, open_, read, statfs, init = 1, 3, 14, 15, 17, 26
        if opcode == init:
            return struct.pack("<IIIIHHIIHHI28x", 7, 31, 0, 0, 0, 0, 4096, 1, 0, 0, 0)
        if opcode == lookup:
            return struct.pack("<QQQQII", self.FILE, 0, 3600, 3600, 0, 0) + self.attributes(self.FILE)
        if opcode == getattr_:
            return struct.pack("<QII", 3600, 0, 0) + self.attributes(node)
        if opcode == open_:
            return struct.pack("<QII", 1, 0, 0)
        if opcode == statfs:
            return struct.pack("<QQQQQIIII24x", 0, 0, 0, 0, 0, 4096, 255, 4096, 0)
        if opcode == read:
            self.reads += 1
            return None
        return 38 # ENOSYS

    def serve(self):
        while True:
            ready, _, _ = select.select([self.fuse, self.stop[0]], [], [])
            if self.stop[0] in ready:
                return
            request = os.read(self.fuse, 1 << 20)
            _, opcode, unique, node = struct.unpack_from("<IIQQ", request)
            answer = self.answer(opcode, node)
            if answer is None:
                continue
            error, body = (-answer, b"") if isinstance(answer, int) else (0, answer)
            try:
                os.write(self.fuse, struct.pack("<IiQ", 16 + len(body), error, unique) + body)
            except OSError: # an interrupted request
                continue


def new_uuid():
    return uuid.uuid4()
