"""What scripts and CI use: wait with its exit statuses, watch, and a release that is pushed from another machine."""
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
import unittest

from harness import patience, program
from page_test import Page


class Wait(Page):
    def wait(self, *words):
        return subprocess.Popen(
            [program, "--state", str(self.state), "wait", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ended(self, process):
        out, problem = process.communicate(timeout=patience)
        return process.returncode, out, problem

    def test_it_ends_when_the_update_does(self):
        self.stock(60_000)
        self.open()
        self.enter()
        fleet = self.launch(2, chunk=20, peace=20_000)
        self.wait_for(lambda: len(self.ask("GET", "devices")[1]["devices"]) == 2)
        self.assertEqual(self.ask("PATCH", f"devices/{0:024x}", {"name": "Boiler"})[0], 204)
        one = self.wait("--device", "Boiler", "--current", "--timeout", "10m")
        both = self.wait("--all")
        connected = self.wait("--connected", "--all", "--json")
        self.assertEqual(self.ended(connected)[0], 0)
        code, out, problem = self.ended(one)
        self.assertEqual((code, problem), (0, ""))
        self.assertTrue(out.endswith("1 device is up to date\n"), out)
        code, out, _ = self.ended(both)
        self.assertEqual((code, out.splitlines()[-1]), (0, "2 devices are up to date"))
        fleet.kill()

    def test_it_does_not_wait_for_what_does_not_come(self):
        self.stock()
        self.open()
        self.enter()
        self.updated(1)
        self.wait_for(lambda: self.query("SELECT connected FROM devices") == [(0,)])
        code, out, problem = self.ended(self.wait("--all", "--connected", "--timeout", "1s"))
        self.assertEqual(code, 124)
        self.assertIn("not in time: ", problem)
        self.assertEqual(self.ask("POST", f"devices/{0:024x}/hold")[0], 204)
        code, out, problem = self.ended(self.wait("--all", "--timeout", "10m"))
        self.assertEqual(code, 3, problem)
        self.assertEqual(self.ask("POST", f"devices/{0:024x}/release")[0], 204)
        self.assertEqual(self.ended(self.wait("--all", "--timeout", "10m"))[0], 0)
        self.assertEqual(self.ask("POST", f"devices/{0:024x}/hold")[0], 204)
        code, out, _ = self.ended(self.wait("--all", "--json", "--timeout", "10m"))
        self.assertEqual((code, json.loads(out)["outcome"]), (3, "stuck"))
        for words in (["nobody"], ["--all", "--timeout", "soon"], []):
            self.assertEqual(self.ended(self.wait(*words))[0], 1, words)

    def test_a_rollout_is_waited_for_to_its_end(self):
        self.stock()
        self.open()
        self.enter()
        fleet = self.launch(3, current=True, peace=600_000, chunk=1)
        self.run_drydock("firmware", "add", self.folder / "modules/next-application.bin")
        self.run_drydock("releases", "create", "seven", "next-application.bin")
        current = lambda: [d["state"] for d in self.ask("GET", "devices")[1]["devices"]] == ["current"] * 3
        self.wait_for(current)
        self.assertIn("no rollout 1", self.ended(self.wait("--rollout", "1"))[2])
        self.run_drydock("rollouts", "start", "seven", "--all", "--waves", "1, all", "--soak", "10")
        # One whose turn has not come has all it needs, and is not through all the same.
        last = f"{2:024x}"
        code, _, problem = self.ended(self.wait(last, "--timeout", "1s"))
        self.assertEqual(code, 124, problem)
        self.assertIn("waits for its turn in rollout 1, which is running", problem)
        self.assertEqual(self.ended(self.wait("--all", "--timeout", "1s"))[0], 124)
        self.run_drydock("rollouts", "pause", "1")
        code, _, problem = self.ended(self.wait(last))
        self.assertEqual((code, problem.count("rollout 1, which is paused")), (3, 1), problem)
        code, out, _ = self.ended(self.wait("--rollout", "1", "--json"))
        self.assertEqual((code, json.loads(out)["outcome"], len(json.loads(out)["left"])), (3, "stuck", 3))
        self.run_drydock("rollouts", "resume", "1")
        code, _, problem = self.ended(self.wait("--rollout", "1", "--timeout", "1s"))
        self.assertEqual((code, problem.count("not in time: ")), (124, 3), problem)
        self.run_drydock("rollouts", "abort", "1")
        code, _, problem = self.ended(self.wait("--rollout", "1"))
        self.assertEqual((code, problem), (3, "drydock: rollout 1 of 'seven' was taken back, or given up: aborted\n"))
        begun = self.run_drydock("rollouts", "start", "seven", "--all", "--waves", "1, all", "--soak", "0")
        self.assertEqual(begun.returncode, 0, begun.stderr)
        code, out, problem = self.ended(self.wait("--rollout", "2"))
        self.assertEqual((code, problem), (0, ""))
        self.assertRegex(out.splitlines()[-1], r"rollout 2 of 'seven' is done: (\d) of \1 devices run it")
        self.assertEqual(self.ended(self.wait("--rollout", "2", "--all"))[0], 2)
        fleet.kill()


class WaitElsewhere(Wait):
    def token(self, scopes="read"):
        code, answer, _ = self.ask("POST", "tokens", {"name": "ci", "scopes": scopes})
        self.assertEqual(code, 201, answer)
        return answer["token"]

    def wait(self, *words, token=None):
        return subprocess.Popen(
            [program, "--state", self.folder / "elsewhere", "wait", "--url", f"http://127.0.0.1:{self.web}", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "DRYDOCK_TOKEN": token or self.token()},
        )

    def test_names_mean_one_device(self):
        self.stock()
        self.open()
        self.enter()
        self.updated(2)
        for device, name in enumerate(("Boiler", "boiler 2")):
            self.assertEqual(self.ask("PATCH", f"devices/{device:024x}", {"name": name})[0], 204)
        self.assertEqual(self.ended(self.wait("boiler", f"{1:024X}"))[0], 0)
        for words, token, said in (
            (["nobody"], None, "no device 'nobody' there"),
            (["boil"], None, "no device 'boil' there"),
            (["--platform", "toaster"], None, "there is no platform"),
            (["--group", "none"], None, "no device is in group 'none'"),
            ([], None, "say which devices"),
            (["--all"], "wrong", "this token is unknown"),
            (["--all"], self.token("metrics"), "needs the scope 'read'"),
        ):
            code, _, problem = self.ended(self.wait(*words, token=token))
            self.assertEqual(code, 1, words)
            self.assertIn(said, problem)
        # Another key than the one on file.
        fleet = self.launch(1, peace=20_000)
        code, _, problem = self.ended(self.wait("Boiler", "--connected"))
        self.assertEqual(
            (code, problem), (3, "drydock: Boiler came with another key than the one on file, and was refused\n")
        )
        fleet.kill()

    def test_a_restart_is_waited_for(self):
        self.stock(60_000)
        self.open()
        self.enter()
        fleet = self.launch(1, chunk=20, peace=20_000)
        progress = lambda: [d["progress"] for d in self.ask("GET", "devices")[1]["devices"] if d["state"] == "updating"]
        self.wait_for(progress)
        waiting = self.wait("--all")
        self.assertIn("waits for ", waiting.stdout.readline())
        self.stop(self.process)
        self.assertIn("was not reached", waiting.stderr.readline())
        self.page = ("--web-port", str(self.web))
        self.start("--policy", "open", port=self.port)
        code, out, problem = self.ended(waiting)
        self.assertEqual((code, out.splitlines()[-1], problem), (0, "1 device is up to date", ""))
        fleet.kill()

    def test_an_absent_device_with_another_target_is_not_what_it_was(self):
        self.stock()
        self.open()
        self.enter()
        self.updated(1)
        self.wait_for(lambda: self.query("SELECT connected FROM devices") == [(0,)])
        self.assertEqual(self.ended(self.wait("--all"))[0], 0)
        self.run_drydock("firmware", "add", self.folder / "modules/next-application.bin")
        listed = lambda: [m for m in self.ask("GET", "firmware")[1]["modules"] if m["file"] == "next-application.bin"]
        (module,) = self.wait_for(listed)
        device = f"devices/{0:024x}"
        self.assertEqual(self.ask("PUT", device + "/targets", {"modules": [module["sha256"]]})[0], 204)
        self.assertEqual(self.ended(self.wait("--all", "--timeout", "1s"))[0], 124)
        self.assertEqual(self.ended(self.wait("--device", f"{0:024x}", "--timeout", "0"))[0], 124)


class Watch(Page):
    def test_a_table_that_follows_and_leaves_the_terminal_as_it_was(self):
        self.stock(60_000)
        self.open()
        self.enter()
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(program, [str(program), "--state", str(self.state), "watch"])
        shown = b""

        def read():
            nonlocal shown
            while select.select([terminal], [], [], 0)[0]:
                try:
                    shown += os.read(terminal, 65536)
                except OSError:
                    return True
            return False

        self.wait_for(lambda: read() or b"0 devices" in shown)
        fleet = self.launch(1, chunk=20, peace=20_000)
        self.wait_for(lambda: read() or re.search(rb"connected .*step \d of 2.* \d+ %", shown))
        self.wait_for(lambda: read() or b"up to date" in shown)
        os.kill(pid, signal.SIGINT)
        _, status = os.waitpid(pid, 0)
        read()
        os.close(terminal)
        self.assertEqual(status, 0)
        self.assertTrue(shown.rstrip().endswith(b"\x1b[?25h\x1b[?1049l"), shown[-100:])
        fleet.kill()
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(program, [str(program), "--state", str(self.state), "watch"])
        shown = b""
        self.wait_for(lambda: read() or b"1 device: 1 up to date" in shown)
        os.write(terminal, b"xq")  # not every key
        _, status = os.waitpid(pid, 0)
        read()
        os.close(terminal)
        self.assertEqual(status, 0)
        self.assertNotIn(b"xq", shown)
        piped = self.run_drydock("watch")
        self.assertEqual((piped.returncode, "\x1b" in piped.stdout), (0, False))
        self.assertIn("1 device: 1 up to date", piped.stdout)


class Push(Page):
    def push(self, *words, token=None, url=None, **environment):
        return subprocess.run(
            [program, "--state", str(self.folder / "elsewhere"), "release", "push", *map(str, words)],
            capture_output=True,
            text=True,
            timeout=patience,
            env={
                **os.environ,
                "DRYDOCK_URL": url or f"http://127.0.0.1:{self.web}/",
                **({"DRYDOCK_TOKEN": token} if token else {}),
                **environment,
            },
        )

    def token(self, scopes, **more):
        code, answer, _ = self.ask("POST", "tokens", {"name": "ci", "scopes": scopes, **more})
        self.assertEqual(code, 201, answer)
        return answer["token"]

    def test_a_release_comes_by_a_token_that_may_do_nothing_else(self):
        modules = self.modules()
        self.open()
        self.enter()
        token = self.token("release", days=30)
        self.assertEqual([t["days_left"] for t in self.ask("GET", "tokens")[1]["tokens"]], [30])
        for _ in range(2):  # a job that runs once more
            done = self.push("1.4.0", modules / "part1.bin", modules / "part2.bin", token=token)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("was there already", done.stdout)
        self.assertEqual([r["name"] for r in self.ask("GET", "releases")[1]["releases"]], ["1.4.0"])
        self.assertEqual(len(self.ask("GET", "releases/1.4.0")[1]["modules"]), 2)
        noted = lambda: [change["what"] for change in self.ask("GET", "audit")[1]["changes"]]
        self.wait_for(lambda: [w for w in noted() if re.match(r"firmware part1.bin \(SHA-256 [0-9a-f]{64}\)$", w)])
        other = self.push("1.4.0", modules / "part1.bin", token=token)
        self.assertEqual(other.returncode, 1)
        self.assertIn("releases do not change", other.stderr)
        head = {"Authorization": "Bearer " + token}
        for method, path, body in (
            ("GET", "devices", None),
            ("POST", "rollouts", {"release": "1.4.0", "all": True}),
            ("PUT", "targets/fleet", {"target": {"kind": "latest"}}),
            ("POST", "fleet/pause", None),
            ("DELETE", "releases/1.4.0", None),
            ("POST", "tokens", {"name": "more"}),
            ("POST", "integrations", {}),
        ):
            self.assertEqual(self.ask(method, path, body, headers=head, cookie=False)[0], 403, path)

    def test_what_goes_wrong_is_told(self):
        modules = self.modules()
        self.open()
        self.enter()
        for words, given, said in (
            ({}, None, "a token is needed, with the scope release"),
            ({}, "wrong", "this token is unknown"),
            ({}, self.token("read"), "needs the scope 'release'"),
            ({"url": "http://127.0.0.1:1"}, "x", "was not reached"),
            ({"url": "127.0.0.1"}, "x", "--url is where the page is"),
        ):
            run = self.push("x", modules / "part1.bin", token=given, **words)
            self.assertEqual(run.returncode, 1, run.stdout)
            self.assertIn(said, run.stderr)
        damaged = self.folder / "damaged.bin"
        damaged.write_bytes((modules / "part1.bin").read_bytes()[:-1] + b"x")
        run = self.push("x", damaged, token=self.token("release"))
        self.assertEqual(run.returncode, 1)
        self.assertIn("damaged.bin: ", run.stderr)
        self.assertEqual(self.ask("GET", "releases")[1]["releases"], [])
        # As a branch's: nothing is sent first.
        run = self.push("feature/x", modules / "part1.bin", token=self.token("release"))
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertIn("without '/'", run.stderr)
        self.assertEqual(self.ask("GET", "firmware")[1]["modules"], [])
        for module in ("part1", "next-application"):
            self.run_drydock("firmware", "add", modules / f"{module}.bin")
        self.assertEqual(self.run_drydock("names", "files").stdout.split(), ["next-application.bin", "part1.bin"])

    def test_a_token_ends(self):
        self.open()
        self.enter()
        token = self.token("metrics", days=1)
        head = {"Authorization": "Bearer " + token}
        self.assertEqual(self.ask("GET", "/metrics", headers=head, cookie=False)[0], 200)
        self.process.terminate()
        self.process.wait(timeout=patience)
        import sqlite3

        database = sqlite3.connect(self.state / "drydock.db")
        with database:
            database.execute("UPDATE api_tokens SET expires = 1")
        database.close()
        self.udp_port = 0
        self.open()
        self.assertEqual(self.ask("GET", "/metrics", headers=head, cookie=False)[0], 401)
        self.assertEqual(self.ask("GET", "tokens")[1]["tokens"][0]["days_left"], 0)


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main()
