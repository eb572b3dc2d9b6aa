"""Several services on one PostgreSQL, behind HAProxy and nginx: devices come to any of them, whoever is killed."""
import json
import os
import re
import shutil
import signal
import socket
import sys
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "postgresql"))

import postgresql_test
from balancers import Balancers
from harness import ServiceFolder, patience
from ports import free_port
from postgresql_test import OnPostgresql


def setUpModule():
    postgresql_test.setUpModule()


def tearDownModule():
    postgresql_test.tearDownModule()


class Nodes(OnPostgresql, ServiceFolder):
    """`self.nodes`: processes; `self.states`: their folders."""

    proxies = ["127.0.0.1"]
    settings = ""

    def begin(self, count, policy="open", size=None):
        self.stock(size)
        self.udp_key = self.folder / "udp.der"
        self.assertEqual(
            self.run_drydock("keys", "export", "--udp", "--host", "127.0.0.1", "-o", self.udp_key).returncode, 0
        )
        boron = self.folder / "modules/boron-part1.bin"
        self.assertEqual(self.run_drydock("firmware", "add", boron).returncode, 0)
        self.states = [self.state]
        for number in range(1, count):
            other = self.folder / f"state{number}"
            other.mkdir(mode=0o700)
            for key in ("server_key.pem", "server_key_udp.pem"):
                shutil.copy2(self.state / key, other / key)
            self.states.append(other)
        self.ports = [(free_port(), free_port(socket.SOCK_DGRAM), free_port()) for _ in range(count)]
        self.nodes = [None] * count
        for number in range(count):
            self.start_node(number, policy)

    def start_node(self, number, policy="open"):
        configuration = self.folder / f"node{number}.toml"
        configuration.write_text(
            f'[store]\nurl = "{self.url}"\nnode = "node {number}"\n[listen]\nproxies = {json.dumps(self.proxies)}\n'
            f'[web]\ntrusted_proxies = ["127.0.0.1"]\nport = {self.ports[number][2]}\n{self.settings}'
        )
        self.program_options = ("--config", str(configuration))
        self.state, self.log = self.states[number], self.folder / f"log{number}"
        tcp, self.udp_port, _ = self.ports[number]
        self.page = ()
        self.start("--policy", policy, port=tcp)
        self.nodes[number] = self.process

    def balance(self):
        self.balancers = Balancers(self.folder, self.ports)
        self.addCleanup(self.balancers.close)
        self.port, self.udp_port = self.balancers.tcp_port, self.balancers.udp_port

    def launch_borons(self, count, **options):
        self.key, tcp_key = self.udp_key, self.key
        fleet = self.launch_udp(count, **options)
        self.key = tcp_key
        return fleet

    def stop(self, process):
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
        return super().stop(process)

    def kill(self, number):
        self.nodes[number].kill()
        self.nodes[number].wait()
        self.process = next(node for node in self.nodes if node.poll() is None)

    def count(self, what):
        return self.query(f"SELECT count(*) FROM {what}")[0][0]

    def check_steps(self, devices, steps):
        """Each was verified once, and no two of a device were under way at a time."""
        verified = "SELECT count(*) FROM update_steps WHERE state = 'verified' GROUP BY device_id"
        self.assertEqual(self.query(verified), [(steps,)] * devices)
        self.assertEqual(
            self.count(
                "update_steps a JOIN update_steps b ON a.device_id = b.device_id AND a.id < b.id WHERE a.started_at IS "
                "NOT NULL AND b.started_at < coalesce(a.finished_at, 0)"
            ),
            0,
        )

    def names(self):
        run = self.run_drydock("nodes", "list", "--json")
        self.assertEqual(run.returncode, 0, run.stderr)
        return {node["name"]: node for node in json.loads(run.stdout)["nodes"]}


class Killed(Nodes):
    def test_its_devices_are_served_by_the_others(self):
        self.begin(3)
        self.balance()
        borons = self.launch_borons(10, first=100, ping=2, idle=40)
        self.wait_for(lambda: self.all_current(10))
        photons = self.launch(30, chunk=40, sources=3)
        self.wait_for(lambda: self.count("update_steps WHERE state = 'sending'") > 5)
        self.assertEqual(set(self.names()), {"node 0", "node 1", "node 2"})
        self.kill(1)
        began = time.monotonic()
        self.wait_for(lambda: set(self.names()) == {"node 0", "node 2"})
        self.assertLess(time.monotonic() - began, 10)
        self.result(photons)
        self.wait_for(lambda: self.count("devices WHERE connected = 1 AND platform = 13") == 10)
        self.assertEqual(borons.poll(), None)
        borons.kill()
        self.wait_for(lambda: self.all_current(40))
        verified = lambda platform: self.query(
            "SELECT DISTINCT count(*) FROM update_steps JOIN devices ON devices.id = device_id WHERE "
            f"update_steps.state = 'verified' AND platform = {platform} GROUP BY device_id"
        )
        self.assertEqual(verified(6), [(2,)])
        self.assertEqual(verified(13), [(1,)])
        # HAProxy says where each is.
        addresses = self.query("SELECT DISTINCT address FROM devices WHERE platform = 6 ORDER BY address")
        self.assertEqual(addresses, [("127.0.1.1",), ("127.0.2.1",), ("127.0.3.1",)])

    def test_a_database_that_restarts_holds_up_nobody(self):
        self.begin(2)
        self.balance()
        photons = self.launch(20, chunk=40)
        self.wait_for(lambda: self.count("update_steps WHERE state = 'sending'") > 5)
        postgresql_test.server.end(signal.SIGKILL)
        postgresql_test.server.start()
        self.result(photons)
        self.wait_for(lambda: self.all_current(20))
        self.assertEqual(set(self.names()), {"node 0", "node 1"})  # none took the other for gone
        self.assertNotIn("is gone", "".join(log.read_text() for log in self.folder.glob("log?")))


