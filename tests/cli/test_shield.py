# SPDX-License-Identifier: GPL-2.0-only
"""The shield on real content: nothing shows on raw main, the set has everything, and
dissolve and recover shield bring main back bit by bit."""

import errno
import os
import shutil
import subprocess

import images
from shield_case import SECTORS, ShieldCase, checksum


class Formats(ShieldCase):
    """A method for each format is added below."""

    def hides(self, name):
        images.FORMATS[name](self.raw())
        before = checksum(self.raw())
        self.assertTrue(self.signatures())
        dry = self.json([*self.create_args(), "-n"], 0)["set"]
        self.assertEqual(checksum(self.raw()), before)
        self.create()
        self.assertEqual(self.signatures(), [])
        found = [what for block in dry["shield_blocks"] for what in block["found"]]
        self.assertTrue(found)
        self.check(["stop", "r0"], 0)
        self.assertEqual(checksum(self.shown()), before)
        self.recovers(before)
        self.check(["assemble", "r0"], 0)
        self.check(["dissolve", "r0", "--yes"], 0)
        self.assertEqual(checksum(self.raw()), before)
        self.check(["list", "-a"], 0)

    def recovers(self, before):
        """On a copy of main, without its spare."""
        keep = self.path("keep")
        subprocess.run(["cp", "--sparse=always", self.raw(), keep], check=True)
        os.rename(self.world.path("sdb"), self.path("spare"))
        self.world.disk("sdb", 32768)
        with self.world.change() as data:
            data["disks"].pop()
        out = self.check(["recover", "shield", "--main", self.main, "--yes"], 0)
        self.assertIn("The shield is off.", out)
        self.assertEqual(checksum(self.raw()), before)
        os.rename(self.path("spare"), self.world.path("sdb"))
        os.rename(keep, self.raw())

    def test_ext4(self):
        self.hides("ext4")

    def test_xfs(self):
        self.hides("xfs")

    def test_btrfs(self):
        self.hides("btrfs")

    def test_vfat(self):
        self.hides("vfat")

    def test_ntfs(self):
        self.hides("ntfs")

    def test_swap(self):
        self.hides("swap")

    def test_luks_16k(self):
        self.hides("luks_16k")

    def test_luks_4m(self):
        self.hides("luks_4m")

    def test_lvm(self):
        self.hides("lvm")

    def test_md_1_2(self):
        self.hides("md_1_2")

    def test_md_1_0(self):
        self.hides("md_1_0")

    def test_gpt(self):
        self.hides("gpt")

    def test_mbr(self):
        self.hides("mbr")

    def test_old_gpt_behind_ext4(self):
        self.hides("old_gpt_behind_ext4")

    def test_all_formats_are_tested(self):
        for name in images.FORMATS:
            self.assertTrue(hasattr(self, "test_" + name), name)


