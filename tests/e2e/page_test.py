"""The page's server: its API against its own description, who gets in, and clients that mean harm."""
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

import jsonschema
from harness import ServiceFolder, patience, status

password = "correct horse"


class Page(ServiceFolder):
    """A service with its page, and a client that keeps the cookie."""

    def setUp(self):
        super().setUp()
        self.page = ("--web-port", "0")
        self.cookie = self.browser = None

    def open(self, *more):
        self.start("--policy", "open", *more)
        self.web = int(re.findall(r"the page is at https?://<this machine>:(\d+)", self.log.read_text())[-1])

    def ask(self, method, path, body=None, headers=None, cookie=True, raw=False, source="127.0.0.1"):
        connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=patience, source_address=(source, 0))
        try:
            return self.exchange(connection, method, path, body, headers, cookie, raw)
        finally:
            connection.close()

    def exchange(self, connection, method, path, body, headers, cookie, raw):
        head = {"X-Drydock": "1"}
        if cookie and self.cookie:
            kinds = ("", "_tls")
            head["Cookie"] = "; ".join(f"drydock{kind}={self.cookie}" for kind in kinds)
            if self.browser:
                head["Cookie"] += "".join(f"; drydock_browser{kind}={self.browser}" for kind in kinds)
        head.update(headers or {})
        content = body if raw or body is None else json.dumps(body)
        connection.request(
            method,
            path if path.startswith("/") else "/api/v1/" + path,
            content,
            {k: v for k, v in head.items() if v is not None},
        )
        response = connection.getresponse()
        text = response.read()
        for given in response.msg.get_all("Set-Cookie") or []:
            if found := re.match(r"drydock(?:_tls)?=(\w+)", given):
                self.cookie = found.group(1)
            if found := re.match(r"drydock_browser(?:_tls)?=(\w+)", given):
                self.browser = found.group(1)
        answer = json.loads(text) if "json" in (response.getheader("Content-Type") or "") else text
        return response.status, answer, response

    def code(self):
        return re.findall(r"set-up code (\S+)", self.log.read_text())[-1]

    def enter(self):
        status, answer, _ = self.ask("POST", "setup", {"code": self.code(), "password": password})
        self.assertEqual(status, 204, answer)

    def updated(self, count):
        self.result(self.launch(count))
        self.wait_for(lambda: [d["state"] for d in self.ask("GET", "devices")[1]["devices"]] == ["current"] * count)


