"""Home Assistant's side of the broker: a real Mosquitto, discovery as its documentation has it, and a broker that dies."""
import json
import os
import queue
import re
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

from harness import build, patience, status
from page_test import Page
from ports import free_port

# https://www.home-assistant.io/integrations/{update,binary_sensor,sensor,switch}.mqtt and mqtt (discovery, device, origin):
# each option there, and of those that Drydock uses what they may be.
shared = {
    "platform",
    "unique_id",
    "name",
    "state_topic",
    "value_template",
    "availability",
    "device_class",
    "entity_category",
    "icon",
    "enabled_by_default",
    "qos",
    "json_attributes_topic",
    "json_attributes_template",
    "availability_mode",
    "encoding",
    "entity_picture",
    "default_entity_id",
}
options = {
    "update": shared
    | {
        "command_topic",
        "payload_install",
        "latest_version_topic",
        "latest_version_template",
        "release_summary",
        "release_url",
        "title",
        "retain",
        "display_precision",
    },
    "binary_sensor": shared | {"payload_on", "payload_off", "expire_after", "off_delay", "force_update"},
    "sensor": shared
    | {"unit_of_measurement", "state_class", "expire_after", "force_update", "suggested_display_precision", "options"},
    "switch": shared
    | {
        "command_topic",
        "payload_on",
        "payload_off",
        "state_on",
        "state_off",
        "optimistic",
        "retain",
        "command_template",
    },
}
classes = {
    "update": {"firmware"},
    "binary_sensor": {"connectivity", "problem"},
    "sensor": {"signal_strength", "duration", "battery"},
    "switch": {"outlet", "switch"},
}
device_keys = {
    "configuration_url",
    "connections",
    "hw_version",
    "identifiers",
    "manufacturer",
    "model",
    "model_id",
    "name",
    "serial_number",
    "suggested_area",
    "sw_version",
    "via_device",
}
update_state = {
    "installed_version": str,
    "latest_version": str,
    "title": str,
    "release_summary": str,
    "release_url": str,
    "entity_picture": str,
    "in_progress": bool,
    "update_percentage": (int, float, type(None)),
}


class Broker:
    def __init__(self, test, folder, *lines):
        self.test = test
        self.port = free_port()
        self.configuration = folder / "mosquitto.conf"
        lines = lines or ("allow_anonymous true",)
        self.configuration.write_text(f"listener {self.port} 127.0.0.1\nuser root\n" + "\n".join(lines) + "\n")
        self.process = None
        test.addCleanup(self.stop)
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["mosquitto", "-c", self.configuration], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.02)
        self.test.fail("no broker")

    def stop(self, how=signal.SIGKILL):
        if self.process:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None


class Client:
    """What a subscriber sees: topics with their last payload, and everything in its order."""

    def __init__(self, test, broker, topics="#", options=()):
        self.now = {}
        self.all = []
        self.process = subprocess.Popen(
            ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(broker.port), *options, "-t", topics, "-F", "%r %t %p"],
            stdout=subprocess.PIPE,
            text=True,
        )
        test.addCleanup(self.process.wait)
        test.addCleanup(self.process.kill)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            retained, topic, payload = line.rstrip("\n").split(" ", 2)
            self.all.append((topic, payload, retained == "1"))
            if payload:
                self.now[topic] = payload
            else:
                self.now.pop(topic, None)

    def json(self, topic):
        return json.loads(self.now[topic]) if topic in self.now else {}


