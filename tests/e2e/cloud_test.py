#!/usr/bin/env python3
"""Particle's API on the real binary, as Particle's tools speak it: tests/e2e/cloud_test.py BUILD."""
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import unittest
import urllib.parse
from pathlib import Path

import jsonschema
import page_test
from harness import patience

password = page_test.password
photon = "0" * 23 + "1"


class Cloud(page_test.Page):
    def setUp(self):
        super().setUp()
        self.token = None

    def log_in(self, **fields):
        form = {"username": "me@example.com", "password": password, "grant_type": "password"}
        form |= {"client_id": "particle-cli", "client_secret": "particle-cli"} | fields
        return self.cloud("POST", "/oauth/token", urllib.parse.urlencode(form), {"Authorization": "Bearer null"})

    def begin(self):
        self.open()
        self.enter()
        status, answer = self.log_in()
        self.assertEqual((status, answer["token_type"]), (200, "bearer"))
        self.token = answer["access_token"]

    def cloud(self, method, path, body=None, headers=None):
        """What a tool sees: no cookie, no header of ours."""
        if isinstance(body, dict):
            headers = {"Content-Type": "application/json"} | (headers or {})
            body = json.dumps(body)
        elif isinstance(body, str):
            headers = {"Content-Type": "application/x-www-form-urlencoded"} | (headers or {})
        head = ({"Authorization": "Bearer " + self.token} if self.token else {}) | (headers or {})
        connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=patience)
        try:
            connection.request(method, path, body, head)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        kind = response.getheader("Content-Type") or ""
        if response.status >= 400:
            self.assertIn("application/json", kind, text)
            self.assertTrue(json.loads(text)["error"])
        return response.status, json.loads(text) if "json" in kind else text.decode()

    def cloud_bytes(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=patience)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            self.assertEqual(response.status, 200)
            return response.read()
        finally:
            connection.close()

    def follow_events(self, path):
        """Events of a stream, as they come, until the test is over."""
        connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=patience)
        self.addCleanup(connection.close)
        connection.request("GET", path, headers={"Authorization": "Bearer " + self.token})
        response = connection.getresponse()
        self.assertEqual((response.status, response.getheader("Content-Type")), (200, "text/event-stream"))
        self.assertEqual(response.readline(), b":ok\n")
        events = []

        def read():
            name = None
            try:
                while line := response.readline().decode():
                    if line.startswith("event: "):
                        name = line[7:].strip()
                    elif line.startswith("data: "):
                        events.append((name, json.loads(line[6:])))
            except (OSError, AttributeError, ValueError):
                pass

        threading.Thread(target=read, daemon=True).start()
        return events

    def connected_photon(self):
        self.stock(20000)
        fleet = self.launch(1, first=1, current=True, peace=600000)
        self.addCleanup(lambda: self.stop(fleet))
        self.wait_for(lambda: self.cloud("GET", "/v1/devices/" + photon)[1].get("functions"))
        return fleet


