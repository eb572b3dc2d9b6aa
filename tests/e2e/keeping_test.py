"""What an appliance is kept with: backups, check, the service manager, and documents that say what the program does."""
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import unittest
import unittest.mock
from pathlib import Path

from harness import Folder, ServiceFolder, killed_at_rename, patience, program

root = Path(__file__).resolve().parent.parent.parent


class Backup(ServiceFolder):
    def test_one_taken_in_the_middle_of_twenty_updates_finishes_them_elsewhere(self):
        self.stock(60_000)
        config = self.folder / "drydock.toml"
        config.write_text("[updates]\nconcurrent = 20\n")
        self.program_options = ("--config", config)
        self.start("--policy", "open")
        fleet = self.launch(20, chunk=20)
        self.wait_for(lambda: self.query("SELECT count(*) FROM update_steps WHERE state = 'sending'")[0][0] >= 20)
        backup = self.folder / "backup"
        taken = self.run_drydock("backup", backup)
        self.assertEqual(taken.returncode, 0, taken.stderr)
        self.assertIn("20 devices, 2 module files", taken.stdout)
        self.assertEqual(backup.stat().st_mode & 0o777, 0o600)
        self.process.kill()
        self.process.wait()

        self.state = self.folder / "another machine"
        restored = self.run_drydock("restore", backup)
        self.assertEqual(restored.returncode, 0, restored.stderr)
        self.start("--policy", "closed", port=self.port)  # they are known and approved
        self.result(fleet)
        self.wait_for(lambda: self.query("SELECT state FROM devices") == [("current",)] * 20)
        self.assertEqual(self.query("SELECT count(*) FROM attempts"), [(0,)])
        self.check_database()

    def test_refusals(self):
        self.stock()
        backup = self.folder / "backup"
        self.assertEqual(self.run_drydock("backup", backup).returncode, 0)
        again = self.run_drydock("backup", backup)
        self.assertEqual(again.returncode, 1)
        self.assertIn("never overwritten", again.stderr)
        self.assertIn("--replace", self.run_drydock("restore", backup).stderr)
        self.start()
        self.assertIn("stop it first", self.run_drydock("restore", backup, "--replace").stderr)
        self.stop(self.process)

        self.state = self.folder / "new"
        cut = self.folder / "cut"
        cut.write_bytes(backup.read_bytes()[:40_000])
        noise = self.folder / "noise"
        noise.write_bytes(b"x" * 10_000)
        newer, strange, damaged = (self.folder / name for name in ("newer", "strange", "damaged"))
        for file, sql in (
            (newer, "PRAGMA user_version = 9999"),
            (strange, "INSERT INTO backup_files VALUES ('../evil', x'00')"),
            (damaged, "UPDATE backup_files SET content = zeroblob(10) WHERE name LIKE 'firmware/%'"),
        ):
            shutil.copy(backup, file)
            database = sqlite3.connect(file)
            database.execute(sql)
            database.commit()
            database.close()
        for file, words in (
            (cut, "cut"),
            (noise, "not a database"),
            (newer, "newer Drydock"),
            (strange, "something strange"),
            (damaged, "damaged"),
            (self.folder / "state" / "drydock.db", "not a backup"),
        ):
            answer = self.run_drydock("restore", file)
            self.assertEqual(answer.returncode, 1, file)
            self.assertIn(words, answer.stderr)
            self.assertEqual([f.name for f in self.state.iterdir() if f.is_file() and f.name != "lock"], [], file)

    def test_what_was_there_is_moved_aside(self):
        self.stock()
        backup = self.folder / "backup"
        key = self.run_drydock("keys", "show").stdout
        self.assertEqual(self.run_drydock("backup", backup).returncode, 0)
        shutil.rmtree(self.state)
        self.assertEqual(self.run_drydock("keys", "create").returncode, 0)
        other = (self.state / "server_key.pem").read_bytes()
        restored = self.run_drydock("restore", backup, "--replace")
        self.assertEqual(restored.returncode, 0, restored.stderr)
        self.assertEqual(self.run_drydock("keys", "show").stdout, key)
        aside = next(self.state.glob("replaced-*"))
        self.assertEqual((aside / "server_key.pem").read_bytes(), other)
        self.assertEqual(self.run_drydock("check").returncode, 0)