class Mqtt(Page):
    def setUp(self):
        super().setUp()
        self.configuration = self.folder / "drydock.toml"
        self.program_options = ("--config", str(self.configuration))
        self.broker = self.make_broker()
        self.configure()

    def make_broker(self):
        return Broker(self, self.folder)

    def configure(self, *lines):
        self.configuration.write_text(
            "\n".join(["[mqtt]", 'host = "127.0.0.1"', f"port = {self.broker.port}", "commands = true", *lines, ""])
        )

    def say(self, topic, payload, *more):
        subprocess.run(
            ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.broker.port), "-t", topic, "-m", payload, *more],
            check=True,
        )

    def ids(self, count):
        return [f"{number:024x}" for number in range(count)]

    def check_discovery(self, topic, payload):
        """Field by field."""
        found = json.loads(payload)
        self.assertEqual(set(found), {"device", "origin", "components"})
        self.assertLessEqual(set(found["device"]), device_keys)
        self.assertTrue(found["device"]["identifiers"])
        self.assertLessEqual(set(found["origin"]), {"name", "sw_version", "support_url"})
        self.assertTrue(found["origin"]["name"])
        self.assertRegex(topic, r"^homeassistant/device/[a-zA-Z0-9_-]+/config$")
        for name, entity in found["components"].items():
            platform = entity["platform"]
            if set(entity) == {"platform"}:
                continue  # is removed, if it is there
            self.assertLessEqual(set(entity), options[platform], name)
            self.assertTrue(entity["unique_id"] and entity["name"])
            for value in entity.values():
                self.assertIsNotNone(value)
            if "device_class" in entity:
                self.assertIn(entity["device_class"], classes[platform])
            self.assertIn(entity.get("entity_category", "diagnostic"), ("diagnostic", "config"))
            # A sensor's category cannot be config; units need their class.
            if entity.get("device_class") == "signal_strength":
                self.assertIn(entity["unit_of_measurement"], ("dB", "dBm"))
            if "state_class" in entity:
                self.assertIn(entity["state_class"], ("measurement", "total", "total_increasing"))
            self.assertEqual(entity["availability"], [{"topic": "drydock/status"}])
            self.assertNotRegex(entity["state_topic"], r"[+#]")
        return found

    def check_update(self, payload):
        state = json.loads(payload)
        self.assertLessEqual(set(state), set(update_state))
        for key, value in state.items():
            self.assertIsInstance(value, update_state[key], key)
        self.assertIs(type(state["in_progress"]), bool)
        self.assertLessEqual(len(state.get("release_summary", "").encode()), 255)
        if state["update_percentage"] is not None:
            self.assertTrue(0 <= state["update_percentage"] <= 100)
        return state