class Tokens(Cloud):
    def test_a_tool_logs_in_and_out(self):
        self.begin()
        self.assertEqual(self.cloud("GET", "/v1/user")[1]["username"], "me@example.com")
        self.assertIn("expires_at", self.cloud("GET", "/v1/access_tokens/current")[1])
        self.assertEqual(self.cloud("GET", "/v1/devices"), (200, []))
        for way in (f"/v1/devices?access_token={self.token}",):
            self.assertEqual(self.cloud("GET", way, headers={"Authorization": ""})[0], 200)
        self.assertEqual(self.cloud("DELETE", "/v1/access_tokens/current"), (200, {"ok": True}))
        status, answer = self.cloud("GET", "/v1/devices")
        self.assertEqual((status, answer["error"]), (401, "invalid_token"))

    def test_a_port_for_the_api_alone_has_no_page(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.open("--api-port", str(port))
        self.enter()
        self.token = self.log_in()[1]["access_token"]
        page, self.web = self.web, port
        self.assertEqual(self.cloud("GET", "/v1/user")[1]["username"], "me@example.com")
        self.assertEqual(self.log_in()[0], 200)
        for path in ("/", "/app.js", "/api/v1/session", "/api/v1/events"):
            status, answer = self.cloud("GET", path)
            self.assertEqual((status, str(page) in answer["error"]), (404, True), path)
        heard = self.follow_events("/v1/events/e")
        self.web = page
        self.assertEqual(self.cloud("POST", "/v1/devices/events", {"name": "e", "data": "x"})[0], 200)
        self.wait_for(lambda: [name for name, _ in heard] == ["e"])

    def test_wrong_passwords_are_no_reason_to_throw_a_token_away(self):
        self.begin()
        status, answer = self.log_in(password="wrong")
        self.assertEqual((status, answer["error"]), (400, "invalid_grant"))
        self.assertIn("credentials", answer["error_description"])
        while status == 400:
            status, answer = self.log_in(password="wrong")
        self.assertEqual(status, 429)
        self.assertEqual(self.cloud("GET", "/v1/user")[0], 200)

    def test_whoever_has_a_token_may_end_it(self):
        self.begin()
        token, self.token = self.token, None
        self.assertEqual(self.cloud("DELETE", "/v1/access_tokens/" + token), (200, {"ok": True}))
        self.assertEqual(self.cloud("DELETE", "/v1/access_tokens/" + token)[0], 404)

    def test_every_error_is_json_and_only_a_bad_token_is_401(self):
        self.begin()
        for method, path, expected in (
            ("GET", "/v1/nothing", 404),
            ("POST", "/v1/binaries", 400),
            ("GET", "/v1/devices/nobody", 403),
            ("POST", "/v1/devices/nobody/led", 403),
            ("PUT", "/v1/devices/nobody", 403),
            ("GET", "/v1/devices/nobody/events", 403),
        ):
            self.assertEqual(self.cloud(method, path, {} if method != "GET" else None)[0], expected, path)
        self.token = "wrong"
        for method, path in (("GET", "/v1/devices"), ("POST", "/v1/devices/events"), ("GET", "/v1/events/a")):
            self.assertEqual(self.cloud(method, path, {} if method == "POST" else None)[0], 401, path)

    def test_what_strangers_send_is_short_and_harmless(self):
        self.begin()
        self.token = None
        deep = '{"grant_type":' + "[" * 20000 + "]" * 20000 + "}"
        headers = {"Content-Type": "application/json"}
        self.assertEqual(self.cloud("POST", "/oauth/token", deep, headers)[0], 400)
        self.assertEqual(self.cloud("POST", "/v1/devices", deep.replace("grant_type", "access_token"), headers)[0], 401)
        form = {"Content-Type": "multipart/form-data; boundary=x"}
        self.assertEqual(self.cloud("POST", "/oauth/token", "x" * 100_000, form)[0], 413)
        self.assertEqual(
            self.cloud("POST", "/oauth/token", "grant_type=password", {"Origin": "http://elsewhere.example"})[0], 403
        )
        self.assertIsNone(self.process.poll())


class Users(Cloud):
    def add(self, name, role, users_password="battery staple"):
        return self.ask("PUT", "users/" + name, {"password": users_password, "role": role})[0]

    def test_a_user_may_what_the_role_says_and_is_out_when_removed(self):
        self.begin()
        self.assertEqual(self.add("Vera", "viewer"), 201)
        status, granted = self.log_in(username="vera", password="battery staple")
        self.assertEqual((status, granted["scope"]), (200, "read"))
        self.token = granted["access_token"]
        self.assertEqual(self.cloud("GET", "/v1/user")[1]["username"], "vera")
        self.assertEqual(self.cloud("GET", "/v1/access_tokens/current")[1]["scopes"], ["read"])
        self.assertEqual(self.cloud("GET", "/v1/devices"), (200, []))
        status, answer = self.cloud("POST", "/v1/devices/events", {"name": "a"})
        self.assertEqual(status, 403)
        self.assertIn("'call'", answer["error"])
        # What a token has, a better role does not widen; the next login has more.
        self.assertEqual(self.ask("PUT", "users/vera", {"role": "operator"})[0], 204)
        self.assertEqual(self.cloud("POST", "/v1/devices/events", {"name": "a"})[0], 403)
        self.token = self.log_in(username="vera", password="battery staple")[1]["access_token"]
        self.assertEqual(self.cloud("POST", "/v1/devices/events", {"name": "a"})[0], 200)
        connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=patience)
        self.addCleanup(connection.close)
        connection.request("GET", "/v1/events", headers={"Authorization": "Bearer " + self.token})
        stream = connection.getresponse()
        self.assertEqual(self.ask("DELETE", "users/vera")[0], 204)
        while stream.readline():
            pass
        self.assertEqual(self.cloud("GET", "/v1/devices")[0], 401)
        self.assertEqual(self.log_in(username="vera", password="battery staple")[0], 400)

    def test_users_outlive_a_restart_and_not_a_reset(self):
        self.begin()
        self.assertEqual(self.add("otto", "operator"), 201)
        self.stop(self.process)
        self.open()
        body = {"user": "Otto", "password": "battery staple"}
        self.assertEqual(self.ask("POST", "login", body, cookie=False)[0], 204)
        session = self.ask("GET", "session")[1]
        self.assertEqual((session["user"], session["scopes"]), ("otto", ["read", "call", "flash"]))
        self.assertEqual(self.ask("GET", "users")[0], 403)
        self.assertEqual(self.run_drydock("password", "reset").returncode, 0)
        self.wait_for(lambda: self.ask("GET", "session")[1]["state"] == "setup")
        self.assertEqual(self.ask("POST", "login", body, cookie=False)[0], 409)

    def test_a_tool_refreshes_its_token(self):
        self.begin()
        first = self.log_in(expires_in="3600")[1]
        form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], "client_id": "x"}
        status, second = self.cloud("POST", "/oauth/token", urllib.parse.urlencode(form))
        self.assertEqual(status, 200)
        self.token = first["access_token"]
        self.assertEqual(self.cloud("GET", "/v1/user")[0], 401)
        self.token = second["access_token"]
        self.assertEqual(self.cloud("GET", "/v1/user")[1]["username"], "me@example.com")
        self.assertEqual(self.cloud("POST", "/oauth/token", urllib.parse.urlencode(form))[0], 400)


