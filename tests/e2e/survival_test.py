"""Nothing is ever lost: the real binary killed, stopped, without space and without descriptors."""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor

from harness import ServiceFolder, build, patience, program


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
        self.assertGreater(commits, 20)
        moments = [f"{when} {number}" for number in range(1, commits + 1) for when in ("before", "after")]
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(self.killed, moments))
        print(f"{len(moments)} kills at {commits} commits", file=sys.stderr)

    def killed(self, moment):
        life = KilledLife()
        life.setUp()
        try:
            shutil.copytree(self.state, life.state)
            life.key = self.key
            return life.live(moment)
        finally:
            life.doCleanups()


class KilledLife(ServiceFolder):
    """One life with one kill in it; many run side by side."""

    def live(self, moment):
        count = self.folder / "commits"
        died = threading.Event()
        self.port = 0
        self.start("--policy", "open", mortal=True, environment={"LD_PRELOAD": str(build / "tests/libkilled_at_commit.so"), "KILLED_AT": moment, "COMMITS_TO": str(count)})
        first = self.process
        if self.port == 0:   # it died before it listened
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
            self.assertEqual(self.query("SELECT count(*) FROM update_steps WHERE state IN ('sending', 'sent')"), [(0,)], moment)
            self.assertEqual(self.query("SELECT count(*) FROM updates WHERE state != 'done'"), [(0,)], moment)
            self.check_database()
        finally:
            self.stop(self.process)
            watcher.join()
        return int(count.read_text())


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main()