class GettingIn(Page):
    def test_the_set_up_code_is_good_for_one_password(self):
        self.open()
        self.assertEqual(self.ask("GET", "session")[1]["state"], "setup")
        self.assertIn(self.code(), self.run_drydock("status").stdout)
        self.assertEqual(self.ask("GET", "devices")[0], 401)
        self.assertEqual(self.ask("POST", "setup", {"code": "aaaa-aaaa-aaaa", "password": password})[0], 401)
        self.assertEqual(self.ask("POST", "setup", {"code": self.code(), "password": "short"})[0], 422)
        self.enter()
        self.assertEqual(self.ask("GET", "session")[1]["state"], "in")
        self.assertEqual(self.ask("POST", "setup", {"code": self.code(), "password": password})[0], 409)
        self.assertNotIn("set-up code", self.run_drydock("status").stdout)

    def test_the_page_costs_no_threads_while_nobody_looks(self):
        self.open()
        threads = lambda: len(os.listdir(f"/proc/{self.process.pid}/task"))
        with socket.create_connection(("127.0.0.1", self.web), timeout=patience):
            before = threads()  # nor does a connection that says nothing
            self.assertLess(before, 10)
            self.assertEqual(self.ask("GET", "/")[0], 200)
            self.assertGreater(threads(), before + 30)

    def test_over_ipv6(self):
        config = self.folder / "drydock.toml"
        config.write_text('[web]\naddress = "::1"\n')
        self.program_options = ("--config", config)
        self.open()
        connection = http.client.HTTPConnection("::1", self.web, timeout=patience)
        self.addCleanup(connection.close)
        connection.request("GET", "/api/v1/session")
        self.assertEqual(json.loads(connection.getresponse().read())["state"], "setup")
        for _ in range(4):
            connection.request(
                "POST", "/api/v1/setup", json.dumps({"code": "a", "password": password}), {"X-Drydock": "1"}
            )
            answer = connection.getresponse()
            answer.read()
        self.assertEqual(answer.status, 429)  # its address is known
        self.assertIn("the page: ::1 was not let in", self.log.read_text())

    def test_a_session_outlives_a_restart_and_ends_with_logging_out(self):
        self.open()
        self.enter()
        self.stop(self.process)
        self.open()
        self.assertEqual(self.ask("GET", "devices")[0], 200)
        kept = self.cookie
        self.assertEqual(self.ask("POST", "logout")[0], 204)
        self.cookie = kept  # replayed
        self.assertEqual(self.ask("GET", "devices")[0], 401)
        self.assertEqual(self.ask("POST", "login", {"password": password})[0], 204)
        self.assertEqual(self.ask("GET", "devices")[0], 200)

    def test_a_new_password_ends_the_other_sessions(self):
        self.open()
        self.enter()
        other = self.cookie
        self.ask("POST", "login", {"password": password})
        self.assertEqual(self.ask("POST", "password", {"old": "wrong one", "new": "another one"})[0], 403)
        self.assertEqual(self.ask("POST", "password", {"old": password, "new": "another one"})[0], 204)
        self.assertEqual(self.ask("GET", "devices")[0], 200)
        self.cookie = other
        self.assertEqual(self.ask("GET", "devices")[0], 401)

    def test_wrong_tries_are_slowed_down(self):
        self.open()
        self.enter()
        guess = lambda: self.ask("POST", "login", {"password": "guess"}, cookie=False)[0]
        self.assertEqual([guess() for _ in range(4)], [401, 401, 401, 429])
        status, answer, response = self.ask("POST", "login", {"password": password}, cookie=False)
        self.assertEqual(status, 429)  # the right one too
        self.assertGreaterEqual(int(response.getheader("Retry-After")), 1)
        self.assertIn("wait", answer["detail"])
        # Not the browser that was in before: it is known by its cookie, whatever its address does.
        self.assertEqual(self.ask("POST", "login", {"password": password})[0], 204)

    def test_a_crowd_that_tries_at_the_same_time_gets_three_tries(self):
        self.open()
        self.enter()
        answers = []
        threads = [
            threading.Thread(
                target=lambda: answers.append(self.ask("POST", "login", {"password": "guess"}, cookie=False)[0])
            )
            for _ in range(18)
        ]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertLessEqual(answers.count(401), 5)  # a second or two may pass meanwhile
        self.assertEqual(answers.count(401) + answers.count(429), 18)

    def test_behind_a_proxy_people_have_their_own_address(self):
        config = self.folder / "drydock.toml"
        config.write_text('[web]\ntrusted_proxies = ["127.0.0.1"]\nhosts = ["drydock.example.org"]\n')
        self.program_options = ("--config", config)
        self.open()
        self.enter()
        guess = lambda who: self.ask(
            "POST", "login", {"password": "guess"}, cookie=False, headers={"X-Forwarded-For": who}
        )[0]
        self.assertEqual([guess("10.9.9.9") for _ in range(4)], [401, 401, 401, 429])
        self.assertEqual(guess("10.8.8.8"), 401)
        self.assertEqual(guess("10.7.7.7, 10.9.9.9"), 429)  # what the client itself says in front counts for nothing
        self.assertEqual(self.ask("GET", "devices", headers={"Host": "drydock.example.org"})[0], 200)
        self.stop(self.process)
        self.program_options = ()
        self.open()
        self.assertEqual(
            [guess(f"10.6.6.{i}") for i in range(4)], [401, 401, 401, 429]
        )  # without the setting nobody is believed

    def test_passwords_cost_no_memory_that_stays(self):
        self.open()
        self.enter()
        anonymous = lambda: status(self.process.pid, "RssAnon")
        before = anonymous()
        for client in range(6):
            answer = self.ask("POST", "login", {"password": "wrong"}, cookie=False, source=f"127.0.0.{client + 2}")
            self.assertEqual(answer[0], 401)
        one_hash = 19 * 1024
        self.assertLess(anonymous() - before, one_hash / 2)

    def test_a_forgotten_password_is_reset_on_the_machine_itself(self):
        self.open()
        self.enter()
        token = self.ask("POST", "tokens", {"name": "x"})[1]["token"]
        reset = self.run_drydock("password", "reset")
        self.assertEqual(reset.returncode, 0, reset.stderr)
        code = re.search(r"set-up code (\S+)\.", reset.stdout).group(1)
        self.wait_for(lambda: self.ask("GET", "session")[1]["state"] == "setup")
        self.assertEqual(self.ask("GET", "devices")[0], 401)
        self.assertEqual(self.ask("GET", "devices", headers={"Authorization": "Bearer " + token}, cookie=False)[0], 401)
        self.assertEqual(self.ask("POST", "setup", {"code": code, "password": "another one"})[0], 204)
        self.assertEqual(self.ask("GET", "devices")[0], 200)

    def test_tokens_are_for_programs(self):
        self.open()
        self.enter()
        status, made, _ = self.ask("POST", "tokens", {"name": "backup"})
        self.assertEqual(status, 201)
        bearer = {"Authorization": "Bearer " + made["token"], "X-Drydock": None}
        self.assertEqual(self.ask("GET", "devices", headers=bearer, cookie=False)[0], 200)
        self.assertEqual(self.ask("POST", "fleet/pause", headers=bearer, cookie=False)[0], 204)
        known = self.ask("GET", "tokens")[1]["tokens"]
        self.assertEqual([t["name"] for t in known], ["backup"])
        self.assertNotIn(made["token"], json.dumps(known))
        self.assertEqual(self.ask("DELETE", f"tokens/{known[0]['id']}")[0], 204)
        self.assertEqual(self.ask("GET", "devices", headers=bearer, cookie=False)[0], 401)

    def test_guests_may_look_where_it_is_allowed_and_touch_nothing(self):
        config = self.folder / "drydock.toml"
        config.write_text("[web]\nguests = true\n")
        self.program_options = ("--config", config)
        self.open()
        self.assertEqual(self.ask("GET", "devices")[0], 200)
        self.assertEqual(self.ask("POST", "fleet/pause")[0], 403)
        self.assertEqual(self.ask("GET", "tokens")[0], 403)

    def test_nothing_secret_is_on_disk_in_the_clear(self):
        self.open()
        self.enter()
        token = self.ask("POST", "tokens", {"name": "x"})[1]["token"]
        self.stop(self.process)
        database = (self.state / "drydock.db").read_bytes()
        for secret in (password, self.cookie, token):
            self.assertNotIn(secret.encode(), database)


