"""Webhooks, ntfy and e-mail, from the real binary to receivers that are slow, closed, angry or elsewhere."""
import base64
import hashlib
import hmac
import json
import os
import re
import socket
import socketserver
import subprocess
import sys
import threading
import time
import unittest
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import patience, status
from page_test import Page


class Receiver:
    """An HTTP server that keeps what comes. `answer(request)` gives status, headers and body, and may take its time."""

    def __init__(self, test, port=0):
        receiver = self
        self.requests = []
        self.answer = lambda request: (204, {}, b"")

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = {"path": self.path, "headers": dict(self.headers), "body": body, "at": time.monotonic()}
                receiver.requests.append(request)
                code, headers, content = receiver.answer(request)
                try:
                    self.send_response(code)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    pass  # who asked has gone

            def log_message(self, *_):
                pass

        ThreadingHTTPServer.daemon_threads = True
        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        test.addCleanup(self.close)

    def close(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def bodies(self):
        return [json.loads(request["body"]) for request in self.requests]


class Integrations(Page):
    private = '["127.0.0.0/8"]'

    def setUp(self):
        super().setUp()
        self.configuration = self.folder / "drydock.toml"
        self.configuration.write_text(
            f"[integrations]\nprivate_networks = {self.private}\nretry_seconds = 1\n[updates]\nstop_seconds = 1\n"
        )
        self.program_options = ("--config", str(self.configuration))

    def restart(self, how="terminate"):
        getattr(self.process, how)()
        self.process.wait(timeout=patience)
        self.udp_port = 0
        self.open()

    def add(self, kind="webhook", events=("door/",), digest=0, expected=201, **settings):
        body = {
            "name": f"{kind} {time.monotonic()}",
            "kind": kind,
            "events": list(events),
            "settings": settings,
            "digest_minutes": digest,
        }
        code, answer, _ = self.ask("POST", "integrations", body)
        self.assertEqual(code, expected, answer)
        return answer

    def shown(self, number):
        return next(i for i in self.ask("GET", "integrations")[1]["integrations"] if i["id"] == number)

    def token(self):
        code, answer, _ = self.ask("POST", "tokens", {"name": "program", "scopes": "call"})
        self.assertEqual(code, 201, answer)
        return answer["token"]

    def publish(self, token, name, data=""):
        code, answer, _ = self.ask(
            "POST",
            "/v1/devices/events",
            urllib.parse.urlencode({"name": name, "data": data}),
            {"Authorization": "Bearer " + token, "Content-Type": "application/x-www-form-urlencoded"},
            raw=True,
            cookie=False,
        )
        self.assertEqual(code, 200, answer)

    def serve(self, handler):
        """Connections by such handlers, at the port that this gives."""
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_address[1]

    def begun(self, **options):
        self.open()
        self.enter()
        self.receiver = Receiver(self)
        return self.add(url=f"http://127.0.0.1:{self.receiver.port}/hook", **options), self.token()


class Webhooks(Integrations):
    def test_an_event_arrives_as_it_was_and_is_signed(self):
        made, token = self.begun(headers=["X-Room: cellar"])
        self.publish(token, "door/open", "front")
        self.publish(token, "window/open", "front")
        self.publish(token, "door/shut", "back")
        self.wait_for(lambda: len(self.receiver.requests) == 2)
        first, second = self.receiver.requests
        body = json.loads(first["body"])
        self.assertEqual((body["event"], body["data"], body["coreid"]), ("door/open", "front", ""))
        self.assertRegex(body["published_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(json.loads(second["body"])["event"], "door/shut")
        self.assertEqual(first["headers"]["X-Room"], "cellar")
        # https://www.standardwebhooks.com, worked out here by itself
        key = base64.b64decode(made["secret"].removeprefix("whsec_"))
        head = {name.lower(): value for name, value in first["headers"].items()}
        text = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + first["body"]
        signature = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
        self.assertEqual(head["webhook-signature"], "v1," + signature)
        self.wait_for(lambda: self.shown(made["id"])["waiting"] == 0)
        self.assertIsNotNone(self.shown(made["id"])["last_sent"])

    def test_updates_of_devices_are_told(self):
        self.stock()
        self.open()
        self.enter()
        self.receiver = Receiver(self)
        self.add(events=["spark/status", "drydock/update/"], url=f"http://127.0.0.1:{self.receiver.port}/")
        self.result(self.launch(1))
        told = lambda: [(b["event"], b["data"]) for b in self.receiver.bodies()]
        self.wait_for(lambda: "drydock/update/finished" in [name for name, _ in told()])
        self.assertEqual(told()[0], ("spark/status", "online"))
        verified = [json.loads(data)["module"] for name, data in told() if name == "drydock/update/verified"]
        self.assertEqual(len(verified), 2, told())
        self.assertTrue(all(body["coreid"] for body in self.receiver.bodies()))

    def test_a_new_device_is_told(self):
        self.stock()
        self.start("--policy", "approve")
        self.web = int(re.findall(r"the page is at https?://<this machine>:(\d+)", self.log.read_text())[-1])
        self.enter()
        self.receiver = Receiver(self)
        self.add(events=["drydock/device/waiting"], url=f"http://127.0.0.1:{self.receiver.port}/")
        fleet = self.launch(1)
        self.wait_for(lambda: self.receiver.requests)
        body = self.receiver.bodies()[0]
        self.assertEqual((body["event"], body["coreid"]), ("drydock/device/waiting", "0" * 24))
        self.assertEqual(body["words"], "0" * 24 + " is new, at 127.0.0.1, and waits for approval")
        fleet.kill()

    def test_what_is_wrong_with_one_holds_up_no_other(self):
        made, token = self.begun()
        self.receiver.answer = lambda request: (400 if b"bad" in request["body"] else 200, {}, b"not JSON")
        for data in ("bad", "good"):
            self.publish(token, "door/open", data)
        self.wait_for(lambda: len(self.receiver.requests) == 2)
        self.wait_for(lambda: self.shown(made["id"])["dead"] == 1 and self.shown(made["id"])["waiting"] == 0)

    def test_a_template_makes_the_body(self):
        _, token = self.begun(
            template='{"text":"{{PARTICLE_EVENT_NAME}}: {{temperature}} {{{list}}}{{nothing}}"}', content_type="text/x"
        )
        self.publish(token, "door/a", '{"temperature":21.5,"list":[1,2]}')
        self.publish(token, "door/b", 'a "quoted" word')
        self.wait_for(lambda: len(self.receiver.requests) == 2)
        self.assertEqual(self.receiver.requests[0]["body"], b'{"text":"door/a: 21.5 [1,2]"}')
        self.assertEqual(self.receiver.requests[0]["headers"]["Content-Type"], "text/x")

    def test_what_fails_is_tried_again_in_order_and_nobody_else_waits(self):
        made, token = self.begun()
        other = Receiver(self)
        self.add(url=f"http://127.0.0.1:{other.port}/other")
        failures = [500, 302, 429]
        places = {302: {"Location": "http://127.0.0.1:1/elsewhere"}, 429: {"Retry-After": "1"}}
        self.receiver.answer = lambda _: (
            (lambda code: (code, places.get(code, {}), b"no <b>today</b>"))(failures.pop(0))
            if failures
            else (200, {}, b"")
        )
        for number in range(3):
            self.publish(token, "door/open", str(number))
        self.wait_for(lambda: len(other.requests) == 3)
        self.assertGreater(len(failures), 0)  # the other one was not kept waiting
        self.wait_for(lambda: self.shown(made["id"])["last_error"])
        self.assertIn("500: no <b>today</b>", self.shown(made["id"])["last_error"])
        self.wait_for(lambda: "points to http://127.0.0.1:1/elsewhere" in self.shown(made["id"])["last_error"])
        self.wait_for(lambda: len(self.receiver.requests) == 6)
        self.assertEqual([b["data"] for b in self.receiver.bodies()], ["0", "0", "0", "0", "1", "2"])
        self.assertEqual(len({r["headers"]["webhook-id"] for r in self.receiver.requests[:4]}), 1)
        self.wait_for(lambda: self.shown(made["id"])["waiting"] == 0)
        self.assertEqual(self.shown(made["id"])["last_error"], "")

    def test_a_slow_receiver_and_a_closed_one_hold_up_nothing(self):
        made, token = self.begun()
        go_on = threading.Event()
        self.addCleanup(go_on.set)
        self.receiver.answer = lambda _: (go_on.wait(patience), (200, {}, b""))[1]
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            nobody = self.add(url=f"http://127.0.0.1:{closed.getsockname()[1]}/")
            self.publish(token, "door/open")
            self.wait_for(lambda: self.receiver.requests and self.shown(nobody["id"])["last_error"])
            self.stock()
            self.updated(1)
            began = time.monotonic()
            self.process.terminate()
            self.process.wait(timeout=patience)
            self.assertLess(time.monotonic() - began, 8)

    def test_a_restart_loses_nothing_that_was_promised(self):
        made, token = self.begun()
        port = self.receiver.port
        self.receiver.close()
        for number in range(40):
            self.publish(token, "door/open", str(number))
        self.wait_for(lambda: self.shown(made["id"])["waiting"] == 40)
        self.restart("kill")
        self.restart("terminate")
        self.receiver = Receiver(self, port)
        self.wait_for(lambda: self.shown(made["id"])["waiting"] == 0)
        self.assertEqual([b["data"] for b in self.receiver.bodies()], [str(n) for n in range(40)])

    def test_the_queue_is_bounded_and_what_was_given_up_waits_for_a_person(self):
        made, token = self.begun()
        self.receiver.close()
        bound = 1000
        self.process.terminate()
        self.process.wait(timeout=patience)
        database = __import__("sqlite3").connect(self.state / "drydock.db")
        with database:
            database.executemany(
                "INSERT INTO deliveries (integration_id, node, event, data, device_id, published_at, state, attempts, error)"
                " VALUES (?, 0, 'door/open', ?, '', 0, 'waiting', 9, '')",
                [(made["id"], str(n)) for n in range(bound - 1)],
            )
        database.close()
        self.udp_port = 0
        self.open()
        # The tenth try is the last one of each.
        self.wait_for(lambda: self.shown(made["id"])["dead"] == 200)
        self.wait_for(lambda: self.shown(made["id"])["waiting"] == 0)
        dead = self.ask("GET", f"integrations/{made['id']}/dead")[1]["dead"]
        self.assertEqual([d["data"] for d in dead[:2]], ["998", "997"])
        self.assertIn("was not sent", dead[0]["error"])
        for number in range(bound + 5):
            self.publish(token, "door/open", str(number))
        self.wait_for(lambda: self.shown(made["id"])["dropped"] >= 5)
        self.assertLessEqual(self.shown(made["id"])["waiting"], bound)
        self.assertEqual(self.ask("DELETE", f"integrations/{made['id']}/dead")[0], 204)
        self.assertEqual(self.shown(made["id"])["dead"], 0)

    def test_a_person_tries_again_what_was_given_up(self):
        made, token = self.begun()
        self.receiver.answer = lambda _: (500, {}, b"")
        self.publish(token, "door/open", "late")
        self.wait_for(lambda: self.receiver.requests)
        self.process.terminate()
        self.process.wait(timeout=patience)
        database = __import__("sqlite3").connect(self.state / "drydock.db")
        with database:
            database.execute("UPDATE deliveries SET attempts = 9")
        database.close()
        self.udp_port = 0
        self.open()
        self.wait_for(lambda: self.shown(made["id"])["dead"] == 1)
        self.receiver.answer = lambda _: (200, {}, b"")
        self.assertEqual(self.ask("POST", f"integrations/{made['id']}/retry")[0], 204)
        self.wait_for(lambda: self.shown(made["id"])["dead"] == self.shown(made["id"])["waiting"] == 0)
        self.assertEqual(self.receiver.bodies()[-1]["data"], "late")

    def test_a_test_says_at_once_what_became_of_it(self):
        made, _ = self.begun()
        self.assertEqual(self.ask("POST", f"integrations/{made['id']}/test")[0], 204)
        self.assertEqual(self.receiver.bodies()[0]["event"], "drydock/test")
        self.receiver.answer = lambda _: (403, {}, b"wrong key")
        code, answer, _ = self.ask("POST", f"integrations/{made['id']}/test")
        self.assertEqual((code, answer["detail"]), (502, "the receiver answered 403: wrong key"))


class PrivateAddresses(Integrations):
    private = '["10.0.0.0/8"]'

    def test_what_is_not_allowed_is_not_asked(self):
        self.open()
        self.enter()
        receiver = Receiver(self)
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433"):
            made = self.add(url=f"http://{host}:{receiver.port}/")
            code, answer, _ = self.ask("POST", f"integrations/{made['id']}/test")
            self.assertEqual(code, 502)
            self.assertIn("integrations.private_networks", answer["detail"], host)
        self.assertEqual(receiver.requests, [])


class Harm(Integrations):
    def test_settings_that_cannot_be_used_are_told(self):
        self.open()
        self.enter()
        for settings in (
            {"url": "ftp://a/b"},
            {"url": "file:///etc/passwd"},
            {"url": "http://a/\r\nX: y"},
            {"url": "http://a/", "headers": ["no colon"]},
            {"url": "http://a/", "headers": ["A: b\r\nC: d"]},
            {"url": "http://a/", "secret": "short"},
            {"url": "http://a/", "secret": "whsec_"},
            {"url": "http://a/", "secret": "whsec_not base64 at all, and long enough to be one"},
            {"url": "http://a/", "method": "GET"},
            {},
        ):
            self.add(expected=422, **settings)
        good = {"server": "mail.example.org", "tls": "starttls", "from": "a@example.org", "to": ["b@example.org"]}
        for wrong in (
            {"tls": "yes"},
            {"from": "nobody"},
            {"to": []},
            {"to": ["b@example.org\r\nDATA"]},
            {"server": "a/b"},
            {"tls": "off", "user": "u", "password": "p"},
            {"server": "h:1x"},
            {"server": "h:465"},
        ):
            self.add(kind="email", expected=422, **{**good, **wrong})
        self.add(kind="email", **good)

    def test_a_body_nested_without_end_is_refused(self):
        self.open()
        self.enter()
        for deep in ('{"a":' * 5000 + "1" + "}" * 5000, "[" * 5000 + "]" * 5000):
            body = f'{{"name":"x","kind":"webhook","events":["a"],"settings":{{"url":"http://a/","headers":{deep}}}}}'
            self.assertEqual(self.ask("POST", "integrations", body, raw=True)[0], 422)
        self.assertEqual(self.ask("GET", "integrations")[1]["integrations"], [])

    def test_an_answer_without_an_end_is_not_read_to_it(self):
        made, token = self.begun()
        taken = []

        class Endless(socketserver.StreamRequestHandler):
            def handle(self):
                self.rfile.readline()
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
                sent = 0
                try:
                    while sent < 1_000_000_000:
                        self.wfile.write(b"x" * 10_000)
                        sent += 10_000
                except OSError:
                    pass
                taken.append(sent)

        port = self.serve(Endless)
        endless = self.add(url=f"http://127.0.0.1:{port}/")
        self.assertEqual(self.ask("POST", f"integrations/{endless['id']}/test")[0], 204)  # it has said that it has it
        self.wait_for(lambda: taken)
        self.assertLess(taken[0], 50_000_000)

    def test_who_was_just_added_is_told_what_comes_next(self):
        made, token = self.begun()
        for number in range(20):
            receiver = self.add(events=[f"next{number}"], url=f"http://127.0.0.1:{self.receiver.port}/{number}")
            self.publish(token, f"next{number}")
            self.assertEqual(self.ask("GET", f"integrations")[0], 200)
            self.wait_for(lambda: f"/{number}" in [r["path"] for r in self.receiver.requests])
            self.assertEqual(self.ask("DELETE", f"integrations/{receiver['id']}")[0], 204)

    def test_secrets_do_not_come_back_and_stay_when_nothing_is_said(self):
        self.open()
        self.enter()
        made = self.add(
            url="https://example.org/",
            secret="whsec_" + base64.b64encode(b"secret" * 4).decode(),
            headers=["Authorization: Bearer c2VjcmV0"],
        )
        text = json.dumps(self.ask("GET", "integrations")[1])
        self.assertNotIn("c2VjcmV0", text)
        self.assertIs(self.shown(made["id"])["settings"]["secret"], True)
        self.assertEqual(self.shown(made["id"])["settings"]["headers"], ["Authorization: …"])
        settings = {"url": "https://example.org/other", "headers": ["Authorization: …"]}
        body = {"name": "n", "kind": "webhook", "events": ["a"], "settings": settings}
        self.assertEqual(self.ask("PUT", f"integrations/{made['id']}", body)[0], 204)
        kept = json.loads(self.query("SELECT settings FROM integrations")[0][0])
        self.assertEqual(kept["headers"], ["Authorization: Bearer c2VjcmV0"])
        self.assertIn("c2VjcmV0", kept["secret"])
        # Nobody learns them by sending them elsewhere.
        settings["url"] = "https://example.com/"
        code, answer, _ = self.ask("PUT", f"integrations/{made['id']}", body)
        self.assertEqual(code, 422)
        self.assertIn("another receiver", answer["detail"])
        phone = self.add(kind="ntfy", url="https://ntfy.sh/topic", token="c2VjcmV0")
        body = {"name": "p", "kind": "ntfy", "events": ["a"], "settings": {"url": "https://example.com/topic"}}
        self.assertEqual(self.ask("PUT", f"integrations/{phone['id']}", body)[0], 422)
        body["settings"]["token"] = ""
        self.assertEqual(self.ask("PUT", f"integrations/{phone['id']}", body)[0], 204)
        self.assertNotIn("c2VjcmV0", json.dumps(self.query("SELECT * FROM audit")))

    def test_a_device_cannot_pass_for_this_server(self):
        made, token = self.begun(events=["drydock/", "spark/"])
        for name in ("drydock/update/failed", "Drydock/test", "spark/status"):
            code, _, _ = self.ask(
                "POST",
                "/v1/devices/events",
                f"name={name}",
                {"Authorization": "Bearer " + token, "Content-Type": "application/x-www-form-urlencoded"},
                raw=True,
                cookie=False,
            )
            self.assertEqual(code, 400, name)


class Notifications(Integrations):
    def test_ntfy_gets_one_message_and_then_a_digest(self):
        self.open()
        self.enter()
        receiver = Receiver(self)
        hold = threading.Event()
        self.addCleanup(hold.set)
        receiver.answer = lambda _: (hold.wait(patience), (200, {}, b""))[1]
        self.add(kind="ntfy", events=["door/"], url=f"http://127.0.0.1:{receiver.port}/topic", token="tk_1")
        token = self.token()
        self.publish(token, "door/open", "first")
        self.wait_for(lambda: receiver.requests)
        for number in range(120):
            self.publish(token, "door/open", f"more {number}")
        hold.set()
        self.wait_for(lambda: len(receiver.requests) == 2)
        first, second = receiver.requests
        self.assertEqual(first["path"], "/topic")
        self.assertEqual(first["headers"]["Authorization"], "Bearer tk_1")
        self.assertIn("Drydock on", first["headers"]["Title"])
        self.assertEqual(first["body"].decode(), "published door/open: first")
        text = second["body"].decode()
        self.assertIn("120 events", text)
        self.assertIn("more 0\n", text)
        shown = text.count("published door/open: more")
        self.assertGreater(shown, 40)
        self.assertTrue(text.endswith(f"and {120 - shown} more\n"), text[-200:])
        self.assertLessEqual(len(second["body"]), 4096)

    def test_a_mail_server_that_falls_silent_holds_up_nobody(self):
        held = []

        class Silent(socketserver.StreamRequestHandler):
            def handle(self):
                for answer in ("220 test", "250 ok", "550 no"):
                    self.wfile.write(answer.encode() + b"\r\n")
                    self.rfile.readline()
                held.append(self.connection)
                go_on.wait(patience)

        go_on = threading.Event()
        self.addCleanup(go_on.set)
        port = self.serve(Silent)
        made, token = self.begun()
        mail = self.add(
            kind="email",
            events=["door/"],
            server=f"127.0.0.1:{port}",
            tls="off",
            to=["one@example.org"],
            **{"from": "drydock@example.org"},
        )
        self.publish(token, "door/open")
        self.wait_for(lambda: held)
        self.publish(token, "door/open")
        self.wait_for(lambda: len(self.receiver.requests) == 2)
        self.wait_for(lambda: "550" in self.shown(mail["id"])["last_error"])
        began = time.monotonic()
        self.process.terminate()
        self.process.wait(timeout=patience)
        self.assertLess(time.monotonic() - began, 10)

    def test_a_mail_server_that_never_says_goodbye_does_not_keep_the_service(self):
        class Impolite(socketserver.StreamRequestHandler):
            def handle(self):
                self.wfile.write(b"220 test\r\n")
                while line := self.rfile.readline():
                    if line == b"DATA\r\n":
                        self.wfile.write(b"354 go on\r\n")
                        while self.rfile.readline() != b".\r\n":
                            pass
                    if line == b"QUIT\r\n":
                        go_on.wait(patience)
                        return
                    self.wfile.write(b"250 ok\r\n")

        go_on = threading.Event()
        self.addCleanup(go_on.set)
        port = self.serve(Impolite)
        self.open()
        self.enter()
        mail = self.add(
            kind="email",
            server=f"127.0.0.1:{port}",
            tls="off",
            to=["one@example.org"],
            **{"from": "drydock@example.org"},
        )
        self.assertEqual(self.ask("POST", f"integrations/{mail['id']}/test")[0], 204)
        began = time.monotonic()
        self.process.terminate()
        self.process.wait(timeout=patience)
        self.assertLess(time.monotonic() - began, 10)

    def test_who_wants_to_be_told_more_often_is(self):
        self.open()
        self.enter()
        receiver = Receiver(self)
        made = self.add(kind="ntfy", events=["door/"], digest=1440, url=f"http://127.0.0.1:{receiver.port}/topic")
        token = self.token()
        self.publish(token, "door/open", "first")
        self.wait_for(lambda: self.shown(made["id"])["last_sent"])
        self.publish(token, "door/open", "second")
        self.wait_for(lambda: self.shown(made["id"])["waiting"] == 1)
        body = {
            "name": "n",
            "kind": "ntfy",
            "events": ["door/"],
            "settings": {"url": f"http://127.0.0.1:{receiver.port}/topic"},
        }
        # Told more often from now on: at once.
        self.assertEqual(self.ask("PUT", f"integrations/{made['id']}", {**body, "digest_minutes": 0})[0], 204)
        self.wait_for(lambda: len(receiver.requests) == 2)

    def test_a_change_of_one_is_no_try_of_another(self):
        made, token = self.begun()
        self.configuration.write_text(self.configuration.read_text().replace("retry_seconds = 1", "retry_seconds = 60"))
        self.restart()
        self.receiver.answer = lambda _: (500, {}, b"")
        self.publish(token, "door/open")
        self.wait_for(lambda: self.shown(made["id"])["last_error"])
        for _ in range(5):
            other = self.add(events=["other/"], url=f"http://127.0.0.1:{self.receiver.port}/other")
            self.assertEqual(self.ask("POST", f"integrations/{other['id']}/test")[0], 502)
            self.assertEqual(self.ask("DELETE", f"integrations/{other['id']}")[0], 204)
        self.assertEqual([r["path"] for r in self.receiver.requests].count("/hook"), 1)
        # Who asks for it himself need not wait.
        self.assertEqual(self.ask("POST", f"integrations/{made['id']}/retry")[0], 204)
        self.wait_for(lambda: [r["path"] for r in self.receiver.requests].count("/hook") == 2)

    def mail_server(self, mails, refused="nothing", words="550 5.1.1 no such user"):
        class Smtp(socketserver.StreamRequestHandler):
            def handle(self):
                say = lambda line: self.wfile.write(line.encode() + b"\r\n")
                say("220 test")
                mail = {"to": []}
                while line := self.rfile.readline().decode().strip():
                    word = line.upper()
                    if word.startswith("MAIL FROM"):
                        mail = {"from": line, "to": []}  # one connection may bring several
                    elif word.startswith("RCPT TO") and refused in line:
                        say(words)
                        continue
                    elif word.startswith("RCPT TO"):
                        mail["to"].append(line)
                    elif word == "DATA":
                        say("354 go on")
                        lines = iter(lambda: self.rfile.readline().decode(), ".\r\n")
                        mail["text"] = "".join(lines)
                        mails.append(mail)
                    elif word == "QUIT":
                        say("221 bye")
                        return
                    say("250 ok")

        return self.serve(Smtp)

    def test_an_address_that_is_gone_keeps_no_mail_from_the_others(self):
        mails = []
        port = self.mail_server(mails, refused="nobody@")
        self.open()
        self.enter()
        mail = {"kind": "email", "events": ["door/"], "server": f"127.0.0.1:{port}", "tls": "off"}
        sender = {"from": "drydock@example.org"}
        made = self.add(**mail, **sender, to=["nobody@example.org", "one@example.org"])
        self.publish(self.token(), "door/open", "x")
        self.wait_for(lambda: mails)
        self.assertEqual(mails[0]["to"], ["RCPT TO:<one@example.org>"])
        said = "the mail server refused nobody@example.org (550 5.1.1 no such user); the others have it"
        self.wait_for(lambda: self.shown(made["id"])["last_error"] == said)
        self.assertEqual(self.shown(made["id"])["waiting"], 0)
        tested = self.ask("POST", f"integrations/{made['id']}/test")
        self.assertEqual((tested[0], tested[1]["detail"]), (502, said))
        # Refused for now only: nobody gets it twice.
        mails.clear()
        mail["server"] = f"127.0.0.1:{self.mail_server(mails, 'later@', '450 4.2.1 try later')}"
        later = self.add(**mail, **sender, to=["one@example.org", "later@example.org"])
        tested = self.ask("POST", f"integrations/{later['id']}/test")
        self.assertEqual(tested[1]["detail"], "the mail server refused later@example.org (450 4.2.1 try later)")
        self.assertEqual(mails, [])
        mail["server"] = f"127.0.0.1:{port}"
        alone = self.add(**mail, **sender, to=["nobody@example.org"])
        tested = self.ask("POST", f"integrations/{alone['id']}/test")
        self.assertEqual(tested[1]["detail"], "the mail server refused nobody@example.org (550 5.1.1 no such user)")

    def test_a_whole_fleet_that_goes_is_told_to_all(self):
        self.stock()
        self.open()
        self.enter()
        receivers = [self.add(url="http://127.0.0.1:1/", events=["spark/status"])["id"] for _ in range(12)]
        devices = 100
        fleet = self.launch(devices, current=True, peace=600_000, **{"one-key": True})
        self.wait_for(lambda: self.query("SELECT count(*) FROM devices WHERE connected = 1") == [(devices,)])
        fleet.kill()
        told = (
            "SELECT integration_id, count(DISTINCT device_id) FROM deliveries WHERE data = 'offline' "
            "GROUP BY integration_id ORDER BY integration_id"
        )
        self.wait_for(lambda: self.query(told) == [(number, devices) for number in receivers])
        self.assertEqual({self.shown(number)["dropped"] for number in receivers}, {0})

    def test_a_good_test_lets_what_waits_go_on(self):
        self.configuration.write_text(
            self.configuration.read_text().replace("retry_seconds = 1", "retry_seconds = 3600")
        )
        self.open()
        self.enter()
        receiver = Receiver(self)
        receiver.answer = lambda _: (500, {}, b"")
        made = self.add(url=f"http://127.0.0.1:{receiver.port}/hook")
        self.publish(self.token(), "door/open", "x")
        self.wait_for(lambda: self.shown(made["id"])["last_error"])
        receiver.answer = lambda _: (200, {}, b"")
        self.assertEqual(self.ask("POST", f"integrations/{made['id']}/test")[0], 204)
        self.wait_for(lambda: self.shown(made["id"])["waiting"] == 0)

    def test_mail_arrives(self):
        mails = []
        port = self.mail_server(mails)
        self.open()
        self.enter()
        made = self.add(
            kind="email",
            events=["door/"],
            digest=15,
            server=f"127.0.0.1:{port}",
            tls="off",
            to=["one@example.org", "two@example.org"],
            **{"from": "drydock@example.org"},
        )
        self.assertEqual(self.ask("POST", f"integrations/{made['id']}/test")[0], 204)
        token = self.token()
        self.publish(token, "door/open", "größer")
        self.wait_for(lambda: len(mails) == 2)
        import email
        import email.policy

        mail = email.message_from_string(mails[1]["text"], policy=email.policy.default)
        self.assertEqual(mail["To"], "one@example.org, two@example.org")
        self.assertIn("published door/open: größer", mail["Subject"])
        self.assertIn("published door/open: größer", mail.get_body().get_content())
        self.assertIsNotNone(mail["Date"].datetime)
        self.assertEqual(len(mails[1]["to"]), 2)
        # Not in the clear, whatever another one may do with the same server.
        secret = self.add(
            kind="email",
            events=["nothing/"],
            server=f"127.0.0.1:{port}",
            tls="starttls",
            to=["secret@example.org"],
            **{"from": "drydock@example.org"},
        )
        self.assertEqual(self.ask("POST", f"integrations/{secret['id']}/test")[0], 502)
        self.assertFalse([mail for mail in mails if "secret" in str(mail)])
        # What comes within the next quarter of an hour waits for its end.
        self.publish(token, "door/open", "later")
        self.wait_for(lambda: self.shown(made["id"])["waiting"] == 1)
        self.assertEqual(len(mails), 2)


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main()
