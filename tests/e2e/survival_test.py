"""Nothing is ever lost: the real binary killed, stopped, without space and without descriptors."""
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import ServiceFolder, build, patience, program


def live_once(life, origin, moment):
    """From a copy of the origin's state, so that each kill meets the same start."""
    life.setUp()
    try:
        shutil.copytree(origin.state, life.state)
        life.key = origin.key
        return life.live(moment)
    finally:
        life.doCleanups()


class Killed(ServiceFolder):
    def setUp(self):
        super().setUp()
        self.stock()

    def all_current(self, count):
        return self.query("SELECT state FROM devices") == [("current",)] * count

    def test_again_and_again_while_ten_devices_update(self):
        """At seeded random moments: every device converges, the database stays whole."""
        self.start("--policy", "open")
        fleet = self.launch(10)
        moments = random.Random(1)
        kills = 0
        while fleet.poll() is None and kills < 8:
            try:
                fleet.wait(timeout=moments.uniform(0.1, 0.8))
                break
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                kills += 1
                self.check_database()
                self.start("--policy", "open", port=self.port)
        images, _ = self.result(fleet)
        self.assertGreater(kills, 3)
        for received in images:
            # Two modules, and for each kill at most one of them again.
            self.assertLessEqual(received, 2 + kills)
        self.wait_for(lambda: self.all_current(10))

    def test_at_every_single_commit_of_an_update_of_three_devices(self):
        """Right before each commit and right behind it, one after the other, each from the same start."""
        commits = self.killed("never")
        # A device alone makes eleven; three make up to thirty, as those who write at the same moment share one, and progress waits for others.
        self.assertGreater(commits, 8)
        moments = [f"{when} {number}" for number in range(1, commits + 1) for when in ("before", "after")]
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(self.killed, moments))
        print(f"{len(moments)} kills at {commits} commits", file=sys.stderr)

    def killed(self, moment):
        return live_once(KilledLife(), self, moment)


class KilledOverUdp(ServiceFolder):
    size = 600_000

    def test_sessions_and_what_was_received_outlive_the_service(self):
        """Killed in the middle of transfers, again and again: nobody makes a new handshake, and little is sent twice."""
        self.stock_for_udp(self.size)
        self.start("--policy", "open")
        fleet = self.launch_udp(6, speed=300)
        kills = 0
        while fleet.poll() is None and kills < 6:
            sending = "SELECT 1 FROM update_steps WHERE state = 'sending' AND bytes_acknowledged > 50000 AND bytes_acknowledged < bytes_total"
            self.wait_for(lambda: fleet.poll() is not None or self.query(sending))
            if fleet.poll() is not None:
                break
            self.process.kill()
            self.process.wait()
            kills += 1
            self.check_database()
            self.start("--policy", "open", port=self.port)
        received = self.result_udp(fleet)
        self.assertGreater(kills, 1)
        self.assertEqual(len(received), 6)
        # What was under way at each kill, and no more, may come twice; unless it died between a device's verdict and its
        # acknowledgement, behind which a device gives up what it received.
        self.assertLessEqual(sum(bytes > 1.15 * self.size for bytes in received), 2)
        self.wait_for(lambda: self.query("SELECT state FROM devices") == [("current",)] * 6)
        print(f"{kills} kills, {sum(received) / (6 * self.size):.3f} of the files received", file=sys.stderr)
        self.assertEqual(self.query("SELECT count(*) FROM dtls_sessions"), [(6,)])


class KilledInARollout(ServiceFolder):
    def test_at_commits_of_a_rollout_of_ten_devices(self):
        """Right before and right behind commits, from the same start: it goes on, no wave twice, no device skipped."""
        every = int(os.environ.get("ROLLOUT_COMMITS", "25"))
        self.stock()
        for name in ("application", "next-application"):
            self.assertEqual(self.run_drydock("firmware", "add", self.folder / f"modules/{name}.bin").returncode, 0)
        self.assertEqual(self.run_drydock("releases", "create", "seven", "next-application.bin").returncode, 0)
        commits = self.killed("never")
        self.assertGreater(commits, 30)
        moments = [f"{when} {number}" for number in range(1, commits + 1, every) for when in ("before", "after")]
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(self.killed, moments))
        print(f"{len(moments)} kills, at every {every}th of {commits} commits", file=sys.stderr)

    def killed(self, moment):
        return live_once(RolloutLife(), self, moment)


