# SPDX-License-Identifier: GPL-2.0-only
"""What is asked before something is destroyed, on and off a terminal."""

from harness import WorldCase


class Prompts(WorldCase):
    def ask(self, args, answer):
        """Run on a terminal and answer the question; returns (status, output)."""
        terminal = self.terminal(*args)
        terminal.read_until("Type its name to go on: ")
        terminal.send(answer)
        return terminal.end(), terminal.output

    def declined(self, args, answer, *texts, status=3):
        before = self.world.state()
        code, output = self.ask(args, answer)
        self.assertEqual(code, status, output)
        for text in texts:
            self.assertIn(text, output)
        self.assertEqual(self.world.state(), before)

    def wipe_args(self):
        self.create_and_stop()
        return ["wipe", self.spare_disk]

    def test_create_asks_for_the_spare(self):
        code, output = self.ask(self.create_args(), "dev/sdb\n")
        self.assertEqual(code, 0, output)
        self.assertIn("this destroys the content of dev/sdb. Type its name to go on: ", output)
        self.assertEqual(self.world.devices(), ["r0"])

    def test_short_name_will_do(self):
        self.assertEqual(self.ask(self.create_args(), " sdb \n")[0], 0)
        self.assertEqual(self.world.devices(), ["r0"])

    def test_wrong_name(self):
        for answer in "sda\n", "yes\n", "y\n", "\n", "dev/sdbb\n", "SDB\n":
            with self.subTest(answer):
                self.declined(self.create_args(), answer, "not confirmed, nothing was changed")

    def test_end_of_input(self):
        self.declined(self.create_args(), "\x04", "not confirmed, nothing was changed")

    def test_interrupt(self):
        self.declined(self.create_args(), "\x03", status=130)

    def test_hang_up_half_way_through_the_name(self):
        # without the end of the line, and then the end of input
        self.declined(self.create_args(), "sd\x04\x04", "not confirmed, nothing was changed")

    def test_wipe_asks(self):
        args = self.wipe_args()
        self.declined(args, "no\n", "not confirmed, nothing was changed")
        code, output = self.ask(args, "sdb\n")
        self.assertEqual(code, 0, output)
        self.assertIn("this makes dev/sdb no longer part of a set. Type", output)
        self.check(["assemble"], 4)

    def test_yes_asks_nothing(self):
        terminal = self.terminal(*self.create_args(), "--yes")
        self.assertEqual(terminal.end(), 0)
        self.assertNotIn("Type its name", terminal.output)
        self.assertEqual(self.world.devices(), ["r0"])

    def test_dry_run_asks_nothing(self):
        terminal = self.terminal(*self.create_args(), "--dry-run")
        self.assertEqual(terminal.end(), 0)
        self.assertNotIn("Type its name", terminal.output)
        self.assertEqual(self.world.devices(), [])

    def test_force_is_no_answer(self):
        self.declined([*self.create_args(), "--force"], "\n", "not confirmed")

    def test_yes_overrides_no_check(self):
        self.world.change_disk(self.spare_disk, signatures=[
            {"type": "ext4", "usage": "filesystem", "label": ""}])
        self.refused([*self.create_args(), "--yes"], 3, "use --force")

    def test_no_terminal(self):
        text = "not confirmed: this destroys the content of dev/sdb; nobody can be asked here; " \
               "give --yes"
        self.refused(self.create_args(), 3, text)
        before = self.world.state()
        # an answer in a pipe is no answer
        self.check(self.create_args(), 3, text, stdin="dev/sdb\n")
        self.assertEqual(self.world.state(), before)

    def test_wipe_without_a_terminal(self):
        self.refused(self.wipe_args(), 3, "not confirmed: this makes dev/sdb no longer part of a "
                     "set", "give --yes")

    def test_json_asks_nothing(self):
        terminal = self.terminal("--json", *self.create_args())
        self.assertEqual(terminal.end(), 3)
        self.assertIn("nobody can be asked here; give --yes", terminal.output)
        self.assertEqual(self.world.devices(), [])

    def test_json_with_yes(self):
        document = self.json([*self.create_args(), "--yes"], 0)
        self.assertEqual(document["set"]["name"], "r0")

    def test_quiet_still_asks(self):
        code, output = self.ask(["-q", *self.create_args()], "sdb\n")
        self.assertEqual(code, 0)
        self.assertNotIn("Created", output)
