"""/metrics, read by Debian's Prometheus: updates of a hundred devices, and alerts that fire when they should."""
import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from harness import patience
from page_test import Page
from ports import free_port

packaging = Path(__file__).resolve().parent.parent.parent / "packaging/prometheus"


class Metrics(Page):
    def token(self, scopes="metrics"):
        code, answer, _ = self.ask("POST", "tokens", {"name": "prometheus", "scopes": scopes})
        self.assertEqual(code, 201, answer)
        return answer["token"]

    def scrape(self, token, accept="text/plain"):
        head = {"Authorization": "Bearer " + token, "Accept": accept}
        code, text, response = self.ask("GET", "/metrics", headers=head, cookie=False)
        self.assertEqual(code, 200, text)
        return text.decode(), response

    def values(self, token):
        found = {}
        for name, labels, value in re.findall(r"^(\w+)(?:\{(.*)\})? (\S+)$", self.scrape(token)[0], re.M):
            found[(name, *sorted(re.findall(r'(\w+)="([^"]*)"', labels)))] = float(value)
        return found


class Exposition(Metrics):
    def test_both_formats_are_as_their_readers_want_them(self):
        self.stock()
        self.open()
        self.enter()
        self.updated(2)
        token = self.token()
        text, response = self.scrape(token)
        self.assertEqual(response.getheader("Content-Type"), "text/plain; version=0.0.4; charset=utf-8")
        check = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        self.assertEqual((check.returncode, check.stdout + check.stderr), (0, ""))
        text, response = self.scrape(token, "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
        self.assertEqual(
            response.getheader("Content-Type"), "application/openmetrics-text; version=1.0.0; charset=utf-8"
        )
        self.assertIn("# TYPE drydock_update_steps_verified counter\n", text)
        self.assertTrue(text.endswith("\n# EOF\n"))

        values = self.values(token)
        self.assertEqual(values["drydock_devices", ("platform", "Photon"), ("state", "current")], 2)
        self.assertEqual(values[("drydock_update_steps_begun_total",)], 4)
        self.assertEqual(values[("drydock_update_steps_verified_total",)], 4)
        self.assertEqual(values[("drydock_updates_finished_total",)], 2)
        self.assertEqual(values[("drydock_update_transfer_duration_seconds_count",)], 4)
        self.assertGreaterEqual(values["drydock_handshake_duration_seconds_count", ("transport", "tcp")], 2)
        self.assertGreater(values[("drydock_transfer_bytes_total",)], 0)
        self.assertGreater(values[("drydock_database_bytes_total",)], 0)
        self.assertGreater(values[("drydock_event_loop_delay_seconds_count",)], 0)
        self.assertEqual(values[("drydock_library_files",)], 2)

    def test_who_may_read_it(self):
        self.open()
        self.enter()
        token = self.token()
        self.assertEqual(self.ask("GET", "/metrics", cookie=False)[0], 401)
        call = self.token("call")
        self.assertEqual(self.ask("GET", "/metrics", headers={"Authorization": "Bearer " + call}, cookie=False)[0], 403)
        self.scrape(self.token("read"))
        # A token that may do this may do nothing else.
        for path in ("devices", "tokens", "system", "integrations"):
            head = {"Authorization": "Bearer " + token}
            self.assertEqual(self.ask("GET", path, headers=head, cookie=False)[0], 403, path)

    def test_dashboard_and_rules_ask_for_what_there_is(self):
        self.open()
        self.enter()
        text = self.scrape(self.token())[0]
        there = set(re.findall(r"^# TYPE (\S+)", text, re.M))
        there |= {name + end for name in there for end in ("_bucket", "_count", "_sum")}
        dashboard = json.loads((packaging / "drydock-dashboard.json").read_text())
        asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        asked.append((packaging / "drydock-alerts.yml").read_text())
        names = {name for words in asked for name in re.findall(r"\b(?:drydock|process)_\w+", words)}
        self.assertGreater(len(names), 20)
        self.assertEqual(names - there, set())

    def test_the_rules_say_what_they_should(self):
        check = subprocess.run(
            ["promtool", "test", "rules", packaging.parent.parent / "tests/data/alerts_test.yml"],
            capture_output=True,
            text=True,
        )
        self.assertEqual(check.returncode, 0, check.stdout + check.stderr)


class Scraping(Metrics):
    """A real Prometheus, whose rules do not wait."""

    def prometheus(self, token):
        port = free_port()
        rules = (packaging / "drydock-alerts.yml").read_text()
        (self.folder / "rules.yml").write_text(re.sub(r"for: \d+m", "for: 0s", rules))
        (self.folder / "token").write_text(token)
        (self.folder / "prometheus.yml").write_text(
            json.dumps(
                {
                    "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
                    "rule_files": [str(self.folder / "rules.yml")],
                    "scrape_configs": [
                        {
                            "job_name": "drydock",
                            "authorization": {"credentials_file": str(self.folder / "token")},
                            "static_configs": [{"targets": [f"127.0.0.1:{self.web}"]}],
                        }
                    ],
                }
            )
        )
        log = open(self.folder / "prometheus.log", "w")
        self.addCleanup(log.close)
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={self.folder}/prometheus.yml",
                f"--storage.tsdb.path={self.folder}/tsdb",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.asked = f"http://127.0.0.1:{port}/api/v1/"

    def api(self, path, **parameters):
        try:
            with urllib.request.urlopen(
                f"{self.asked}{path}?{urllib.parse.urlencode(parameters)}", timeout=5
            ) as answer:
                return json.load(answer)["data"]
        except urllib.error.URLError:
            return None  # it has only just begun

    def value(self, query):
        data = self.api("query", query=query)
        return float(data["result"][0]["value"][1]) if data and data["result"] else None

    def firing(self):
        return {alert["labels"]["alertname"] for alert in (self.api("alerts") or {"alerts": []})["alerts"]}

    def eventually(self, what):
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if what():
                return
            time.sleep(0.2)
        self.fail(f"{self.firing()}\n{(self.folder / 'prometheus.log').read_text()[-3000:]}")

    def test_a_hundred_updates_are_seen_and_three_alerts_fire(self):
        self.stock(20_000)
        self.open()
        self.enter()
        self.prometheus(self.token())
        self.eventually(lambda: self.value('up{job="drydock"}') == 1)  # it asks for OpenMetrics, and reads it strictly
        self.updated(100)
        self.eventually(lambda: self.value('drydock_devices{state="current",platform="Photon"}') == 100)
        self.eventually(lambda: self.value("drydock_update_steps_verified_total") == 200)
        self.assertEqual(self.value("drydock_updates_finished_total"), 100)
        self.assertEqual(self.value("sum(drydock_update_steps_failed_total)"), 0)
        self.assertEqual(self.firing(), set())
        # A device that was given up, and a rollout that has stopped, as a device and a driver leave them.
        import sqlite3

        database = sqlite3.connect(self.state / "drydock.db", timeout=30)
        with database:
            # One that the service has not in memory, whose row it would write again.
            database.execute(
                "INSERT INTO devices (id, approval, public_key, platform, first_seen, last_seen, state, state_words, address)"
                " VALUES (?, 'approved', x'00', 6, 1, ?, 'parked', 'failed', '10.0.0.1')",
                ("f" * 24, int(time.time() * 1000)),
            )
            database.execute("INSERT INTO releases (name, notes, created) VALUES ('seven', '', 0)")
            columns = "release_name, created, waves, soak, lost_after, failure_percent, failures, restarts, at_once, per_minute, stage, wave, words, forgiven"
            database.execute(
                f"INSERT INTO rollouts ({columns}) VALUES ('seven', 0, '100%', 0, 0, 5, 1, 3, 0, 0, 'stopped', 0, 'x', 0)"
            )
        database.close()
        self.eventually(lambda: {"DrydockDevicesGivenUp", "DrydockRolloutStopped"} <= self.firing())
        self.assertNotIn("DrydockDown", self.firing())
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=patience)
        self.eventually(lambda: "DrydockDown" in self.firing())


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main()