class Interrupted(Folder):
    """A restore that replaces something, killed or failing at each of its renames and syncs: what was there, or what was to come, is in force."""

    def setUp(self):
        super().setUp()
        self.assertEqual(self.run_drydock("firmware", "add", self.modules()).returncode, 0)
        self.backup = self.folder / "backup"
        self.assertEqual(self.run_drydock("backup", self.backup).returncode, 0)
        self.new_key = (self.state / "server_key.pem").read_bytes()
        shutil.rmtree(self.state)
        self.assertEqual(self.run_drydock("keys", "create").returncode, 0)
        sqlite3.connect(self.state / "drydock.db").close()
        self.assertEqual(self.run_drydock("firmware", "add", self.folder / "modules" / "part1.bin").returncode, 0)
        self.old_key = (self.state / "server_key.pem").read_bytes()
        self.before = self.folder / "before"
        shutil.copytree(self.state, self.before)

    def restore(self, when):
        shutil.rmtree(self.state)
        shutil.copytree(self.before, self.state)
        count = self.folder / "count"
        run = subprocess.run(
            [program, "--state", self.state, "restore", self.backup, "--replace"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=killed_at_rename(when, count),
            timeout=patience,
        )
        return run, int(count.read_text())

    def in_force(self):
        """Which of the two states is whole: 'old' or 'new'."""
        keys, firmware = (self.state / "server_key.pem").read_bytes(), len(
            list((self.state / "firmware").glob("*.bin"))
        )
        listed = len(json.loads(self.run_drydock("firmware", "list", "--json").stdout))
        for name, key, count in (("old", self.old_key, 1), ("new", self.new_key, self.modules_in_backup)):
            if keys == key:
                self.assertEqual((firmware, listed), (count, count), name)
                return name
        self.fail("a third key")

    def test_killed_at_every_rename_and_sync(self):
        done, operations = self.restore("never")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.modules_in_backup = len(list((self.state / "firmware").glob("*.bin")))
        self.assertGreater(self.modules_in_backup, 1)
        outcomes = []
        for n in range(1, operations + 1):
            for when in ("before", "after"):
                killed, _ = self.restore(f"{when} {n}")
                self.assertEqual(killed.returncode, -9, (when, n))
                unfinished = "must be finished first" in self.run_drydock("status").stderr
                if unfinished:
                    for command in (
                        ("check",),
                        ("serve", "--port", 0, "--udp-port", 0, "--no-web"),
                        ("firmware", "list"),
                        ("keys", "show"),
                        ("restore", self.backup, "--replace"),
                    ):
                        refused = self.run_drydock(*command)
                        self.assertEqual(refused.returncode, 1, (command, when, n))
                        self.assertIn("drydock restore --finish", refused.stdout + refused.stderr, command)
                    (self.state / "firmware").mkdir(exist_ok=True)  # somebody tried to help
                    finished = self.run_drydock("restore", "--finish")
                    self.assertEqual(finished.returncode, 0, (when, n, finished.stderr))
                outcomes.append(self.in_force())
                if unfinished:
                    self.assertEqual(outcomes[-1], "new")
                if outcomes[-1] == "new":
                    aside = [p for p in self.state.glob("replaced-*") if (p / "server_key.pem").exists()]
                    self.assertEqual((aside[0] / "server_key.pem").read_bytes(), self.old_key)
        self.assertEqual(outcomes, sorted(outcomes, key=lambda name: name == "new"))  # once decided, decided
        self.assertIn("old", outcomes)
        self.assertIn("new", outcomes)

    def test_failing_at_every_rename_and_sync(self):
        done, operations = self.restore("never")
        self.modules_in_backup = len(list((self.state / "firmware").glob("*.bin")))
        for n in range(1, operations + 1):
            failed, _ = self.restore(f"fail {n}")
            if failed.returncode != 0:
                self.assertRegex(failed.stderr, "No space left on device|Nothing was changed", n)
                self.assertEqual(self.in_force(), "old", n)
            else:
                self.assertEqual(self.in_force(), "new", n)  # a sync of a folder that failed

    def test_no_key_is_made_beside_a_lost_one(self):
        (self.state / "server_key.pem").unlink()
        for command in (
            ("serve", "--port", 0, "--udp-port", 0, "--no-web"),
            ("keys", "export", "--host", "127.0.0.1", "-o", self.folder / "key.der"),
        ):
            refused = self.run_drydock(*command)
            self.assertEqual(refused.returncode, 1, command)
            self.assertIn("is missing, and", refused.stderr)
            self.assertIn("Restore it from a backup", refused.stderr)
        self.assertFalse((self.state / "server_key.pem").exists())
        self.assertIn("PROBLEM  key for TCP", self.run_drydock("check").stdout)
        refused = self.run_drydock("backup", self.folder / "without a key")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("server_key.pem is missing", refused.stderr)
        keyless = self.folder / "keyless"
        shutil.copy(self.backup, keyless)
        database = sqlite3.connect(keyless)
        database.execute("DELETE FROM backup_files WHERE name = 'server_key.pem'")
        database.commit()
        database.close()
        self.assertIn("does not hold server_key.pem", self.run_drydock("restore", keyless, "--replace").stderr)

    @unittest.skipUnless(os.geteuid() == 0, "only root can be led astray")
    def test_root_follows_no_link_in_somebody_elses_folder(self):
        for path in (self.state, *self.state.rglob("*")):
            os.chown(path, 65534, 65534)
        self.folder.chmod(0o755)
        secret = self.folder / "secret"
        secret.write_text("for root alone")
        secret.chmod(0o600)
        (self.state / "server_key.pem").unlink()
        (self.state / "server_key.pem").symlink_to(secret)
        taken = self.run_drydock("backup", self.folder / "led astray")
        self.assertEqual(taken.returncode, 1)
        self.assertFalse((self.folder / "led astray").exists())
        self.assertEqual((self.state / "drydock.db").stat().st_mode & 0o777, 0o600)


class Check(Folder):
    def test_everything_that_is_wrong_is_said_with_what_to_do(self):
        self.assertEqual(self.run_drydock("firmware", "add", self.modules()).returncode, 0)
        config = self.folder / "drydock.toml"
        taken = socket.socket()
        self.addCleanup(taken.close)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config.write_text(
            f'[listen]\naddress = "127.0.0.1"\ntcp_port = {taken.getsockname()[1]}\nudp_port = 0\n[web]\nport = 0\n'
        )
        answer = self.run_drydock("-c", config, "check")
        self.assertEqual(answer.returncode, 1)
        self.assertIn("PROBLEM  TCP devices", answer.stdout)
        self.assertIn("choose another port with listen.tcp_port", answer.stdout)
        self.assertIn("\n1 problem.", answer.stdout)

        (self.state / "server_key.pem").chmod(0o644)
        (self.state / "server_key_udp.pem").write_text("what?")
        next((self.state / "firmware").iterdir()).write_bytes(b"damaged")
        self.state.chmod(0o755)
        answer = self.run_drydock("-c", config, "check").stdout
        for words in (
            "sudo chmod 700",
            "sudo chmod 600",
            "restore it from a backup",
            "'drydock firmware add'",
            "\n5 problems.",
        ):
            self.assertIn(words, answer)


class Manager(ServiceFolder):
    def test_systemd_is_told_of_readiness_life_and_stopping(self):
        path = str(self.folder / "notify")
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(path)
        manager.settimeout(patience)
        self.start(environment={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "300000"})
        self.assertEqual([manager.recv(100) for _ in range(4)], [b"READY=1"] + [b"WATCHDOG=1"] * 3)
        self.process.terminate()
        while (said := manager.recv(100)) == b"WATCHDOG=1":
            pass
        self.assertEqual(said, b"STOPPING=1")
        self.assertEqual(self.process.wait(timeout=patience), 0)

    @unittest.skipUnless(os.geteuid() == 0, "only root can act as somebody else")
    # Who changes its user cannot be searched for leaks, where the program was built for that.
    @unittest.mock.patch.dict(os.environ, {"ASAN_OPTIONS": "detect_leaks=0"})
    def test_under_sudo_everything_in_the_state_folder_stays_its_owners(self):
        self.state.mkdir(mode=0o700)
        os.chown(self.state, 65534, 65534)
        self.folder.chmod(0o755)
        modules = self.modules()
        modules.chmod(0o700)  # a home folder: its owner may read it, the state folder's may not
        self.assertEqual(self.run_drydock("keys", "create").returncode, 0)
        self.assertEqual(self.run_drydock("firmware", "add", modules).returncode, 0)
        self.assertEqual(self.run_drydock("backup", self.folder / "backup").returncode, 0)
        private = self.folder / "private"
        private.mkdir(mode=0o700)
        self.assertEqual(
            self.run_drydock("keys", "export", "--host", "127.0.0.1", "-o", private / "key.der").returncode, 0
        )
        self.assertEqual(self.run_drydock("status").returncode, 0)
        self.assertEqual({p.stat().st_uid for p in self.state.rglob("*")}, {65534})
        self.assertEqual((self.folder / "backup").stat().st_uid, 0)
        self.start()
        self.assertIn("Uid:\t65534\t65534\t65534\t65534", Path(f"/proc/{self.process.pid}/status").read_text())


class Documents(Folder):
    def help_of(self, *command):
        return self.run_drydock(*command, "--help", state=False).stdout

    def commands(self, *under):
        listed = self.help_of(*under).split("Subcommands:\n")
        names = re.findall(r"^  ([a-z-]+)", listed[1], re.M) if len(listed) > 1 else []
        for name in names:
            yield (*under, name)
            yield from self.commands(*under, name)

    def test_manual_and_completion_know_every_command_and_option(self):
        manual = (root / "packaging/man/drydock.1").read_text().replace("\\-", "-")
        completion = (root / "packaging/completion/drydock").read_text()
        commands = list(self.commands())
        self.assertGreater(len(commands), 20)
        for command in commands:
            self.assertRegex(manual, r"\b" + " ".join(command) + r"\b")
            self.assertRegex(completion, r"\b" + command[-1] + r"\b")
            for option in re.findall(r"(--[a-z-]+)", self.help_of(*command)):
                self.assertIn(option, manual, command)
                self.assertIn(option, completion, command)

    def test_the_configuration_file_is_what_the_program_prints_and_the_manual_explains_it(self):
        printed = self.run_drydock("config", "default").stdout
        self.assertEqual((root / "packaging/drydock.toml").read_text(), printed)
        manual = (root / "packaging/man/drydock.toml.5").read_text()
        options = re.findall(r"^#(\w+) =", printed, re.M)
        self.assertGreater(len(options), 12)
        for option in options:
            self.assertRegex(manual, rf"\n\.(BR|B) {option}\b")

    def test_the_unit_leaves_little_exposed(self):
        unit = self.folder / "drydock.service"
        shutil.copy(root / "packaging/debian/drydock.service", unit)
        seen = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", seen.stdout)
        self.assertIsNotNone(exposure, seen.stdout[-2000:])
        print(f"exposure {exposure.group(1)}", file=sys.stderr)
        self.assertLessEqual(float(exposure.group(1)), 1.2)

    def test_the_version_says_what_is_running(self):
        self.assertRegex(
            self.run_drydock("--version", state=False).stdout,
            r"drydock [\d.]+\nbuild [0-9a-f]{40}\nwith wolfSSL [\d.]+, SQLite [\d.]+, CivetWeb [\d.]+, zlib [\d.]+, fmt [\d.]+\n",
        )


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main()