class Description(Page):
    def test_every_answer_is_as_the_description_says(self):
        self.stock()
        self.open()
        self.enter()
        self.updated(2)
        self.assertEqual(
            self.run_drydock("firmware", "add", self.folder / "modules/next-application.bin").returncode, 0
        )
        self.assertEqual(self.ask("POST", "releases", {"name": "seven", "files": ["next-application.bin"]})[0], 201)
        described = self.ask("GET", "openapi.json")[1]
        device = self.ask("GET", "devices")[1]["devices"][0]["id"]
        sha256 = self.ask("GET", "firmware")[1]["modules"][0]["sha256"]
        integration = {
            "name": "hall",
            "kind": "webhook",
            "events": ["drydock/"],
            "settings": {"url": "http://127.0.0.1:1/"},
        }
        bodies = {
            "/tokens post": {"name": "n"},
            "/password post": {"old": password, "new": password},
            "/devices/{id} patch": {"name": "Boiler"},
            "/devices/{id}/replace post": {"by": "nobody"},
            "/backup post": {"password": password},
            "/devices/{id}/targets put": {"modules": [sha256]},
            "/login post": {"password": password},
            "/setup post": {"code": "x", "password": password},
            "/users/{name} put": {"password": password, "role": "viewer"},
            "/releases post": {"name": "vera", "files": [sha256]},
            "/rollouts post": {"release": "seven", "all": True},
            "/targets/fleet put": {"target": {"kind": "latest"}, "hours": "22:00-05:00", "time_zone": "Europe/Berlin"},
            "/targets/{scope}/{subject} put": {"held": True},
            "/groups/rules post": {"group": "greenhouse", "platform": 6},
            "/integrations post": integration,
            "/integrations/{id} put": integration,
        }
        seen = set()
        last = ("/logout", "/devices/{id}/forget")
        for path, methods in sorted(described["paths"].items(), key=lambda item: (item[0] in last, item[0])):
            for method, operation in methods.items():
                if path == "/events":
                    continue
                if path == "/logout":
                    changes = self.ask("GET", "audit")[1]["changes"]
                places = {"id": device, "sha256": sha256, "name": "vera", "action": "pause"}
                places |= {"scope": "platform", "subject": "photon", "label": "pump", "kind": "tcp"}
                if any(word in path for word in ("tokens", "rollouts", "rules", "integrations")):
                    places["id"] = "1"
                where = path.format(**places).lstrip("/")
                body = bodies.get(f"{path} {method}")
                if "requestBody" in operation and "application/octet-stream" in operation["requestBody"]["content"]:
                    status, answer, response = self.ask(
                        method.upper(), where, (self.folder / "modules/application.bin").read_bytes(), raw=True
                    )
                else:
                    status, answer, response = self.ask(method.upper(), where, body)
                name = f"{method} {path}: {status}"
                known = operation["responses"].get(
                    str(status), operation["responses"]["default"] if status >= 400 else None
                )
                self.assertIsNotNone(known, name)
                if "content" in known:
                    ((media, content),) = known["content"].items()
                    self.assertEqual(response.getheader("Content-Type"), media, name)
                    schema = {**content["schema"], "components": described["components"]}
                    jsonschema.Draft202012Validator(schema).validate(answer)
                else:
                    self.assertEqual(answer, b"", name)
                seen.add((path, status))
        # Told twice, refused while needed, done: each happened for real.
        self.assertIn(("/firmware/{sha256}", 409), seen)
        self.assertIn(("/setup", 409), seen)
        self.assertIn(("/firmware", 201), seen)
        self.assertIn(("/users/{name}", 201), seen)
        self.assertIn(("/users/{name}", 204), seen)
        self.assertIn(("/releases/{name}", 204), seen)
        self.assertIn(("/rollouts", 201), seen)
        self.assertIn(("/rollouts/{id}/{action}", 204), seen)
        for changed in (
            "/targets/fleet",
            "/targets/{scope}/{subject}",
            "/groups/rules/{id}",
            "/devices/{id}/labels/{label}",
        ):
            self.assertIn((changed, 204), seen)
        told = [change["what"].split(" {")[0] for change in changes]
        self.assertIn("set targets/fleet", told)
        self.assertIn("rollouts", told)
        self.assertNotIn(password, json.dumps(changes))

    def test_a_backup_comes_by_the_page_for_the_password_alone(self):
        self.stock()
        self.open()
        self.enter()
        token = self.ask("POST", "tokens", {"name": "x"})[1]["token"]
        self.assertEqual(self.ask("PUT", "users/vera", {"password": "long enough it is", "role": "operator"})[0], 201)
        wrong = {"password": "not this one"}
        self.assertEqual(self.ask("POST", "backup", wrong)[0], 403)
        self.assertEqual(self.ask("POST", "backup", {})[0], 422)
        by_token = {"Authorization": f"Bearer {token}"}
        self.assertEqual(self.ask("POST", "backup", wrong, by_token, cookie=False)[0], 403)
        connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=patience)
        head = {"X-Drydock": "1", "Cookie": f"drydock={self.cookie}"}
        connection.request("POST", "/api/v1/backup", json.dumps({"password": password}), head)
        response = connection.getresponse()
        backup = self.folder / "by-page.backup"
        backup.write_bytes(response.read())
        self.assertEqual(response.status, 200)
        self.assertEqual(backup.stat().st_size, int(response.getheader("Content-Length")))
        self.wait_for(lambda: not (self.state / "backup.part").exists())
        self.stop(self.process)
        restored = self.run_drydock("--state", self.folder / "elsewhere", "restore", backup, state=False)
        self.assertEqual(restored.returncode, 0, restored.stderr)
        for name in ("server_key.pem", "server_key_udp.pem"):
            self.assertEqual((self.folder / "elsewhere" / name).read_bytes(), (self.state / name).read_bytes())
        # Who may not administer sees none of this.
        self.open()
        self.cookie = None
        self.ask("POST", "login", {"user": "vera", "password": "long enough it is"})
        for method, path, body in (
            ("POST", "backup", {"password": "long enough it is"}),
            ("GET", "log", None),
            ("GET", "system", None),
        ):
            self.assertEqual(self.ask(method, path, body)[0], 403, path)
        self.assertEqual(self.ask("GET", "history")[0], 200)

    def test_people_decide_and_it_is_done(self):
        self.stock()
        self.open()
        self.enter()
        self.ask("POST", "fleet/pause")
        fleet = self.launch(1)
        waiting = self.wait_for(
            lambda: [d for d in self.ask("GET", "devices")[1]["devices"] if d["state"] == "waiting"]
        )
        self.assertIn("paused", waiting[0]["state_words"])
        device = waiting[0]["id"]
        self.assertEqual(self.ask("POST", f"devices/{device}/hold")[0], 204)
        self.ask("POST", "fleet/resume")
        self.wait_for(lambda: "paused" in self.ask("GET", f"devices/{device}")[1]["state_words"])
        self.assertEqual(self.ask("POST", f"devices/{device}/release")[0], 204)
        self.assertEqual(self.result(fleet)[0], [2])
        name = "<img src=x onerror=alert(1)>" + "é" * 18
        self.assertEqual(self.ask("PATCH", f"devices/{device}", {"name": name + "x"})[0], 422)
        self.assertEqual(self.ask("PATCH", f"devices/{device}", {"name": name})[0], 204)
        self.assertEqual(self.ask("GET", f"devices/{device}")[1]["name"], name)
        # A wish that cannot be had leaves the others as they are.
        wished = self.ask("GET", "firmware")[1]["modules"][0]["sha256"]
        self.assertEqual(self.ask("PUT", f"devices/{device}/targets", {"modules": [wished]})[0], 204)
        self.assertEqual(self.ask("PUT", f"devices/{device}/targets", {"modules": ["nothing"]})[0], 404)
        self.assertEqual([t["sha256"] for t in self.ask("GET", f"devices/{device}")[1]["targets"]], [wished])
        broken = bytearray((self.folder / "modules/part1.bin").read_bytes())
        broken[1000] ^= 1
        status, answer, response = self.ask("POST", "firmware?name=broken.bin", bytes(broken), raw=True)
        self.assertEqual((status, response.getheader("Content-Type")), (422, "application/problem+json"))
        self.assertIn("broken.bin: the file is damaged", answer["detail"])
        self.assertEqual(self.ask("POST", f"devices/{device}/forget")[0], 204)
        self.assertEqual(self.ask("GET", f"devices/{device}")[0], 404)