class OnThePage(Cloud):
    def test_a_browser_that_is_logged_in_needs_no_token(self):
        self.begin()
        self.token = None
        cookie = {"Cookie": "drydock=" + self.cookie}
        ours = cookie | {"X-Drydock": "1"}
        publish = lambda headers: self.cloud("POST", "/v1/devices/events", {"name": "a", "data": "b"}, headers)[0]
        self.assertEqual(self.cloud("GET", "/v1/devices", headers=cookie), (200, []))
        self.assertEqual(publish(ours), 200)
        self.assertEqual(publish(cookie), 401)  # a form of a page from elsewhere
        self.assertEqual(publish(ours | {"Origin": "http://elsewhere.example"}), 401)
        self.assertEqual(publish(ours | {"Sec-Fetch-Site": "cross-site"}), 401)
        self.assertEqual(publish({"X-Drydock": "1"}), 401)
        self.assertEqual(self.ask("POST", "logout")[0], 204)
        self.assertEqual(publish(ours), 401)


class Devices(Cloud):
    def test_functions_variables_and_the_light(self):
        self.begin()
        self.connected_photon()
        device = self.cloud("GET", "/v1/devices")[1][0]
        self.assertEqual((device["id"], device["connected"], device["platform_id"]), (photon, True, 6))
        self.assertEqual(device["functions"], ["brew", "sulk"])
        self.assertEqual(device["variables"]["temperature"], "double")

        name = self.cloud("PUT", "/v1/devices/" + photon, {"name": "kitchen"})[1]
        self.assertEqual((name["id"], name["name"]), (photon, "kitchen"))
        call = lambda arguments: self.cloud("POST", "/v1/devices/kitchen/brew", arguments)
        self.assertEqual(call({"args": "-7"})[1]["return_value"], -7)
        self.assertEqual(call({"arg": "2147483647"})[1]["return_value"], 2147483647)
        self.assertEqual(call("params=beans+%26+milk")[1]["return_value"], len("beans & milk"))
        self.assertEqual(call({})[1]["return_value"], 0)
        longest = self.cloud("POST", "/v1/devices/kitchen/brew", {"args": "x" * 64})
        self.assertEqual(longest[1]["return_value"], 64)
        self.assertEqual(call({"args": "x" * 65})[0], 413)  # it would be called with the beginning of that
        self.assertEqual(call({"args": "5", "format": "raw"}), (200, "5"))

        value = lambda variable: self.cloud("GET", "/v1/devices/kitchen/" + variable)[1]
        self.assertEqual(value("temperature")["result"], 21.5)
        self.assertEqual(value("temperature")["coreInfo"]["deviceID"], photon)
        self.assertEqual(value("brewed")["result"], 6)
        self.assertEqual(value("motto")["result"], "strong & black")
        self.assertIs(value("signaling")["result"], False)
        self.assertEqual(self.cloud("PUT", "/v1/devices/kitchen", {"signal": "1"})[1]["signaling"], True)
        self.assertIs(value("signaling")["result"], True)
        self.assertEqual(self.cloud("GET", "/v1/devices/kitchen/motto?format=raw"), (200, "strong & black"))

        self.assertEqual(self.cloud("POST", "/v1/devices/kitchen/brew?arg=8")[1]["return_value"], 8)
        headers = {"Content-Type": "application/json"}
        for broken in ('{"arg":', '{"arg":[1]}', '{"arg":{"a":1}}', "5", "null", "[]"):
            self.assertEqual(self.cloud("POST", "/v1/devices/kitchen/brew", broken, headers)[0], 400, broken)
        self.assertEqual(value("brewed")["result"], 7)
        self.assertEqual(self.cloud("GET", "/v1/user", headers={"Authorization": "bearer  " + self.token})[0], 200)
        self.assertEqual(self.cloud("POST", "/v1/devices/kitchen/fly", {})[0], 404)
        self.assertEqual(self.cloud("GET", "/v1/devices/kitchen/altitude")[0], 404)
        self.assertEqual(self.cloud("PUT", "/v1/devices/kitchen/ping")[1], {"ok": True, "online": True})
        self.assertEqual(self.cloud("GET", "/v1/products/7/devices/" + photon)[1]["name"], "kitchen")
        self.assertEqual(self.cloud("GET", "/v1/products/7/devices?page=1")[1]["devices"][0]["name"], "kitchen")
        self.assertEqual(self.cloud("DELETE", "/v1/devices/kitchen"), (200, {"ok": True}))

    def test_vitals_are_asked_for_and_the_last_ones_kept(self):
        self.begin()
        fleet = self.connected_photon()
        status, answer = self.cloud("GET", f"/v1/diagnostics/{photon}/last")
        self.assertEqual(status, 200, answer)
        self.assertEqual((status, answer["diagnostics"]["deviceID"]), (200, photon))
        self.assertEqual(answer["diagnostics"]["payload"]["device"]["system"]["uptime"], 12)
        self.assertEqual(self.cloud("POST", f"/v1/diagnostics/{photon}/update", {}), (200, {"ok": True}))
        self.stop(fleet)
        self.wait_for(lambda: not self.cloud("GET", "/v1/devices/" + photon)[1]["connected"])
        again = self.cloud("GET", f"/v1/diagnostics/{photon}")[1]["diagnostics"]
        self.assertEqual(again[0]["payload"], answer["diagnostics"]["payload"])
        self.assertEqual(self.cloud("POST", f"/v1/diagnostics/{photon}/update", {})[0], 408)

    def test_notes_are_kept_and_shown_to_people(self):
        self.begin()
        self.connected_photon()
        said = self.cloud("PUT", "/v1/devices/" + photon, {"notes": "behind the boiler"})[1]
        self.assertEqual(said["notes"], "behind the boiler")
        self.assertEqual(self.cloud("GET", "/v1/devices/" + photon)[1]["notes"], "behind the boiler")
        self.assertEqual(self.ask("GET", "devices/" + photon)[1]["remarks"], "behind the boiler")
        self.assertEqual(self.ask("PATCH", "devices/" + photon, {"remarks": ""})[0], 204)
        self.assertIsNone(self.cloud("GET", "/v1/devices/" + photon)[1]["notes"])

    def test_what_makes_no_sense_is_not_done(self):
        self.begin()
        self.connected_photon()
        change = lambda fields: self.cloud("PUT", "/v1/devices/" + photon, fields)[0]
        for fields in (
            {"signal": "2"},
            {"signal": 1e300},
            {"firmware_updates_forced": "maybe"},
            {"name": "a\u0000b"},
            {"name": "0" * 24},
            {"name": "x" * 65},
        ):
            self.assertEqual(change(fields), 400, fields)
        self.assertEqual(change({"name": "Küche"}), 200)
        self.assertEqual(self.cloud("POST", "/v1/devices/events", {"name": "a\nb"})[0], 400)
        self.assertEqual(change({"notes": "n"}), 200)
        self.assertEqual(change({"notes": None}), 200)
        device = self.cloud("GET", "/v1/devices/" + photon)[1]
        self.assertEqual((device["name"], device["notes"]), ("Küche", None))
        key = "openssl genrsa 1024 2>/dev/null | openssl rsa -pubout 2>/dev/null"
        pem = subprocess.run(key, shell=True, capture_output=True, text=True).stdout
        expected = "0" * 23 + "3"
        form = urllib.parse.urlencode({"publicKey": pem})
        self.assertEqual(self.cloud("POST", "/v1/provisioning/" + expected, form)[0], 200)
        self.assertEqual(self.cloud("PUT", "/v1/devices/" + expected, {"name": "Küche"})[0], 409)
        self.assertEqual(self.ask("GET", "devices/" + expected)[1]["platform_name"], "unknown")
        # One that never answers leaves places to others.
        sulking = [
            threading.Thread(target=self.cloud, args=("POST", f"/v1/devices/{photon}/sulk", {})) for _ in range(12)
        ]
        for thread in sulking:
            thread.start()
        answers = []
        self.wait_for(
            lambda: answers.append(self.cloud("POST", f"/v1/devices/{photon}/brew", {})[0]) or answers[-1] == 429
        )
        self.assertEqual(self.cloud("POST", f"/v1/devices/{expected}/brew", {})[0], 408)  # and not 429
        for thread in sulking:
            thread.join(2 * patience)

    def test_a_key_that_was_sent_before_is_the_one_the_device_must_have(self):
        self.begin()
        pem = subprocess.run(
            "openssl genrsa 1024 2>/dev/null | openssl rsa -pubout 2>/dev/null",
            shell=True,
            capture_output=True,
            text=True,
        ).stdout
        send = lambda device, key: self.cloud(
            "POST", "/v1/provisioning/" + device, urllib.parse.urlencode({"publicKey": key, "algorithm": "rsa"})
        )
        self.assertEqual(send(photon, "no key")[0], 400)
        self.assertEqual(send("kitchen", pem)[0], 400)
        larger = subprocess.run(
            "openssl genrsa 2048 2>/dev/null | openssl rsa -pubout 2>/dev/null",
            shell=True,
            capture_output=True,
            text=True,
        ).stdout
        self.assertEqual(send(photon, larger)[0], 400)
        self.assertEqual(send(photon.upper(), pem)[0], 200)
        # Whoever is here with another key is not let in by that, nor left in.
        self.stock(20000)
        other = self.launch(1, first=2, current=True, peace=600000)
        self.addCleanup(lambda: self.stop(other))
        second = "0" * 23 + "2"
        self.wait_for(lambda: self.cloud("GET", "/v1/devices/" + second)[1].get("connected"))
        self.assertEqual(send(second, pem)[0], 200)
        self.wait_for(lambda: self.ask("GET", "devices/" + second)[1]["changed_key"])
        self.wait_for(lambda: not self.cloud("GET", "/v1/devices/" + second)[1]["connected"])
        self.assertEqual(self.cloud("DELETE", "/v1/devices/" + second)[0], 200)
        self.stop(other)
        self.assertEqual([d["id"] for d in self.cloud("GET", "/v1/devices")[1]], [photon])
        self.assertEqual(self.ask("GET", "devices/" + photon)[1]["approval"], "approved")
        fleet = self.launch(1, first=1, current=True, peace=600000)  # has a key of its own
        self.addCleanup(lambda: self.stop(fleet))
        self.wait_for(lambda: self.ask("GET", "devices/" + photon)[1]["changed_key"])
        self.assertFalse(self.cloud("GET", "/v1/devices/" + photon)[1]["connected"])

    def test_device_os_comes_from_the_library(self):
        self.begin()
        versions = "/v1/device-os/versions"
        self.assertEqual(self.cloud("GET", versions + "?platform_id=6")[1], {"versions": []})
        self.assertEqual(self.cloud("GET", versions + "/latest?platform_id=6")[0], 404)
        self.assertEqual(self.cloud("GET", versions + "/latest")[0], 400)
        self.stock(20000)
        self.assertEqual(self.cloud("GET", versions + "/latest?platform_id=6")[0], 404)  # its bootloader is not here
        for name in ("application", "bootloader"):
            self.assertEqual(self.run_drydock("firmware", "add", self.folder / f"modules/{name}.bin").returncode, 0)
        latest = lambda: self.cloud("GET", versions + "/latest?platform_id=6")
        self.wait_for(lambda: latest()[0] == 200)
        release = latest()[1]
        self.assertEqual((release["version"], release["internal_version"]), ("0.4.3", 3))
        for asked in ("0.4.3", "3"):
            self.assertEqual(self.cloud("GET", f"{versions}/{asked}?platform_id=6")[1], release)
        self.assertEqual(self.cloud("GET", versions + "/0.4.4?platform_id=6")[0], 404)
        listed = self.cloud("GET", versions + "?platform_id=6&internal_version=3")[1]["versions"]
        self.assertEqual([v["version"] for v in listed], ["0.4.3"])
        modules = {m["module"]: m["sha256"] for m in self.ask("GET", "firmware")[1]["modules"]}
        self.token = None
        # An application is for nobody without a token.
        self.assertEqual(self.cloud("GET", f"/v1/device-os/files/{modules['application']}.bin")[0], 404)
        path = urllib.parse.urlparse(release["base_url"]).path
        functions = []
        for module in release["modules"]:
            content = self.cloud_bytes(f"{path}/{module['filename']}")
            self.assertEqual(content[-4:].hex(), module["crc"]["storedCrc"])
            functions.append(module["prefixInfo"]["moduleFunction"])
        self.assertEqual(sorted(functions), ["bootloader", "system_part", "system_part"])
        self.assertEqual(self.cloud("GET", "/v1/device-os/files/../../drydock.db")[0], 401)

    def test_a_device_that_is_away_or_never_answers(self):
        self.begin()
        fleet = self.connected_photon()
        sulking = threading.Thread(target=self.cloud, args=("POST", f"/v1/devices/{photon}/sulk", {}))
        sulking.start()
        # Another call does not wait for it.
        self.assertEqual(self.cloud("POST", f"/v1/devices/{photon}/brew", {"arg": "3"})[1]["return_value"], 3)
        fleet.kill()
        sulking.join(patience)
        self.assertFalse(sulking.is_alive())
        self.wait_for(lambda: not self.cloud("GET", "/v1/devices/" + photon)[1]["connected"])
        status, answer = self.cloud("POST", f"/v1/devices/{photon}/brew", {})
        self.assertEqual(status, 408)
        self.assertIn("not connected", answer["error"])

    def test_over_udp(self):
        self.stock_for_udp(20000)
        self.begin()
        fleet = self.launch_udp(1, first=9, idle=60, has=6200, ping=5)
        self.addCleanup(lambda: self.stop(fleet))
        boron = "0" * 23 + "9"
        self.wait_for(lambda: self.cloud("GET", "/v1/devices/" + boron)[1].get("functions"))
        self.assertEqual(self.cloud("POST", f"/v1/devices/{boron}/brew", {"args": "x" * 1024})[1]["return_value"], 1024)
        self.assertEqual(self.cloud("GET", f"/v1/devices/{boron}/temperature")[1]["result"], 21.5)
        self.assertEqual(self.cloud("PUT", "/v1/devices/" + boron, {"signal": "1"})[1]["signaling"], True)
        served = self.follow_events("/v1/events/served")
        self.cloud("POST", "/v1/devices/events", {"name": "order", "data": "espresso"})
        self.wait_for(lambda: served)
        self.assertEqual(served[0][1]["data"], "espresso")