class Moves(Nodes):
    def test_a_udp_session_goes_on_at_another_machine_without_a_handshake(self):
        """A Boron speaks to one machine, then through the same way to another, while the first lives and after."""
        self.begin(2)
        self.balancers = None
        way = Way([("127.0.0.1", udp) for _, udp, _ in self.ports])
        self.addCleanup(way.close)
        self.udp_port = way.port
        boron = self.launch_borons(1, ping=1, idle=30)
        holder = lambda: self.query(
            "SELECT coalesce(nodes.name, '') FROM devices LEFT JOIN nodes ON nodes.id = devices.node WHERE "
            "devices.connected = 1 AND devices.state = 'current'"
        )
        self.wait_for(lambda: holder() == [("node 0",)])
        session = self.query("SELECT encode(id, 'hex') FROM dtls_sessions")
        for number in (1, 0, 1):
            way.use(number)
            self.wait_for(lambda: holder() == [(f"node {number}",)])
        self.kill(1)
        way.use(0)
        self.wait_for(lambda: holder() == [("node 0",)])
        self.assertEqual(self.query("SELECT encode(id, 'hex') FROM dtls_sessions"), session)
        boron.kill()

    def test_devices_that_wait_silently_for_the_rest_of_a_module_are_called(self):
        """In the middle of an update a device says nothing for minutes: whoever is left speaks first."""
        self.begin(2)
        way = Way([("127.0.0.1", udp) for _, udp, _ in self.ports])
        self.addCleanup(way.close)
        self.udp_port = way.port
        borons = self.launch_borons(5, speed=1)
        self.wait_for(lambda: self.count("update_steps WHERE state = 'sending'") == 5)
        self.kill(0)
        way.use(1)
        self.result_udp(borons)
        self.wait_for(lambda: self.all_current(5))

    def test_who_was_frozen_and_is_taken_for_gone_begins_anew(self):
        self.begin(2)
        self.port = self.ports[0][0]
        os.kill(self.nodes[0].pid, signal.SIGSTOP)
        self.wait_for(lambda: set(self.names()) == {"node 1"})
        os.kill(self.nodes[0].pid, signal.SIGCONT)
        self.wait_for(lambda: set(self.names()) == {"node 0", "node 1"})
        self.assertIn("took this one for gone", (self.folder / "log0").read_text())