class RolloutLife(ServiceFolder):
    """One rollout with one kill in it; many run side by side."""

    devices = 10

    def revive(self):
        if self.process.poll() is not None:
            self.check_database()
            self.start("--policy", "open", port=self.port)

    def until(self, sql, expected):
        deadline = time.monotonic() + 2 * patience
        while True:
            self.revive()
            found = self.query(sql)
            if found == expected:
                return
            self.assertLess(time.monotonic(), deadline, f"{sql}: {found}\n{self.log.read_text()[-3000:]}")
            time.sleep(0.05)

    def live(self, moment):
        count = self.folder / "commits"
        self.port = 0
        environment = {
            "LD_PRELOAD": str(build / "tests/libkilled_at_commit.so"),
            "KILLED_AT": moment,
            "COMMITS_TO": str(count),
        }
        environment["ASAN_OPTIONS"] = "verify_asan_link_order=0"
        self.start("--policy", "open", mortal=True, environment=environment)
        if self.port == 0:  # it died before it listened
            self.start("--policy", "open")
        fleet = self.follow(
            [build / "tests/virtual_fleet", "--port", str(self.port), "--key", self.key, "--count", str(self.devices)]
            + ["--first", "1", "--current", "--peace", "600000", "--patience", str(patience), "--chunk", "1"]
        )
        self.addCleanup(fleet.kill)
        self.until("SELECT count(*) FROM devices WHERE state = 'current'", [(self.devices,)])
        begun = self.run_drydock("rollouts", "start", "seven", "--all", "--waves", "1, 4, all", "--soak", "0")
        self.assertEqual(begun.returncode, 0, begun.stderr)
        self.until("SELECT stage FROM rollouts", [("done",)])
        self.assertEqual(self.query("SELECT DISTINCT stage FROM rollout_devices"), [("healthy",)])
        self.assertEqual(
            self.query("SELECT wave, count(*) FROM rollout_devices GROUP BY wave ORDER BY wave"),
            [(0, 1), (1, 3), (2, 6)],
        )
        # Each began once, was sent the release once, or once more behind the kill, and has it.
        once = "SELECT count(*) FROM history WHERE words LIKE '%: begun' GROUP BY device_id"
        self.assertEqual(self.query(once), [(1,)] * self.devices)
        sent = self.query("SELECT count(*) FROM update_steps WHERE state = 'verified' GROUP BY device_id")
        self.assertEqual(sent, [(1,)] * self.devices)
        self.assertEqual(
            self.query("SELECT version, count(*) FROM device_modules WHERE function = 5 GROUP BY version"),
            [(7, self.devices)],
        )
        self.stop(self.process)
        return int(count.read_text()) if moment == "never" else None


class KilledLife(ServiceFolder):
    """One life with one kill in it; many run side by side."""

    def live(self, moment):
        count = self.folder / "commits"
        died = threading.Event()
        self.port = 0
        self.start(
            "--policy",
            "open",
            mortal=True,
            environment={
                "LD_PRELOAD": str(build / "tests/libkilled_at_commit.so"),
                "ASAN_OPTIONS": "verify_asan_link_order=0",
                "KILLED_AT": moment,
                "COMMITS_TO": str(count),
            },
        )
        first = self.process
        if self.port == 0:  # it died before it listened
            self.start("--policy", "open")
        fleet = self.launch(3)

        def watch():
            if first.wait() == -signal.SIGKILL:
                died.set()

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            if moment != "never":
                while fleet.poll() is None and not died.wait(0.02):
                    pass
            if died.is_set() and self.process is first:
                self.check_database()
                self.start("--policy", "open", port=self.port)
            images, _ = self.result(fleet)
            self.assertLessEqual(sum(images), 6 + int(died.is_set()), moment)
            self.wait_for(lambda: self.query("SELECT state FROM devices") == [("current",)] * 3)
            self.assertEqual(
                self.query("SELECT count(*) FROM update_steps WHERE state IN ('sending', 'sent')"), [(0,)], moment
            )
            self.assertEqual(self.query("SELECT count(*) FROM updates WHERE state != 'done'"), [(0,)], moment)
            self.check_database()
        finally:
            self.stop(self.process)
            watcher.join()
        return int(count.read_text())