class Description(Cloud):
    def test_every_answer_is_as_the_description_says(self):
        self.begin()
        described = self.cloud("GET", "/v1/openapi.json")[1]
        self.connected_photon()
        self.assertEqual(self.run_drydock("firmware", "add", self.folder / "modules/bootloader.bin").returncode, 0)
        latest = "/v1/device-os/versions/latest?platform_id=6"
        self.wait_for(lambda: self.cloud("GET", latest)[0] == 200)
        file = self.cloud("GET", latest)[1]["modules"][0]["filename"]
        places = {"device": photon, "version": "latest", "file": file, "token": "none"}
        names = {"get": "temperature", "post": "brew"}
        bodies = {
            "/v1/devices post": {"id": photon},
            "/v1/devices/events post": {"name": "a"},
            "/v1/events post": {"name": "a", "data": "b"},
            "/v1/devices/{device} put": {"name": "kitchen"},
            "/v1/devices/{device}/{name} post": {"arg": "1"},
        }
        last = ("/v1/devices/{device} delete", "/v1/access_tokens/current delete")
        operations = [(p, m, o) for p, methods in described["paths"].items() for m, o in methods.items()]
        succeeded = set()
        for path, method, operation in sorted(
            operations, key=lambda o: last.index(f"{o[0]} {o[1]}") if f"{o[0]} {o[1]}" in last else -1
        ):
            known = operation["responses"]
            ((media, content),) = known["200"]["content"].items()
            if media == "text/event-stream":
                continue
            where = path.format(**places, name=names.get(method, ""), prefix="a")
            if any(p["name"] == "platform_id" for p in operation.get("parameters", [])):
                where += "?platform_id=6"
            connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=patience)
            head = {"Authorization": "Bearer " + self.token, "Content-Type": "application/json"}
            connection.request(method.upper(), where, json.dumps(bodies.get(f"{path} {method}", {})), head)
            response = connection.getresponse()
            answer = response.read()
            connection.close()
            if response.status != 200:
                ((media, content),) = known["default"]["content"].items()
            else:
                succeeded.add(f"{path} {method}")
            self.assertEqual(response.getheader("Content-Type"), media, where)
            if "schema" in content:
                schema = {**content["schema"], "components": described["components"]}
                jsonschema.Draft202012Validator(schema).validate(json.loads(answer))
        failed = {
            f"{p} {m}" for p, m, o in operations if "text/event-stream" not in o["responses"]["200"]["content"]
        } - succeeded
        self.assertEqual(
            failed, {"/oauth/token post", "/v1/access_tokens/{token} delete", "/v1/provisioning/{device} post"}
        )