class AtHome(Mqtt):
    def test_devices_and_their_updates_appear_as_documented(self):
        self.stock(60_000)
        client = Client(self, self.broker)
        self.open()
        self.enter()
        fleet = self.launch(2, chunk=20, peace=4000)
        device = self.ids(1)[0]
        topic = f"drydock/devices/{device}/update"
        self.wait_for(lambda: client.json(topic).get("update_percentage"))
        self.result(fleet)
        self.wait_for(lambda: client.json(f"drydock/devices/{device}/state").get("state") == "current")
        self.wait_for(lambda: client.json("drydock/fleet").get("connected") == 0)
        states = [self.check_update(payload) for t, payload, _ in client.all if t == topic]
        self.assertGreater(len({s["update_percentage"] for s in states}), 2, states)
        self.assertNotEqual(states[0]["installed_version"], states[0]["latest_version"])
        self.assertIn("system part", states[0]["release_summary"])
        self.assertEqual(states[-1]["installed_version"], states[-1]["latest_version"])
        self.assertEqual((states[-1]["in_progress"], states[-1]["update_percentage"]), (False, None))
        for t, payload, retained in client.all:
            if t.endswith("/config"):
                found = self.check_discovery(t, payload)
        self.assertEqual(client.now["drydock/status"], "online")
        self.assertEqual(client.json("drydock/fleet")["devices"], 2)
        announced = self.check_discovery(*next((t, p) for t, p, _ in client.all if device in t and "/config" in t))
        self.assertEqual(announced["device"]["serial_number"], device)
        self.assertEqual(announced["components"]["update"]["command_topic"], topic + "/install")
        # Everything that stays is there for who comes later.
        later = Client(self, self.broker)
        self.wait_for(lambda: later.now.get("drydock/status") and later.now.get(topic))
        self.assertTrue(all(retained for _, _, retained in later.all))

    def test_commands_are_done_and_retained_ones_are_not(self):
        self.stock()
        client = Client(self, self.broker)
        self.open()
        self.enter()
        self.say("drydock/fleet/paused/set", "ON")
        self.wait_for(lambda: client.json("drydock/fleet").get("paused") == "ON")
        self.assertTrue(self.ask("GET", "devices")[1]["paused"])
        self.say("drydock/fleet/paused/set", "OFF")
        self.wait_for(lambda: client.json("drydock/fleet").get("paused") == "OFF")
        self.assertIn("MQTT", [c["who"] for c in self.ask("GET", "audit")[1]["changes"]])
        device = self.ids(1)[0]
        self.updated(1)
        self.assertEqual(self.ask("POST", f"devices/{device}/hold")[0], 204)
        self.say(f"drydock/devices/{device}/update/install", "INSTALL")
        self.wait_for(lambda: not self.ask("GET", "devices")[1]["devices"][0]["held"])
        # A retained command would be done at every start.
        self.say("drydock/fleet/paused/set", "ON", "-r")
        self.wait_for(lambda: self.ask("GET", "devices")[1]["paused"])
        self.say("drydock/fleet/paused/set", "OFF")
        self.wait_for(lambda: not self.ask("GET", "devices")[1]["paused"])
        self.process.terminate()
        self.process.wait(timeout=patience)
        self.wait_for_client(lambda: client.now["drydock/status"] == "offline")
        self.udp_port = 0
        self.open()
        self.wait_for(lambda: client.now["drydock/status"] == "online")
        self.wait_for(lambda: client.json("drydock/fleet").get("devices") == 1)
        self.assertFalse(self.ask("GET", "devices")[1]["paused"])

    def wait_for_client(self, what):
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if what():
                return
            time.sleep(0.02)
        self.fail("waited in vain for the broker")

    def test_a_device_that_is_forgotten_leaves_nothing(self):
        self.stock()
        client = Client(self, self.broker)
        self.open()
        self.enter()
        self.updated(2)
        of_first = lambda: [t for t in client.now if self.ids(1)[0] in t]
        self.wait_for(lambda: len(of_first()) >= 3)
        self.assertEqual(self.ask("POST", f"devices/{self.ids(1)[0]}/forget")[0], 204)
        self.wait_for(lambda: not of_first())
        # Likewise while nobody could be told.
        self.broker_persists = True
        second = self.ids(2)[1]
        self.process.kill()
        self.process.wait()
        self.wait_for_client(lambda: client.now["drydock/status"] == "offline")
        self.assertEqual(self.run_drydock("devices", "forget", second, "--yes").returncode, 0)
        self.udp_port = 0
        self.open()
        self.wait_for(lambda: not [t for t in client.now if second in t])

    def test_other_topics_leave_nothing_at_the_old_ones(self):
        self.stock()
        client = Client(self, self.broker)
        self.open()
        self.enter()
        self.updated(1)
        device = self.ids(1)[0]
        self.wait_for(lambda: f"homeassistant/device/drydock_{device}/config" in client.now)
        for lines, config in (
            (['topic = "home"'], f"homeassistant/device/drydock_{device}/config"),
            (['topic = "home"', 'discovery = "ha"'], f"ha/device/drydock_{device}/config"),
            (['topic = "home"', 'discovery = ""'], ""),
        ):
            self.stop(self.process)
            self.configure(*lines)
            self.open()
            expected = {f"home/devices/{device}/{what}" for what in ("state", "update")} | {"home/status"}
            expected |= {config} if config else set()
            places = ("home/", config.split("/")[0] + "/" if config else "home/")
            self.wait_for(lambda: expected <= set(client.now) and all(t.startswith(places) for t in client.now))
        self.assertEqual(client.now["home/status"], "online")

    def test_events_go_both_ways_as_far_as_they_may(self):
        self.configure('events = ["door/"]', 'publish = ["lamp/"]')
        client = Client(self, self.broker)
        self.open()
        self.enter()
        heard = []
        token = self.ask("POST", "tokens", {"name": "p", "scopes": "read call"})[1]["token"]
        stream = subprocess.Popen(
            [
                "curl",
                "-sN",
                "-H",
                f"Authorization: Bearer {token}",
                f"http://127.0.0.1:{self.web}/v1/events",
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(stream.wait)
        self.addCleanup(stream.kill)
        threading.Thread(target=lambda: heard.extend(iter(stream.stdout.readline, "")), daemon=True).start()
        self.wait_for(lambda: any(":ok" in line for line in heard))
        self.wait_for(lambda: client.now.get("drydock/status") == "online")
        for name in ("spark/status", "drydock/test", "other/thing", "lamp/on"):
            self.say("drydock/publish/" + name, "1")
        self.wait_for(lambda: any("lamp/on" in line for line in heard))
        self.assertFalse([line for line in heard if re.search("spark|drydock|other", line)])

    def test_nobody_else_says_that_it_is_away(self):
        client = Client(self, self.broker, "drydock/status")
        self.open()
        self.wait_for(lambda: client.now.get("drydock/status") == "online")
        for payload in ("offline", "", "away"):
            self.say("drydock/status", payload, "-r")
            said = ("drydock/status", payload, False)
            self.wait_for(lambda: said in client.all)
            online = ("drydock/status", "online", False)
            self.wait_for(lambda: online in client.all[client.all.index(said) :])

    def test_what_is_too_large_is_not_taken(self):
        large = self.folder / "large"
        large.write_bytes(bytes(100_000_000))
        topic = f"drydock/devices/{self.ids(1)[0]}/state"
        to = ["-h", "127.0.0.1", "-p", str(self.broker.port), "-t", topic]
        subprocess.run(["mosquitto_pub", *to, "-r", "-f", large], check=True)
        client = Client(self, self.broker, "drydock/status")
        self.open()
        self.enter()
        self.wait_for(lambda: "sends packets that are too large" in self.log.read_text())
        # And is told of the fleet all the same.
        self.wait_for(lambda: self.ask("GET", "system")[1]["mqtt"]["connected"])
        self.wait_for(lambda: client.now.get("drydock/status") == "online")
        self.assertLess(status(self.process.pid, "VmHWM"), 60_000)

    def test_what_nobody_asked_for_is_not_taken_for_long(self):
        class Talker(socketserver.StreamRequestHandler):
            def handle(self):
                if not self.request.recv(1000):
                    return  # only whether it is reached
                self.request.sendall(b"\x20\x02\x00\x00")
                try:
                    for _ in range(2_000):
                        self.request.sendall(b"\x30\x04\x00\x01ax" * 500)
                except OSError:
                    pass

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talker)
        server.daemon_threads = True
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.broker.port = server.server_address[1]
        self.configure()
        self.open()
        self.wait_for(lambda: "what nobody asked for" in self.log.read_text())
        self.assertLess(status(self.process.pid, "VmHWM"), 60_000)

    def test_the_broker_dies_during_ten_updates(self):
        self.stock(60_000)
        self.open()
        self.enter()
        fleet = self.launch(10, chunk=20)
        self.wait_for(
            lambda: [d for d in self.ask("GET", "devices")[1]["devices"] if d["state"] == "updating" and d["progress"]]
        )
        for _ in range(3):
            self.broker.stop()
            time.sleep(0.3)
            self.broker.start()
        self.result(fleet)
        client = Client(self, self.broker)
        states = lambda: [client.json(f"drydock/devices/{d}/state").get("state") for d in self.ids(10)]
        self.wait_for(lambda: states() == ["current"] * 10)
        updates = lambda: [client.json(f"drydock/devices/{d}/update") for d in self.ids(10)]
        self.wait_for(lambda: all(u and u["installed_version"] == u["latest_version"] for u in updates()))
        # Away for long, while devices come and go: it costs no memory.
        self.broker.stop()
        self.wait_for(lambda: self.ask("GET", "system")[1]["mqtt"]["problem"])
        before = status(self.process.pid, "VmRSS")
        for first in (100, 120, 140):
            self.result(self.launch(20, first=first))
        self.assertLess(status(self.process.pid, "VmRSS") - before, 4096)
        self.broker.start()
        client = Client(self, self.broker)
        self.wait_for(lambda: client.json("drydock/fleet").get("devices") == 70)


class WithPassword(Mqtt):
    def make_broker(self):
        passwords = self.folder / "passwords"
        subprocess.run(
            ["mosquitto_passwd", "-b", "-c", passwords, "drydock", "secret"], check=True, capture_output=True
        )
        return Broker(self, self.folder, "allow_anonymous false", f"password_file {passwords}")

    def test_it_is_sent_and_a_wrong_one_is_told(self):
        (self.folder / "password").write_text("wrong\n")
        (self.folder / "password").chmod(0o600)
        self.configure('user = "drydock"', f'password_file = "{self.folder}/password"')
        self.open()
        self.enter()
        problem = lambda: self.ask("GET", "system")[1]["mqtt"]["problem"]
        self.wait_for(lambda: re.search("the broker refuses: .*(uthori|assword)", problem()))
        words = "The MQTT broker 127.0.0.1 is not reached: the broker refuses"
        self.wait_for(lambda: words in self.run_drydock("status").stdout)
        self.stop(self.process)
        self.assertRegex(self.run_drydock("check").stdout, r"broker\s+127.0.0.1")
        (self.folder / "password").chmod(0o644)
        self.assertIn("may be read by others: 'sudo chmod 600", self.run_drydock("check").stdout)
        (self.folder / "password").unlink()
        self.assertIn("mqtt.password_file: ", self.run_drydock("check").stdout)
        (self.folder / "password").write_text("secret\n")
        self.udp_port = 0
        self.open()
        self.wait_for(lambda: self.ask("GET", "system")[1]["mqtt"]["connected"])
        self.wait_for(lambda: "not reached" not in self.run_drydock("status").stdout)


class OverTls(Mqtt):
    def make_broker(self):
        run = lambda *words: subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=self.folder)
        run(
            *"req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1".split(),
            *"-keyout broker.key -out broker.pem".split(),
        )
        return Broker(
            self,
            self.folder,
            "allow_anonymous true",
            f"certfile {self.folder}/broker.pem",
            f"keyfile {self.folder}/broker.key",
        )

    def test_only_a_broker_that_the_certificate_is_of_is_told(self):
        self.configure("tls = true")
        self.open()
        self.enter()
        self.wait_for(lambda: self.ask("GET", "system")[1]["mqtt"]["problem"])
        self.stop(self.process)
        self.configure("tls = true", f'ca = "{self.folder}/broker.pem"')
        self.udp_port = 0
        self.open()
        self.wait_for(lambda: self.ask("GET", "system")[1]["mqtt"]["connected"])
        # Its file goes away while it runs: nothing is sent in the clear then, not even a greeting.
        ca = self.folder / "broker.pem"
        content = ca.read_bytes()
        self.broker.stop()
        came = []

        class Listener(socketserver.StreamRequestHandler):
            def handle(self):
                came.append(self.rfile.read(1))

        socketserver.ThreadingTCPServer.allow_reuse_address = True
        with socketserver.ThreadingTCPServer(("127.0.0.1", self.broker.port), Listener) as listener:
            threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True).start()
            ca.unlink()
            problem = f"mqtt.ca: there is no file {ca}"
            self.wait_for(lambda: self.ask("GET", "system")[1]["mqtt"]["problem"] == problem)
            tries = len(came)
            self.wait_for(lambda: len(came) > tries + 1)
            listener.shutdown()
        self.assertEqual(set(came), {b""})
        ca.write_bytes(content)
        self.broker.start()
        self.wait_for(lambda: self.ask("GET", "system")[1]["mqtt"]["connected"])


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main()