class Stopped(ServiceFolder):
    """SIGTERM in the middle of a transfer (one device, 250 kB, chunk by chunk)."""

    def setUp(self):
        super().setUp()
        self.stock(100_000)

    def in_the_middle(self, *more, chunk):
        self.start("--policy", "open", *more)
        # The second device is the one that takes no fast transfers.
        fleet = self.launch(2, chunk=chunk)
        self.wait_for(lambda: self.query("SELECT count(*) FROM update_steps WHERE state = 'sending'") == [(2,)])
        self.process.terminate()
        return fleet

    def test_a_running_transfer_comes_to_its_end_and_nothing_else_begins(self):
        fleet = self.in_the_middle(chunk=10)
        self.assertEqual(self.process.wait(timeout=patience), 0)
        self.assertIn("may take up to 30 s to finish", self.log.read_text())
        self.assertEqual(self.query("SELECT DISTINCT state FROM update_steps ORDER BY 1"), [("planned",), ("sent",)])
        self.assertEqual(
            self.query("SELECT bytes_acknowledged = bytes_total FROM update_steps WHERE state = 'sent'"), [(1,), (1,)]
        )
        self.start("--policy", "open", port=self.port)
        images, _ = self.result(fleet)
        self.assertEqual(images, [2, 2])

    def test_a_transfer_that_takes_too_long_begins_again_without_being_held_against_the_device(self):
        config = self.folder / "drydock.toml"
        config.write_text("[updates]\nstop_seconds = 0\n")
        self.program_options = ("--config", config)
        fleet = self.in_the_middle(chunk=10)
        self.assertEqual(self.process.wait(timeout=patience), 0)
        self.assertIn("did not finish in time and will begin again", self.log.read_text())
        self.start("--policy", "open", port=self.port)
        self.result(fleet)
        self.assertEqual(self.query("SELECT max(count) FROM attempts"), [(None,)])

    def test_a_signal_while_it_starts_ends_it(self):
        serve = [program, "--state", self.state, "serve", "--address", "127.0.0.1", "--port", "0", "--udp-port", "0"]
        for _ in range(3):
            # The page's line comes first: the database is still being read then.
            process = subprocess.Popen([*serve, "--web-port", "0"], stderr=subprocess.PIPE, text=True)
            self.addCleanup(self.stop, process)
            while "the page is at" not in process.stderr.readline():
                self.assertIsNone(process.poll())
            process.terminate()
            self.assertEqual(process.wait(patience), 0)
            process.stderr.close()

    def test_a_second_signal_waits_for_nothing(self):
        self.in_the_middle(chunk=100)
        self.wait_for(lambda: "may take up to 30 s" in self.log.read_text())
        self.process.terminate()
        self.assertEqual(self.process.wait(timeout=patience), 0)
        self.assertIn("did not finish in time", self.log.read_text())