class Events(Cloud):
    def test_they_go_to_streams_and_devices(self):
        self.begin()
        everything = self.follow_events("/v1/devices/events?nonce=1.5")
        self.connected_photon()
        self.wait_for(lambda: ("spark/status", "online") in [(n, d["data"]) for n, d in everything])
        served = self.follow_events("/v1/devices/events/served%2Forder")
        of_photon = self.follow_events(f"/v1/devices/{photon}/events")
        status, answer = self.cloud("POST", "/v1/devices/events", {"name": "order/large", "data": "latte"})
        self.assertEqual((status, answer), (200, {"ok": True}))
        self.wait_for(lambda: served)
        name, data = served[0]
        self.assertEqual((name, data["data"], data["coreid"]), ("served/order/large", "latte", photon))
        self.assertRegex(data["published_at"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual(self.cloud("GET", f"/v1/devices/{photon}/order")[1]["result"], "latte")
        self.assertIn(("order/large", "api"), [(n, d["coreid"]) for n, d in everything])
        self.assertNotIn("order/large", [n for n, _ in of_photon])
        self.wait_for(lambda: "served/order/large" in [n for n, _ in of_photon])

    def test_programs_do_not_speak_for_the_system(self):
        self.begin()
        for name in ("spark/device/reset", "Particle/x", "", "x" * 65):
            self.assertEqual(self.cloud("POST", "/v1/devices/events", {"name": name, "data": "1"})[0], 400, name)
        self.assertEqual(self.cloud("POST", "/v1/devices/events", {"name": "x", "data": "y" * 1025})[0], 400)

    def test_there_may_be_more_streams_than_threads_and_nothing_is_left_of_them(self):
        self.begin()
        self.cloud("GET", "/v1/devices")
        descriptors = lambda: len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))
        before = descriptors()
        streams = []
        for _ in range(300):
            connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=patience)
            connection.request("GET", "/v1/events/e", headers={"Authorization": "Bearer " + self.token})
            streams.append((connection, connection.getresponse()))
        self.assertEqual(self.cloud("POST", "/v1/devices/events", {"name": "e", "data": "1"})[0], 200)
        for _, response in streams:
            while not response.readline().startswith(b"event: e"):
                pass
        for connection, response in streams:
            response.close()
            connection.close()
        self.wait_for(lambda: descriptors() <= before)

    def test_who_does_not_read_loses_events_and_costs_nobody_else_any(self):
        self.begin()
        slow = socket.socket()
        self.addCleanup(slow.close)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.settimeout(patience)
        slow.connect(("127.0.0.1", self.web))
        slow.sendall(f"GET /v1/events/e HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.token}\r\n\r\n".encode())
        while b":ok" not in slow.recv(4096):
            pass
        quick = self.follow_events("/v1/events/e")
        connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=patience)
        self.addCleanup(connection.close)
        headers = {"Authorization": "Bearer " + self.token, "Content-Type": "application/json"}
        many = 10_000  # ten megabytes: more than is kept, and than the socket takes
        for number in range(many):
            body = json.dumps({"name": f"e{number}", "data": "x" * 1000})
            connection.request("POST", "/v1/devices/events", body, headers)
            self.assertEqual(connection.getresponse().read(), b'{"ok":true}')
        self.wait_for(lambda: len(quick) == many)
        heard, last = 0, f"event: e{many - 1}\n".encode()
        end = b""
        while last not in end:
            piece = slow.recv(1 << 20)
            self.assertTrue(piece)
            heard += piece.count(b"event: ")
            end = (end + piece)[-4000:]
        self.assertLess(heard, many * 9 // 10)

    def test_a_stream_ends_with_its_token(self):
        self.begin()
        connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=patience)
        self.addCleanup(connection.close)
        connection.request("GET", "/v1/events/x", headers={"Authorization": "Bearer " + self.token})
        stream = connection.getresponse()
        self.assertEqual(self.cloud("DELETE", "/v1/access_tokens/current")[0], 200)
        while stream.readline():
            pass