class Places(ShieldCase):
    def blocks(self):
        dry = self.json([*self.create_args(), "-n"], 0)["set"]
        return {block["block"]: block["found"] for block in dry["shield_blocks"]}

    def test_btrfs_mirror(self):
        images.btrfs(self.raw())
        blocks = self.blocks()
        self.assertEqual(sorted(blocks), [0, 16, 64 * 256])
        self.assertEqual(blocks[64 * 256], ["btrfs superblock"])

    def test_second_header_of_luks2(self):
        for metadata, block in ("16k", 4), ("4m", 1024):
            images.luks(self.raw(), metadata)
            blocks = self.blocks()
            self.assertIn("crypto_LUKS", blocks[0])
            self.assertEqual(blocks[block], ["LUKS2 second header"], metadata)
            os.truncate(self.raw(), 0)
            os.truncate(self.raw(), SECTORS * 512)

    def test_luksdump_does_not_repair_raw_main(self):
        images.luks_16k(self.raw())
        self.create()
        self.check(["stop", "r0"], 0)
        before = checksum(self.raw())
        result = subprocess.run(["cryptsetup", "luksDump", self.raw()], capture_output=True,
                                check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(checksum(self.raw()), before)

    def test_backup_of_gpt_in_the_short_last_block(self):
        images.gpt(self.raw())
        blocks = self.blocks()
        self.assertIn("gpt", blocks[0])
        self.assertEqual(blocks[SECTORS // 8], ["GPT backup"])

    def test_main_without_content(self):
        self.assertEqual(self.blocks(), {0: []})


class Partitions(ShieldCase):
    """Of main, when it is a whole disk: the kernel is told when they come and go."""

    def setUp(self):
        super().setUp()
        images.gpt(self.raw())

    def test_create_says_what_becomes_of_them(self):
        _, _, err = self.ctl(*self.create_args(), "-n")
        self.assertIn("dev/sda has partitions.", err)
        self.assertIn("kpartx -a /dev/mapper/r0", err)
        images.write(self.raw(), 0, bytes(8192))
        images.write(self.raw(), SECTORS * 512 - 512, bytes(512))
        _, _, err = self.ctl(*self.create_args(), "-n")
        self.assertNotIn("has partitions", err)

    def test_kernel_is_told(self):
        self.check([*self.create_args(), "--yes"], 0)
        self.check(["dissolve", "r0", "--yes"], 0)
        self.assertEqual(self.world.log("reread"), ["reread sda", "reread sda"])

    def test_partitions_in_use_are_a_warning(self):
        before = checksum(self.raw())
        self.world.fail("reread sda", errno.EBUSY, from_then_on=True)
        code, _, err = self.ctl(*self.create_args(), "--yes")
        self.assertEqual(code, 0, err)
        self.assertIn("run: partx --delete dev/sda", err)
        code, _, err = self.ctl("dissolve", "r0", "--yes")
        self.assertEqual(code, 0, err)
        self.assertIn("run: blockdev --rereadpt dev/sda", err)
        self.assertEqual(checksum(self.raw()), before)
        self.create()
        self.check(["stop", "r0"], 0)
        self.world.fail("reread sda", errno.EBUSY)
        _, _, err = self.ctl("recover", "shield", "--main", self.main, "--yes", "--force")
        self.assertIn("run: blockdev --rereadpt dev/sda", err)
        self.assertEqual(checksum(self.raw()), before)


class Refused(ShieldCase):
    def test_zfs(self):
        # enough uberblocks for libblkid, in the labels at both ends
        for label in 0, 262144:
            for i in range(32):
                images.write(self.raw(), label + 131072 + i * 1024,
                             b"\x0c\xb1\xba\x00\x00\x00\x00\x00" + b"\1" * 32)
        self.assertEqual(self.signatures()[0], "zfs_member")
        self.refused([*self.create_args(), "--yes"], 3, "contains zfs_member",
                     "--no-shield leaves main as it is")

    def test_content_that_does_not_compress(self):
        images.swap(self.raw())
        images.write(self.raw(), 0, os.urandom(1024))
        images.write(self.raw(), 1536, os.urandom(2550))
        self.refused([*self.create_args(), "--yes"], 3, "block 0 (swap)",
                     "can't be compressed enough", "--no-shield")

    def test_unreadable_first_block(self):
        self.world.change_disk(self.main, unreadable=[[3, 1]])
        self.refused([*self.create_args(), "--yes"], 3, "its first block can't be read")

    def test_unwritable_block_of_the_shield(self):
        images.btrfs(self.raw())
        before = checksum(self.raw())
        for first in 0, 128, 64 * 2048:
            self.world.change_disk(self.main, unwritable=[[first, 8]])
            code, _, err = self.ctl(*self.create_args(), "--yes")
            self.assertEqual(code, 1)
            self.assertIn(f"cannot write sector {first} of dev/sda", err)
            self.assertIn("the content of main was not changed", err)
            self.assertEqual(checksum(self.raw()), before)
            self.assertEqual(self.world.devices(), [])

    def test_efi_system_partition(self):
        images.run("sfdisk", "-q", self.raw(),
                   stdin="label: gpt\nsize=100M, type=uefi\nsize=100M, type=linux\n")
        self.refused([*self.create_args(), "--yes"], 3,
                     "its partition 1 is an EFI system partition", "can't be main")
        self.world.change_disk(self.main,
                               partition_type="c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
        self.refused([*self.create_args(), "--yes", "--no-shield"], 3,
                     "is an EFI system partition")

    def test_main_of_another_set(self):
        images.ext4(self.raw())
        self.create()
        self.check(["stop", "r0"], 0)
        other = self.world.disk("sdc", 32768)
        for extra in [], ["--no-shield"], ["--force"]:
            self.refused([*self.create_args("r1", spare=other), "--yes", *extra], 3,
                         "dev/sda: is the main device of set 'r0'", "dissolve that set first")

    def test_spare_that_is_too_small(self):
        small = self.world.disk("sdc", 160)
        images.btrfs(self.raw())
        self.refused([*self.create_args(spare=small), "--yes"], 3, "the shield alone needs 6")


class Refresh(ShieldCase):
    """What changes in the set shows in the copies on main after stop."""

    def setUp(self):
        super().setUp()
        images.ext4(self.raw())
        self.create()
        self.slot = self.slot_of(0)

    def change_slot(self, content, offset=1024 + 120):
        images.write(self.world.path("sdb"), self.slot * 512 + offset, content)

    def recovered(self):
        os.truncate(self.world.path("sdb"), 0)
        os.truncate(self.world.path("sdb"), self.SPARE_SECTORS * 512)
        self.check(["recover", "shield", "--main", self.main, "--yes"], 0)
        with open(self.raw(), "rb") as file:
            return file.read(4096)

    def test_stop_refreshes(self):
        with open(self.raw(), "rb") as file:
            header = file.read(512)
        self.change_slot(b"new label")
        self.check(["stop", "r0"], 0)
        with open(self.raw(), "rb") as file:
            self.assertEqual(file.read(512), header)
        # the member header is not written again
        self.assertEqual([line for line in self.world.log("write") if "sda" in line],
                         ["write sda 1+7"])
        self.assertEqual(self.recovered()[1144:1153], b"new label")

    def stop_behind_the_back(self):
        """As blkdeactivate of lvm2 does at shutdown."""
        with self.world.change() as data:
            del data["devices"]["r0"]

    def test_stop_by_others_is_made_up_for(self):
        self.change_slot(b"new label")
        self.stop_behind_the_back()
        self.check(["stop", "--all"], 0)
        self.assertEqual(self.world.log("write"), [])
        self.check(["stop", "--all", "--refresh", "--dry-run"], 0)
        self.assertEqual(self.world.log("write"), [])
        self.check(["stop", "--all", "--refresh"], 0)
        self.assertEqual(self.world.log("write"), ["write sda 1+7"])
        self.assertEqual(self.recovered()[1144:1153], b"new label")

    def test_refresh_of_all_leaves_what_is_in_doubt(self):
        self.change_slot(b"new label")
        self.stop_behind_the_back()
        # a copy of the spare
        copy = self.world.disk("sdz", self.SPARE_SECTORS)
        shutil.copyfile(self.world.path("sdb"), self.world.path("sdz"))
        self.check(["stop", "--all", "--refresh"], 0)
        self.assertEqual(self.world.log("write"), [])
        os.truncate(self.world.path(os.path.basename(copy)), 0)
        os.truncate(self.world.path(os.path.basename(copy)), self.SPARE_SECTORS * 512)
        # a copy of main
        self.world.disk("sdy", self.MAIN_SECTORS)
        shutil.copyfile(self.world.path("sda"), self.world.path("sdy"))
        self.check(["stop", "--all", "--refresh"], 0)
        self.assertEqual(self.world.log("write"), [])

    def test_refresh_of_all_that_fails(self):
        self.change_slot(b"new label")
        self.stop_behind_the_back()
        self.world.change_disk(self.main, unwritable=[[0, 8]])
        self.check(["stop", "--all", "--refresh"], 10, "is out of date: cannot write sector 1")
        self.check(["stop", "--refresh", "r0"], 2, "--refresh is for --all")

    def test_nothing_is_written_without_change(self):
        self.check(["stop", "r0"], 0)
        self.assertEqual([line for line in self.world.log("write", "open") if "sda write" in line
                          or "write sda" in line], [])

    def test_content_that_does_not_compress_any_more(self):
        self.change_slot(os.urandom(4096), offset=0)
        self.check(["stop", "r0"], 10, "the copy of block 0 in the shield is out of date")
        self.assertEqual(self.world.devices(), [])
        self.check(["assemble", "r0"], 0)
        self.check(["dissolve", "r0", "--yes"], 0)

    def test_main_that_can_not_be_written(self):
        self.change_slot(b"new label")
        self.world.change_disk(self.main, unwritable=[[0, 8]])
        self.check(["stop", "r0"], 10, "is out of date: cannot write sector 1")
        self.assertEqual(self.world.devices(), [])