class ShortOfSomething(ServiceFolder):
    def on_a_small_disk(self, kilobytes, options=""):
        """Words that run a program in a mount namespace where the state folder is a file system of its own."""
        self.state.mkdir(exist_ok=True)
        mount = f'mount -t tmpfs -o size={kilobytes}k none {self.state} && cp -a {self.state}.before/. {self.state} && exec "$@"'
        return [
            "unshare",
            "--mount" if os.geteuid() == 0 else "-rm",
            "sh",
            "-ec",
            mount.replace("&& exec", f"{options} && exec"),
            "sh",
        ]

    def prepared(self):
        self.stock()
        self.state.rename(str(self.state) + ".before")

    def inside(self, path):
        """A path as the service sees it."""
        return f"/proc/{self.process.pid}/root{path}"

    def test_a_disk_that_is_full_at_the_start(self):
        self.prepared()
        fill = f"&& (cat /dev/zero > {self.state}/filling 2>/dev/null || true)"
        answer = self.run_drydock(
            "serve", "--no-web", "--port", 0, "--udp-port", 0, wrapper=self.on_a_small_disk(200, fill)
        )
        self.assertEqual(answer.returncode, 1)
        self.assertIn("no space is left", answer.stderr)

    def test_a_disk_that_fills_up_and_gets_space_again(self):
        self.prepared()
        self.start("--policy", "open", wrapper=self.on_a_small_disk(300))
        filling = self.inside(self.state / "filling")
        try:
            with open(filling, "wb", buffering=0) as f:
                while True:
                    f.write(bytes(4096))
        except OSError:
            pass
        fleet = self.launch(2)
        self.wait_for(lambda: "the database could not be written: database or disk is full" in self.log.read_text())
        self.assertIsNone(fleet.poll())
        os.remove(filling)
        images, _ = self.result(fleet)
        self.assertEqual(images, [2, 2])

    def test_a_state_folder_that_is_read_only(self):
        self.prepared()
        answer = self.run_drydock(
            "serve",
            "--no-web",
            "--port",
            0,
            "--udp-port",
            0,
            wrapper=self.on_a_small_disk(2000, f"&& mount -o remount,ro {self.state}"),
        )
        self.assertEqual(answer.returncode, 1)
        self.assertIn("the state folder", answer.stderr)
        self.assertIn("Read-only file system", answer.stderr)

    def test_a_database_damaged_in_the_middle_is_named_and_left_as_it_is(self):
        self.stock()
        database = self.state / "drydock.db"
        content = bytearray(database.read_bytes())
        content[1024:] = os.urandom(len(content) - 1024)
        database.write_bytes(content)
        answer = self.run_drydock("serve", "--no-web", "--port", 0, "--udp-port", 0)
        self.assertEqual(answer.returncode, 1)
        self.assertIn("is damaged", answer.stderr)
        self.assertIn("It was left as it is", answer.stderr)
        self.assertEqual(database.read_bytes(), bytes(content))

    def test_descriptors_that_run_out_come_back(self):
        self.stock()
        self.start("--policy", "open", wrapper=["prlimit", "--nofile=40:40"])
        idle = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(60)]
        self.wait_for(lambda: "a connection could not be accepted: Too many open files" in self.log.read_text())
        spent = cpu_seconds(self.process.pid)
        time.sleep(1)
        self.assertLess(cpu_seconds(self.process.pid) - spent, 0.5)  # it does not spin
        fleet = self.launch(2)
        for s in idle:
            s.close()
        self.assertEqual(self.result(fleet)[0], [2, 2])

    def test_one_module_costs_the_card_little_more_than_itself(self):
        """Bytes written for the updates of two devices by two modules each; the files themselves were there before."""
        self.stock(250_000)
        self.start("--policy", "open")
        before = bytes_written(self.process.pid)
        self.result(self.launch(2, chunk=1))
        self.wait_for(lambda: self.query("SELECT state FROM devices") == [("current",)] * 2)
        each = (bytes_written(self.process.pid) - before) / 4
        print(f"{each:.0f} bytes written for each module", file=sys.stderr)
        self.assertLessEqual(each, 64 * 1024)


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bytes_written(pid):
    return int(re.search(r"^write_bytes: (\d+)", Path(f"/proc/{pid}/io").read_text(), re.M).group(1))


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main()