class Flash(Cloud):
    def form(self, content, name="/home/me/app.bin"):
        return (
            b'----------------------------123\r\nContent-Disposition: form-data; name="file"; filename="'
            + name.encode()
            + b'"\r\nContent-Type: application/octet-stream\r\n\r\n'
            + content
            + b'\r\n----------------------------123\r\nContent-Disposition: form-data; name="latest"\r\n\r\ntrue'
            b"\r\n----------------------------123--\r\n"
        )

    def flash(self, content, name="/home/me/app.bin", pieces=(1, 70, 1000, 5)):
        """As particle-cli does: in chunks, without a length."""
        body = self.form(content, name)

        def cut():
            at = 0
            for size in pieces:
                yield body[at : at + size]
                at += size
            yield body[at:]

        connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=patience)
        try:
            connection.request(
                "PUT",
                "/v1/devices/" + photon,
                cut(),
                {
                    "Authorization": "Bearer " + self.token,
                    "Content-Type": "multipart/form-data;boundary=--------------------------123",
                },
                encode_chunked=True,
            )
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def test_a_file_becomes_what_the_device_shall_run(self):
        self.begin()
        events = self.follow_events("/v1/devices/events/spark")
        self.connected_photon()
        status, answer = self.flash(b"no module at all")
        self.assertEqual(status, 400, answer)
        status, answer = self.flash(b"void setup() {}", "blink.ino")
        self.assertEqual(status, 400)
        self.assertIn("does not compile", answer["error"])
        status, answer = self.flash((self.folder / "modules/application.bin").read_bytes())
        self.assertEqual((status, answer.get("status")), (200, "The device runs this already"), answer)
        self.assertEqual(self.run_drydock("devices", "hold", photon).returncode, 0)
        next_one = (self.folder / "modules/next-application.bin").read_bytes()
        self.assertEqual(self.flash(next_one)[1]["status"], "The update waits: updates of the device are paused")
        self.assertEqual(self.run_drydock("devices", "hold", "--release", photon).returncode, 0)
        status, answer = self.flash(next_one)
        self.assertEqual((status, answer.get("status")), (200, "Update started"), answer)
        flashed = lambda: [d["data"].strip() for n, d in events if n == "spark/flash/status"]
        self.wait_for(lambda: "success" in flashed())
        self.assertEqual(flashed()[0], "started")


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main()
