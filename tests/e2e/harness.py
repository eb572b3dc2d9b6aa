"""What tests of the real binary share: a folder of their own, the program, a service on loopback, a fleet of virtual devices."""
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from ports import free_port

build = Path(sys.argv[1] if len(sys.argv) > 1 else "build").resolve()
program = build / "src/drydock"
maker = build / "tests/make_modules"
patience = 60


def killed_at_rename(when, count):
    """The environment in which a program ends at one of its renames and syncs: "before N", "after N", "fail N" or "never"."""
    return {
        **os.environ,
        "LD_PRELOAD": str(build / "tests/libkilled_at_rename.so"),
        "ASAN_OPTIONS": "verify_asan_link_order=0",
        "KILLED_AT": when,
        "COUNT_TO": str(count),
    }


def status(process, field):
    """A number of what the kernel says of a process, or of a thread ("PID/task/TID"); memory is in KiB."""
    return int(re.search(rf"^{field}:\s+(\d+)", Path(f"/proc/{process}/status").read_text(), re.M).group(1))


class Folder(unittest.TestCase):
    program_options = ()

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="drydock-e2e-"))
        self.state = self.folder / "state"
        self.addCleanup(shutil.rmtree, self.folder, True)

    def run_drydock(self, *args, state=True, wrapper=()):
        where = ["--state", str(self.state)] if state else []
        environment = {k: v for k, v in os.environ.items() if not k.startswith("DRYDOCK_")}
        return subprocess.run(
            [*wrapper, program, *(self.program_options if state else ()), *where, *map(str, args)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=patience,
            env=environment,
        )

    def modules(self, *size):
        subprocess.run([maker, self.folder / "modules", *map(str, size)], check=True)
        return self.folder / "modules"


class ServiceFolder(Folder):
    """Nothing runs until start()."""

    def setUp(self):
        super().setUp()
        self.log = self.folder / "log"
        self.process = None
        self.page = ("--no-web",)
        self.udp_port = 0

    def start(self, *more, port=0, environment=None, wrapper=(), mortal=False):
        with open(self.log, "a") as log:
            begin = log.tell()
            self.process = subprocess.Popen(
                [
                    *wrapper,
                    program,
                    *self.program_options,
                    "--state",
                    str(self.state),
                    "serve",
                    "--address",
                    "127.0.0.1",
                    "--port",
                    str(port or free_port()),
                    "--udp-port",
                    str(self.udp_port or free_port(socket.SOCK_DGRAM)),
                    *self.page,
                    *more,
                ],
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
            )
        self.addCleanup(self.stop, self.process)
        listening = lambda: re.search(r"listens on 127.0.0.1 port (\d+)", self.log.read_text()[begin:])
        found = self.wait_for(lambda: listening() or (mortal and self.process.poll() is not None))
        if found is not True:
            self.port = int(found.group(1))
            self.udp_port = int(re.search(r"UDP port (\d+)", self.log.read_text()[begin:]).group(1))

    def stock(self, size=None):
        """Two modules that a stuck Photon of the virtual fleet needs, and the server's key in a file."""
        modules = self.modules(*([size] if size else []))
        self.assertEqual(
            self.run_drydock("firmware", "add", modules / "part1.bin", modules / "part2.bin").returncode, 0
        )
        self.key = self.state.with_suffix(".der")
        self.assertEqual(self.run_drydock("keys", "export", "--host", "127.0.0.1", "-o", self.key).returncode, 0)

    def launch(self, count, **options):
        words = [
            w
            for name, value in options.items()
            for w in (["--" + name] if value is True else ["--" + name, str(value)])
        ]
        return self.follow(
            [
                build / "tests/virtual_fleet",
                "--port",
                str(self.port),
                "--key",
                self.key,
                "--count",
                str(count),
                "--patience",
                str(patience),
                *words,
            ]
        )

    def follow(self, command):
        fleet = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.addCleanup(fleet.stdout.close)
        self.addCleanup(fleet.wait)
        self.addCleanup(fleet.kill)
        return fleet

    def stock_for_udp(self, size):
        """The system part that the virtual Borons need, and the server's key for such devices in a file."""
        self.assertEqual(self.run_drydock("firmware", "add", self.modules(size) / "boron-part1.bin").returncode, 0)
        self.key = self.state.with_suffix(".der")
        self.assertEqual(
            self.run_drydock("keys", "export", "--udp", "--host", "127.0.0.1", "-o", self.key).returncode, 0
        )

    def launch_udp(self, count, **options):
        words = [w for name, value in options.items() for w in ("--" + name, str(value))]
        return self.follow(
            [
                build / "tests/virtual_udp_fleet",
                "--port",
                str(self.udp_port),
                "--key",
                self.key,
                "--count",
                str(count),
                "--patience",
                str(patience),
                *words,
            ]
        )

    def result_udp(self, fleet):
        """The bytes of chunks that each device received."""
        out, _ = fleet.communicate(timeout=2 * patience)
        self.assertEqual(fleet.returncode, 0, self.log.read_text()[-5000:])
        return [int(line.split()[1]) for line in out.splitlines() if re.match(r"[\d.]+ \d+$", line)]

    def result(self, fleet):
        """How many images each device received, and the seconds until all ran what they should."""
        out, _ = fleet.communicate(timeout=2 * patience)
        self.assertEqual(fleet.returncode, 0, self.log.read_text()[-5000:])
        *images, seconds = out.split()
        return list(map(int, images)), float(seconds)

    def query(self, sql):
        database = sqlite3.connect(self.state / "drydock.db")
        try:
            return database.execute(sql).fetchall()
        finally:
            database.close()

    def check_database(self):
        self.assertEqual(self.query("PRAGMA integrity_check"), [("ok",)])

    def stop(self, process):
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout=patience)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                self.fail("the service did not stop")
        return process.returncode

    def wait_for(self, what):
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            found = what()
            if found:
                return found
            self.assertIsNone(self.process.poll(), self.log.read_text())
            time.sleep(0.02)
        self.fail("waited in vain; the log: " + self.log.read_text())