class Harm(Page):
    def setUp(self):
        super().setUp()
        self.open()
        self.enter()

    def raw(self, data, limit=15):
        """What comes back, until the connection ends."""
        with socket.create_connection(("127.0.0.1", self.web), timeout=limit) as s:
            s.sendall(data)
            received = b""
            try:
                while more := s.recv(65536):
                    received += more
            except (ConnectionResetError, TimeoutError):
                pass
            return received

    def still_well(self):
        self.assertIsNone(self.process.poll())
        self.assertEqual(self.ask("GET", "devices")[0], 200)

    def test_changes_must_come_from_the_page(self):
        self.assertEqual(self.ask("POST", "fleet/pause", headers={"X-Drydock": None})[0], 403)
        self.assertEqual(self.ask("POST", "fleet/pause", headers={"Origin": "http://evil.example"})[0], 403)
        self.assertEqual(self.ask("POST", "fleet/pause", headers={"Origin": "null"})[0], 403)
        self.assertEqual(self.ask("POST", "fleet/pause", headers={"Origin": f"http://127.0.0.1:{self.web}"})[0], 204)
        self.assertEqual(
            self.ask(
                "OPTIONS",
                "fleet/pause",
                headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST", "X-Drydock": None},
            )[0],
            403,
        )
        _, _, response = self.ask("GET", "devices", headers={"Origin": "http://evil.example"})
        self.assertIsNone(response.getheader("Access-Control-Allow-Origin"))

    def test_forged_cookies_and_tokens(self):
        for cookie in ("", "x", "0" * 48, "a" * 10_000, "../../etc/passwd", "%00", self.cookie[:-1], self.cookie + "0"):
            self.assertEqual(
                self.ask("GET", "devices", headers={"Cookie": f"drydock={cookie}"}, cookie=False)[0], 401, cookie[:60]
            )
        for token in ("", "x", "drydock_" + "0" * 48):
            self.assertEqual(
                self.ask("GET", "devices", headers={"Authorization": f"Bearer {token}"}, cookie=False)[0], 401
            )

    def test_every_answer_forbids_what_the_page_does_not_need(self):
        for path in ("/", "/app.js", "/api/v1/session", "/nothing"):
            _, _, response = self.ask("GET", path)
            policy = response.getheader("Content-Security-Policy")
            self.assertIn("default-src 'none'", policy)
            self.assertNotIn("unsafe", policy)
            self.assertEqual(response.getheader("X-Content-Type-Options"), "nosniff")

    def test_words_in_a_header_are_no_token(self):
        junk = {"X-Drydock": None, "Authorization": "Bearer junk"}
        self.assertEqual(self.ask("POST", "fleet/pause", headers=junk)[0], 403)  # beside a good cookie
        self.assertFalse(self.ask("GET", "devices")[1]["paused"])

    def test_a_page_from_elsewhere_under_a_name_of_its_own_reads_nothing(self):
        for host, status in (
            ("evil.example", 421),
            ("127.0.0.1.evil.example:8080", 421),
            (f"127.0.0.1:{self.web}", 200),
            ("[::1]:8080", 200),
            ("localhost", 200),
            ("drydock.local:8080", 200),
            ("pi", 200),
            ("192.168.1.20", 200),
            ("", 421),
        ):
            self.assertEqual(self.ask("GET", "devices", headers={"Host": host})[0], status, host)
        self.assertEqual(self.ask("GET", "/", headers={"Host": "evil.example"})[0], 421)

    def test_head_says_how_long_and_nothing_more(self):
        for path in ("/", "/app.js", "/api/v1/devices", "/api/v1/nothing"):
            answer = self.raw(
                f"HEAD {path} HTTP/1.1\r\nHost: x\r\nCookie: drydock={self.cookie}\r\nConnection: close\r\n\r\n".encode()
            )
            head, _, body = answer.partition(b"\r\n\r\n")
            self.assertIn(b"Content-Length: ", head, path)
            self.assertEqual(body, b"", path)

    def test_slow_connections_of_one_address_leave_the_page_to_others(self):
        slow = []
        for _ in range(60):
            s = socket.create_connection(("127.0.0.1", self.web), timeout=10, source_address=("127.0.0.66", 0))
            s.sendall(b"G")
            slow.append(s)
        for _ in range(5):
            began = time.monotonic()
            self.still_well()
            self.assertLess(time.monotonic() - began, 3)  # the slow ones hold their places for five seconds
        for s in slow:
            s.close()

    def test_silent_connections_of_a_few_give_way_to_who_comes_first(self):
        self.still_well()

        def silent(i):
            s = socket.create_connection(
                ("127.0.0.1", self.web), timeout=patience, source_address=(f"127.0.7.{1 + i % 20}", 0)
            )
            begun = b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nX-Drydock: 1\r\nContent-Length: 2000\r\n\r\n{"
            s.sendall((b"GET /style.css HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HT", begun)[i % 3])
            return s

        held = []
        for turn in range(5):
            held += [silent(i) for i in range(1, 61)]
            try:
                held[-1].recv(1)  # an answer, or its end: now all of them have come in
            except ConnectionResetError:
                pass
            newcomer = http.client.HTTPConnection("127.0.0.1", self.web, patience, source_address=("127.0.8.1", 0))
            newcomer.request("GET", "/")
            self.assertEqual(newcomer.getresponse().status, 200, turn)
            newcomer.close()
        for s in held:
            s.close()

    def test_a_body_whose_end_is_not_clear_ends_the_connection(self):
        for fields in (
            b"Content-Length: 2\r\nContent-Length: 40",
            b"Content-Length: 2, 2",
            b"Content-Length: +2",
            b"Content-Length: 0x10",
            b"Content-Length: 99999999999999999999999",
            b"Content-Length: 2\r\nTransfer-Encoding: chunked",
        ):
            with socket.create_connection(("127.0.0.1", self.web), timeout=patience) as s:
                s.sendall(b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nX-Drydock: 1\r\n" + fields + b"\r\n\r\n")
                s.sendall(b"{}GET /style.css HTTP/1.1\r\nHost: x\r\n\r\n")
                answer = b""
                try:
                    while more := s.recv(65536):
                        answer += more
                except ConnectionResetError:
                    pass
            self.assertTrue(answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 413")), (fields, answer[:80]))
            self.assertEqual(answer.count(b"HTTP/1.1"), 1, fields)

    def test_bodies_that_nobody_wants_hold_no_place(self):
        self.still_well()
        for head in (
            "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked",
            "GET /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000",
            "POST /api/v1/fleet/pause HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000",
            "GET / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 100000000",
            "POST /api/v1/login HTTP/1.1\r\nHost: x\r\nX-Drydock: 1\r\nContent-Length: 60000",
        ):
            slow = []
            for i in range(36):
                s = socket.create_connection(
                    ("127.0.0.1", self.web), timeout=10, source_address=(f"127.0.5.{1 + i % 2}", 0)
                )
                s.sendall(head.encode() + b"\r\n\r\n12345678")
                slow.append(s)
            for _ in range(4):  # they go on, two bytes a second each
                began = time.monotonic()
                self.still_well()
                self.assertLess(time.monotonic() - began, 3, head)
                for s in slow:
                    try:
                        s.sendall(b"x")
                    except OSError:
                        pass
            for s in slow:
                s.close()

    def test_a_body_that_comes_a_byte_at_a_time_ends_with_its_time(self):
        self.still_well()
        wanted = "POST /api/v1/login HTTP/1.1\r\nHost: x\r\nX-Drydock: 1\r\nContent-Length: 60000\r\n\r\n"
        refused = "POST /v1/devices HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Length: 2000\r\n\r\n"
        for head, status in ((wanted, b"408"), (refused, b"401")):
            drips = socket.create_connection(("127.0.0.1", self.web), timeout=10)
            self.addCleanup(drips.close)
            drips.sendall(head.encode())
            drips.settimeout(0.5)
            answer = b""
            began = time.monotonic()
            while not answer and time.monotonic() - began < 3 * patience:
                try:
                    drips.sendall(b"x")
                    answer = drips.recv(100)
                except TimeoutError:
                    pass
            self.assertIn(status, answer)

    def test_the_command_line_and_the_page_change_the_same_database(self):
        modules = self.modules()
        self.assertEqual(self.run_drydock("firmware", "add", modules / "part1.bin").returncode, 0)
        self.wait_for(lambda: len(self.ask("GET", "firmware")[1]["modules"]) == 1)
        files = [os.readlink(f) for f in Path(f"/proc/{self.process.pid}/fd").iterdir() if f.is_symlink()]
        self.assertEqual([f for f in files if "deleted" in f], [])
        self.assertEqual(self.ask("POST", "tokens", {"name": "kept"})[0], 201)
        self.assertEqual(self.run_drydock("firmware", "add", modules / "part2.bin").returncode, 0)
        self.process.kill()
        self.process.wait()
        self.assertEqual(self.query("SELECT name FROM api_tokens"), [("kept",)])
        self.assertEqual(self.query("SELECT count(*) FROM modules"), [(2,)])
        self.check_database()

    def test_the_file_by_which_the_command_line_calls_is_made_again_when_it_was_removed(self):
        modules = self.modules()
        self.assertEqual(self.run_drydock("firmware", "add", modules / "part1.bin").returncode, 0)
        self.wait_for(lambda: len(self.ask("GET", "firmware")[1]["modules"]) == 1)
        (self.state / "changed").unlink()
        self.wait_for((self.state / "changed").exists)
        self.assertEqual(self.run_drydock("firmware", "add", modules / "part2.bin").returncode, 0)
        self.wait_for(lambda: len(self.ask("GET", "firmware")[1]["modules"]) == 2)

    def test_nothing_is_read_from_who_may_not_send_it(self):
        before = status(self.process.pid, "VmRSS")
        strangers = []
        for i in range(18):
            s = socket.create_connection(("127.0.0.1", self.web), timeout=10)
            s.sendall(
                b"POST /api/v1/firmware HTTP/1.1\r\nHost: x\r\nX-Drydock: 1\r\nContent-Length: 4000000\r\n\r\n"
                + b"x" * 200_000
            )
            strangers.append(s)
        for s in strangers:
            self.assertIn(b"401", s.recv(100))
            s.close()
        # Those who may send it hold a file, no memory: all but the last byte of each.
        uploads = []
        for i in range(15):
            s = socket.create_connection(("127.0.0.1", self.web), timeout=30)
            s.sendall(
                f"POST /api/v1/firmware HTTP/1.1\r\nHost: x\r\nX-Drydock: 1\r\nCookie: drydock={self.cookie}\r\nContent-Length: 4000000\r\n\r\n".encode()
                + b"x" * 3_999_999
            )
            uploads.append(s)
        self.wait_for(
            lambda: sum(f.stat().st_size for f in (self.state / "firmware").glob(".upload.*")) >= 15 * 3_900_000
        )
        grown = status(self.process.pid, "VmRSS") - before
        print(f"15 uploads under way: {grown} KiB", file=sys.stderr)
        self.assertLess(grown, 12_000)
        for s in uploads:
            s.close()
        self.wait_for(lambda: not list((self.state / "firmware").glob(".upload.*")))
        self.still_well()

    def test_path_tricks_find_no_file(self):
        for path in (
            "/../drydock.db",
            "/..%2f..%2fetc/passwd",
            "/%2e%2e/server_key.pem",
            "/app.js/",
            "//etc/passwd",
            "/index.html~",
            "/cgi-bin/sh",
            "/api/v1/../../drydock.db",
            "/api/v1/devices/../tokens/..",
            "/firmware",
            "/app.js.gz",
            "/.htpasswd",
        ):
            answer = self.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            self.assertRegex(answer[:12].decode(), r"HTTP/1.1 (4\d\d|$)", path)
        self.still_well()

    def test_oversize_heads_and_bodies(self):
        self.assertNotIn(b" 200 ", self.raw(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")[:20])
        self.assertNotIn(
            b" 200 ",
            self.raw(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(5000)) + b"\r\n")[
                :20
            ],
        )
        self.assertEqual(self.ask("POST", "login", headers={"Content-Length": "10000000000"})[0], 413)
        self.assertEqual(self.ask("POST", "firmware", headers={"Content-Length": str(5 * 1024 * 1024)})[0], 413)
        self.assertEqual(self.ask("POST", "login", headers={"Content-Length": "70000"})[0], 413)
        head = f"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nX-Drydock: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.assertIn(b"411", self.raw(head.encode() + b"5\r\nhello\r\n0\r\n\r\n")[:20])
        self.assertRegex(
            self.raw(
                b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nX-Drydock: 1\r\nContent-Length: -5\r\nConnection: close\r\n\r\n"
            )[:12].decode(),
            "HTTP/1.1 4|^$",
        )
        self.still_well()

    def test_bodies_that_are_not_what_they_should_be(self):
        for body in (
            b"",
            b"[]",
            b"{",
            b"\xff\xfe",
            b'{"password": 5}',
            b'{"password": null}',
            b"[" * 20_000,
            b'{"password":"' + b"x" * 5000 + b'"}',
        ):
            self.assertIn(self.ask("POST", "login", body, raw=True)[0], (401, 422, 429), body[:30])
        for body, answer in ((b"[1]", 422), (b'{"new_key": "0123456789abcdef"}', 404), (b"nonsense", 422), (b"", 404)):
            self.assertEqual(self.ask("POST", "devices/" + "0" * 24 + "/approve", body, raw=True)[0], answer)
        self.assertEqual(self.ask("POST", "devices/" + "0" * 24 + "/approve", {"new_key": True})[0], 422)
        for body in ({"modules": "x"}, {"modules": [1]}, {}):
            self.assertEqual(self.ask("PUT", "devices/" + "0" * 24 + "/targets", body)[0], 422)
        # A mistyped name is not taken for one that was left out: this would be a token that may do everything.
        for method, path, body in (
            ("POST", "tokens", {"name": "x", "scope": "view"}),
            ("PUT", "users/vera", {"password": "long enough it is", "roles": "viewer"}),
            ("POST", "password", {"old": password, "new": password, "more": 1}),
            ("PATCH", "devices/" + "0" * 24, {"nmae": "x"}),
            ("PATCH", "devices/" + "0" * 24, {}),
            ("PUT", "devices/" + "0" * 24 + "/targets", {"modules": [], "force": True}),
            ("POST", "devices/" + "0" * 24 + "/approve", {"newkey": "0123456789abcdef"}),
            ("POST", "releases", {"name": "x", "files": [], "note": "y"}),
            ("POST", "fleet/pause", {"paused": False}),
        ):
            status, answer, _ = self.ask(method, path, body)
            self.assertEqual(status, 422, (path, answer))
        self.assertEqual(self.ask("GET", "tokens")[1]["tokens"], [])
        self.assertEqual(self.ask("GET", "devices?state=zzz")[0], 422)
        self.assertEqual(self.ask("GET", "devices?search=" + "x" * 2000)[1]["devices"], [])
        self.assertEqual(self.ask("GET", "keys/tcp?host=a%0ab")[0], 422)
        self.assertEqual(self.ask("POST", "firmware", b"", raw=True)[0], 422)
        self.assertEqual(self.ask("DELETE", "tokens/99999999999999999999")[0], 404)
        self.still_well()

    def test_wrong_methods(self):
        for method, path in (
            ("DELETE", "devices"),
            ("PUT", "login"),
            ("POST", "status"),
            ("GET", "login"),
            ("PATCH", "firmware"),
            ("POST", "/index.html"),
            ("DELETE", "/"),
        ):
            self.assertEqual(self.ask(method, path)[0], 405, (method, path))
        for line in (
            b"BREW / HTTP/1.1",
            b"GET",
            b"GET /",
            b"\x00\x01\x02",
            b"GET / HTTP/9.9",
            b"CONNECT evil:80 HTTP/1.1",
        ):
            self.assertNotIn(b" 200 ", self.raw(line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")[:20], line)
        self.still_well()

    def test_slow_bodies_hold_up_nobody(self):
        slow = []
        for _ in range(8):
            s = socket.create_connection(("127.0.0.1", self.web), timeout=30)
            s.sendall(
                f"POST /api/v1/firmware HTTP/1.1\r\nHost: x\r\nX-Drydock: 1\r\nCookie: drydock={self.cookie}\r\nContent-Length: 100000\r\n\r\nslow".encode()
            )
            slow.append(s)
        self.still_well()
        for s in slow:  # each is given up on
            while s.recv(4096):
                pass
            s.close()
        self.still_well()

    def test_streams_are_counted(self):
        streams = []
        answers = []
        self.still_well()  # from an address that has logged in: others have fewer
        for _ in range(18):
            s = socket.create_connection(("127.0.0.1", self.web), timeout=10)
            s.sendall(f"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nCookie: drydock={self.cookie}\r\n\r\n".encode())
            answers.append(s.recv(12))
            streams.append(s)
        self.assertEqual(answers, [b"HTTP/1.1 200"] * 16 + [b"HTTP/1.1 503"] * 2)
        self.still_well()
        for s in streams:
            s.close()


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main()