class Page(Nodes):
    proxies = []  # Photons come without a balancer

    def ask(self, number, method, path, body=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports[number][2]}/api/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "X-Drydock": "1"},
        )
        try:
            with self.browser.open(request, timeout=20) as answer:
                return answer.status, json.loads(answer.read() or "null")
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def test_it_shows_and_changes_the_whole_fleet_on_every_machine(self):
        self.begin(2, "approve")
        self.browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        codes = {re.search(r"set-up code (\S+)", (self.folder / f"log{n}").read_text()).group(1) for n in (0, 1)}
        self.assertEqual(len(codes), 1)
        password = "as long as it must be"
        self.assertEqual(self.ask(0, "POST", "setup", {"code": codes.pop(), "password": password})[0], 204)
        self.wait_for(lambda: self.ask(1, "GET", "devices")[0] == 200)

        self.port = self.ports[0][0]
        photons = self.launch(3)
        waiting = lambda: [d["id"] for d in self.ask(1, "GET", "devices?state=awaiting_approval")[1]["devices"]]
        self.wait_for(lambda: len(waiting()) == 3)
        for device in waiting():
            self.assertEqual(self.ask(1, "POST", f"devices/{device}/approve")[0], 204)
        self.result(photons)
        shown = lambda number: self.ask(number, "GET", "status")[1]
        self.wait_for(lambda: shown(1)["states"] == {"current": 3})
        self.assertEqual({node["name"] for node in shown(1)["nodes"]}, {"node 0", "node 1"})
        self.assertEqual(self.ask(0, "POST", "logout")[0], 204)
        self.wait_for(lambda: self.ask(1, "GET", "devices")[0] == 401)

        self.assertEqual(self.ask(0, "POST", "login", {"password": password})[0], 204)
        self.wait_for(lambda: self.ask(1, "GET", "devices")[0] == 200)
        self.assertEqual(self.run_drydock("password", "reset").returncode, 0)
        for number in (0, 1):
            self.wait_for(lambda: self.ask(number, "GET", "session")[1]["state"] == "setup")

    def test_devices_are_called_and_heard_from_every_machine(self):
        self.begin(2, size=20000)
        self.browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        code = re.search(r"set-up code (\S+)", (self.folder / "log1").read_text()).group(1)
        self.assertEqual(self.ask(1, "POST", "setup", {"code": code, "password": "as long as it must be"})[0], 204)
        token = self.ask(1, "POST", "tokens", {"name": "program"})[1]["token"]
        self.port = self.ports[0][0]
        fleet = self.launch(1, first=1, current=True, peace=600000)
        self.addCleanup(lambda: self.stop(fleet))
        photon = "0" * 23 + "1"

        def cloud(number, method, path, body=None):
            request = urllib.request.Request(
                f"http://127.0.0.1:{self.ports[number][2]}/v1/{path}",
                method=method,
                data=None if body is None else json.dumps(body).encode(),
                headers={"Content-Type": "application/json", "Authorization": "Bearer " + token},
            )
            try:
                return urllib.request.urlopen(request, timeout=patience)
            except urllib.error.HTTPError as refused:
                return refused

        asked = lambda *what: json.loads(cloud(1, *what).read())
        self.wait_for(lambda: asked("GET", "devices/" + photon).get("functions"))
        self.assertEqual(asked("POST", f"devices/{photon}/brew", {"arg": "-7"})["return_value"], -7)
        self.assertEqual(asked("GET", f"devices/{photon}/temperature")["result"], 21.5)
        self.assertEqual(asked("GET", f"devices/{photon}/motto")["result"], "strong & black")
        self.assertEqual(asked("PUT", "devices/" + photon, {"signal": "1"})["signaling"], True)
        self.assertEqual(asked("GET", f"devices/{photon}/signaling")["result"], True)
        self.assertEqual(cloud(1, "POST", f"devices/{photon}/fly", {}).status, 404)
        stream = cloud(1, "GET", "events/served")
        self.addCleanup(stream.close)
        self.assertEqual(asked("POST", "events", {"name": "order/1", "data": "tea \u2615"}), {"ok": True})
        while (line := stream.readline()) and not line.startswith(b"data: "):
            pass
        event = json.loads(line[6:])
        self.assertEqual((event["data"], event["coreid"]), ("tea \u2615", photon))
        asked("POST", "events", {"name": "order/2", "data": "milk"})
        while (line := stream.readline()) and not line.startswith(b"data: "):
            pass
        self.assertEqual(json.loads(line[6:])["data"], "milk")  # and not the first one again
        self.assertEqual(asked("GET", f"devices/{photon}/order")["result"], "milk")
        began = time.monotonic()
        for number in range(10):
            self.assertEqual(asked("POST", f"devices/{photon}/brew", {"arg": str(number)})["return_value"], number)
        self.assertLess(time.monotonic() - began, 5)  # which one lost notification would take

    def test_an_open_page_hears_of_devices_at_another_machine(self):
        self.begin(2, size=20000)
        self.browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        code = re.search(r"set-up code (\S+)", (self.folder / "log1").read_text()).group(1)
        self.assertEqual(self.ask(1, "POST", "setup", {"code": code, "password": "as long as it must be"})[0], 204)
        self.port = self.ports[0][0]
        photons = self.launch(1, first=1, chunk=100)
        photon = "0" * 23 + "1"
        self.wait_for(lambda: self.count("devices") == 1)
        told = []
        with self.browser.open(
            f"http://127.0.0.1:{self.ports[1][2]}/api/v1/events?devices={photon}", timeout=30
        ) as stream:
            while not any(d["state"] == "current" for d in told):
                line = stream.readline().decode()
                if line.startswith("data: ["):
                    told += json.loads(line[6:])
        self.assertIn("updating", {d["state"] for d in told})
        self.result(photons)


class Way:
    """Carries datagrams to one of several servers and back, each device by a socket of its own."""

    def __init__(self, servers):
        import threading

        self.servers, self.chosen, self.open = servers, 0, True
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind(("127.0.0.1", 0))
        self.port = self.front.getsockname()[1]
        self.backs = {}
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def use(self, number):
        self.chosen = number

    def run(self):
        import select

        while self.open:
            ready, _, _ = select.select([self.front, *self.backs.values()], [], [], 0.1)
            for s in ready:
                try:
                    data, sender = s.recvfrom(2048)
                except OSError:
                    continue
                if s is self.front:
                    if sender not in self.backs:
                        self.backs[sender] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    self.backs[sender].sendto(data, self.servers[self.chosen])
                else:
                    device = next(device for device, back in self.backs.items() if back is s)
                    self.front.sendto(data, device)

    def close(self):
        self.open = False
        self.thread.join()
        for s in (self.front, *self.backs.values()):
            s.close()


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
