"""A person at a terminal: what is mistyped, abbreviated, asked, completed, and cut off."""
import os
import pty
import sqlite3
import subprocess
import sys
import unittest
from pathlib import Path

import harness
from harness import Folder, patience

root = Path(__file__).parent.parent.parent


class Terminal(Folder):
    def add_devices(self, devices):
        """Of (id, name, state), with the service's own tables."""
        self.assertEqual(self.run_drydock("keys", "create").returncode, 0)
        self.run_drydock("resume")  # makes the database
        with sqlite3.connect(self.state / "drydock.db") as database:
            for id, name, state in devices:
                database.execute(
                    "INSERT INTO devices (id, name, approval, public_key, platform, first_seen, last_seen, state) "
                    "VALUES (?, ?, ?, x'00', 6, 1, ?, ?)",
                    (
                        f"{id:024x}",
                        name,
                        "pending" if state == "awaiting_approval" else "approved",
                        2**42,
                        state,
                    ),
                )
        database.close()

    def names(self):
        return self.run_drydock("names", "devices").stdout.split("\n")[:-1]

    def test_what_is_mistyped_is_named(self):
        for words, said in {
            ("devices", "aprove", "x"): "no command 'drydock devices aprove': did you mean 'drydock devices approve'?",
            ("devcies", "list"): "no command 'drydock devcies': did you mean 'drydock devices'?",
            ("devices", "xyzzy"): "no command 'drydock devices xyzzy'. There are: list, show, approve",
            (
                "devices",
                "list",
                "--grup",
                "a",
            ): "'drydock devices list' has no option '--grup': did you mean '--group'?",
            ("--log-level", "info", "statsu"): "no command 'drydock statsu': did you mean 'drydock status'?",
        }.items():
            answer = self.run_drydock(*words)
            self.assertEqual((answer.returncode, answer.stdout), (2, ""), words)
            self.assertIn(said, answer.stderr)

    def test_the_status_of_many_devices_is_short_and_in_words(self):
        states = ["current"] * 200 + ["parked"] * 50 + ["awaiting_approval"] * 49 + ["blocked"]
        self.add_devices([(i, f"pump {i:03}", state) for i, state in enumerate(states)])
        self.run_drydock("pause")
        answer = self.run_drydock("status").stdout
        self.assertIn("300 devices: 49 wait for approval, 1 misses a file, 200 up to date, 50 failed.", answer)
        self.assertIn("All updates are paused: 'drydock resume' goes on.", answer)
        self.assertIn("  and 45 more: 'drydock devices list --state parked'", answer)
        self.assertLess(len(answer.splitlines()), 25)
        self.run_drydock("resume")
        self.assertNotIn("are paused", self.run_drydock("status").stdout)

    def test_names_need_not_be_written_out_and_deleting_asks(self):
        self.add_devices([(1, "Greenhouse", "current"), (2, "pump", "current"), (3, "pump 2", "current")])
        self.assertIn("Greenhouse", self.run_drydock("devices", "show", "green").stdout)
        self.assertIn("pump (", self.run_drydock("devices", "show", "PUMP").stdout)
        ambiguous = self.run_drydock("devices", "show", "pu")
        self.assertEqual(ambiguous.returncode, 1)
        self.assertIn("(pump, pump 2)", ambiguous.stderr)
        # In a script a beginning could be that of another device, once the one that was meant is gone.
        self.assertEqual(self.run_drydock("devices", "forget", "--yes", "green").returncode, 1)
        self.assertEqual(self.run_drydock("devices", "hold", "green").returncode, 1)
        told = self.run_drydock("targets", "set", "--device", "greenhouse", "--latest")
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn("Greenhouse", self.run_drydock("targets", "list").stdout)
        self.assertIn("Greenhouse", self.run_drydock("targets", "show", "green").stdout)
        self.assertEqual(self.run_drydock("targets", "set", "--device", "green", "--latest").returncode, 1)
        rollout = self.run_drydock("rollouts", "start", "none", "--device", "greenhous")
        self.assertIn("greenhous", rollout.stderr)
        refused = self.run_drydock("devices", "forget", "pump", "greenhouse")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("--yes", refused.stderr)
        self.assertEqual(len(self.names()), 3)
        for answer, left in (("n", 3), ("", 3), ("y", 2)):
            ours, theirs = pty.openpty()
            os.write(ours, answer.encode() + b"\n")
            said = subprocess.run(
                [harness.program, "--state", self.state, "devices", "forget", "pump"],
                stdin=theirs,
                capture_output=True,
                text=True,
                timeout=patience,
            )
            os.close(ours)
            os.close(theirs)
            self.assertIn("Delete pump (", said.stdout)
            self.assertEqual(len(self.names()), left, said)
        self.assertEqual(self.run_drydock("devices", "forget", "--yes", "Greenhouse").returncode, 0)
        self.assertEqual(self.names(), ["pump 2"])

    def test_a_reader_that_goes_away_is_not_told_of(self):
        self.add_devices([(i, f"pump {i:04}", "current") for i in range(3000)])
        for command in (["devices", "list"], ["devices", "list", "--json"], ["names", "devices"]):
            program = subprocess.Popen(
                [harness.program, "--state", self.state, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            program.stdout.readline()
            program.stdout.close()
            self.assertEqual(program.stderr.read(), b"")
            program.stderr.close()
            self.assertIn(program.wait(patience), (0, 141))

    def test_what_of_a_folder_was_taken_and_what_not_is_said(self):
        folder = self.modules()
        (folder / "README.md").write_text("no firmware")
        (folder / "deeper").mkdir()
        (folder / "part1.bin").rename(folder / "deeper" / "part1.bin")
        (folder / "broken.bin").write_bytes(b"")
        count = len(list(folder.rglob("*.bin")))
        answer = self.run_drydock("firmware", "add", folder)
        self.assertEqual(answer.returncode, 1)
        self.assertIn(
            f"{count - 1} added, 1 refused, 1 passed over, since only .bin files are firmware: README.md.",
            answer.stdout,
        )
        (folder / "broken.bin").unlink()
        self.assertIn(f"0 added, {count - 1} there already", self.run_drydock("firmware", "add", folder).stdout)

    def test_bash_completes_names(self):
        self.add_devices([(1, "Green house", "current"), (2, "pump", "current")])
        self.run_drydock("firmware", "add", self.modules())
        self.run_drydock("devices", "group", "indoors", "pump")
        script = f"""
            _init_completion() {{ cur=${{COMP_WORDS[COMP_CWORD]}}; prev=${{COMP_WORDS[COMP_CWORD-1]}}
              words=("${{COMP_WORDS[@]}}"); cword=$COMP_CWORD; }}
            PATH={Path(harness.program).parent}:$PATH
            . {root}/packaging/completion/drydock
            COMP_WORDS=(drydock --state {self.state} "$@"); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
            _drydock; printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        complete = lambda *words: subprocess.run(
            ["bash", "-c", script, "bash", *words], capture_output=True, text=True, timeout=patience
        ).stdout.split("\n")[:-1]
        self.assertEqual(complete("devices", "show", ""), ["Green\\ house", "pump"])
        self.assertEqual(complete("devices", "approve", "pump", "Gr"), ["Green\\ house"])
        self.assertEqual(complete("devices", "list", "--group", ""), ["indoors"])
        self.assertEqual(complete("firmware", "remove", "part2"), ["part2.bin"])
        self.assertIn("pause", complete("pa"))
        self.assertEqual(complete("devices", "list", "--state", "pa"), ["parked"])
        self.assertEqual(complete("devices", "list", "--state", "parked", "--group", ""), ["indoors"])
        self.assertEqual(complete("devices", "appr"), ["approve"])


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main()
