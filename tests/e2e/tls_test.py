"""The page over TLS by itself: its own certificate and others, who comes without, who comes with nonsense."""
import hashlib
import http.client
import os
import random
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import unittest

from harness import patience
from page_test import Page, password


class Tls(Page):
    def configure(self, *lines):
        config = self.folder / "drydock.toml"
        config.write_text("[web]\n" + "\n".join(lines) + "\n")
        self.program_options = ("--config", config)

    def context(self, **options):
        """Of a browser that was told to trust the certificate: names and addresses count."""
        context = ssl.create_default_context(cafile=options.pop("cafile", self.state / "page.pem"))
        for name, value in options.items():
            setattr(context, name, value)
        return context

    def ask(self, method, path, body=None, headers=None, cookie=True, raw=False, source="127.0.0.1"):
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.web, timeout=patience, source_address=(source, 0), context=self.context()
        )
        try:
            return self.exchange(connection, method, path, body, headers, cookie, raw)
        finally:
            connection.close()

    def plainly(self, request, **options):
        with socket.create_connection(("127.0.0.1", self.web), timeout=patience, **options) as s:
            s.sendall(request)
            received = b""
            while more := s.recv(65536):
                received += more
            return received

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def openssl(self, *words):
        return subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, input="", timeout=patience)

    def make_certificate(self, name, kind):
        key, certificate = self.folder / f"{name}.key", self.folder / f"{name}.crt"
        made = self.openssl(
            "req", "-x509", *kind, "-nodes", "-days", 2, "-subj", "/CN=localhost",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate,
        )  # fmt: skip
        self.assertEqual(made.returncode, 0, made.stderr)
        return certificate.read_text(), key.read_text()

    def test_it_makes_a_certificate_of_its_own_and_keeps_it(self):
        self.configure('tls = "redirect"')
        self.open()
        self.enter()
        self.assertEqual(self.ask("GET", "devices")[0], 200)  # with names and dates verified
        self.assertEqual(os.stat(self.state / "page.pem").st_mode & 0o777, 0o600)
        der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", self.web)))
        fingerprint = ":".join(f"{byte:02X}" for byte in hashlib.sha256(der).digest())
        told = self.run_drydock("status").stdout
        self.assertIn(fingerprint, told)
        self.assertIn(f"https://{socket.gethostname()}:{self.web}", told)
        text = self.openssl("x509", "-in", self.state / "page.pem", "-noout", "-text", "-fingerprint", "-sha256").stdout
        self.assertIn(fingerprint, text)
        for name in (
            "IP Address:127.0.0.1",
            "DNS:localhost",
            "DNS:drydock.local",
            f"DNS:{socket.gethostname().lower()}",
            "TLS Web Server Authentication",
        ):
            self.assertIn(name, text)
        years = re.search(r"Not After : \w+ +\d+ [\d:]+ (\d+)", text)
        self.assertEqual(int(years[1]), time.gmtime().tm_year + 10)
        self.stop(self.process)
        self.open()
        again = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", self.web)))
        self.assertEqual(again, der)
        self.assertEqual(self.ask("GET", "devices")[0], 200)

    def test_versions_and_suites(self):
        self.configure('tls = "redirect"')
        self.open()
        shake = lambda *words: self.openssl("s_client", "-connect", f"127.0.0.1:{self.web}", *words)
        for words, good in {
            ("-tls1_3",): True,
            ("-tls1_2",): True,
            ("-tls1_2", "-groups", "P-256"): True,
            ("-tls1_3", "-groups", "P-256"): True,
            ("-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"): True,
            ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"): False,
            ("-tls1", "-cipher", "ALL:@SECLEVEL=0"): False,
            ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"): False,
            ("-tls1_2", "-cipher", "AES128-GCM-SHA256"): False,
            ("-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"): False,
        }.items():
            answer = shake(*words)
            self.assertEqual("Cipher is (NONE)" not in answer.stdout, good, (words, answer.stdout, answer.stderr))
        # No renegotiation: one more handshake for the price of a letter.
        self.assertIn("Secure Renegotiation IS", shake("-tls1_2").stdout)
        self.assertIsNone(self.process.poll())

    def test_who_comes_without_is_sent_to_it(self):
        self.configure('tls = "redirect"')
        self.open()
        answer = self.plainly(b"GET /index.html?x=1 HTTP/1.1\r\nHost: pi.local:8080\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 307 "), answer)
        self.assertIn(b"\r\nLocation: https://pi.local:8080/index.html?x=1\r\n", answer)
        self.assertIn(b"307", self.plainly(b"HEAD / HTTP/1.1\r\nx: y\r\nhOsT:  127.0.0.1 \r\n\r\n")[:20])
        for request in (
            b"POST /api/v1/login HTTP/1.1\r\nHost: pi.local\r\nContent-Length: 2\r\n\r\n{}",
            b"GET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\tb\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a/../evil\r\n\r\n",
            b"GET //evil\\x HTTP/1.1\r\nHost: a\r\n\r\n",
            b"\r\n\r\n",
            b"x" * 20_000,
        ):
            self.assertIn(b" 426 ", self.plainly(request)[:20], request[:40])

    def test_a_proxy_that_does_tls_itself_is_believed_and_nobody_else(self):
        self.configure('tls = "redirect"', 'trusted_proxies = ["127.0.0.9"]')
        self.open()
        request = (
            b"GET /style.css HTTP/1.1\r\nHost: drydock.local\r\nX-Forwarded-Proto: %s\r\nConnection: close\r\n\r\n"
        )
        ask = lambda scheme, source: self.plainly(request % scheme, source_address=(source, 0)).split(b"\r\n")[0]
        self.assertEqual(ask(b"https", "127.0.0.9"), b"HTTP/1.1 200 OK")
        self.assertEqual(ask(b"http", "127.0.0.9"), b"HTTP/1.1 307 Temporary Redirect")
        self.assertEqual(ask(b"https", "127.0.0.8"), b"HTTP/1.1 307 Temporary Redirect")

    def test_or_may_stay_without(self):
        self.configure('tls = "both"')
        self.open()
        self.enter()
        Page.ask(self, "POST", "login", {"password": password})
        self.assertEqual(Page.ask(self, "GET", "devices")[0], 200)
        self.assertEqual(self.ask("GET", "devices")[0], 200)
        self.assertEqual(Page.ask(self, "GET", "/style.css")[0], 200)

    def test_visitors_have_their_own_address(self):
        self.configure('tls = "both"')
        self.open()
        self.enter()
        wrong = {"password": "not this one"}
        self.cookie = None
        for _ in range(4):
            self.ask("POST", "login", wrong, source="127.0.0.7")
        self.assertEqual(self.ask("POST", "login", {"password": password}, source="127.0.0.7")[0], 429)
        self.assertEqual(self.ask("POST", "login", {"password": password}, source="127.0.0.8")[0], 204)
        self.assertIn("127.0.0.7", self.log.read_text())
        # What a visitor says of himself is not believed.
        self.cookie = None
        said = {"X-Forwarded-For": "127.0.0.9"}
        self.assertEqual(self.ask("POST", "login", {"password": password}, said, source="127.0.0.7")[0], 429)

    def test_much_goes_through_whole_and_streams_go_on(self):
        self.stock()
        self.configure('tls = "redirect"')
        self.open()
        self.enter()
        module = (self.folder / "modules/next-application.bin").read_bytes()
        self.assertEqual(self.ask("POST", "firmware?name=next.bin", module, raw=True)[0], 201)
        connection = http.client.HTTPSConnection("127.0.0.1", self.web, timeout=patience, context=self.context())
        for name in ("app.js", "style.css", "openapi.json", "app.js"):  # one after the other, on one connection
            path = "/api/v1/" + name if name == "openapi.json" else "/" + name
            self.assertEqual(self.exchange(connection, "GET", path, None, None, True, True)[0], 200)
        connection.close()
        stream = http.client.HTTPSConnection("127.0.0.1", self.web, timeout=patience, context=self.context())
        stream.request("GET", "/api/v1/events", headers={"Cookie": f"drydock_tls={self.cookie}"})
        lines = stream.getresponse()
        token = self.ask("POST", "tokens", {"name": "x"})[1]["token"]
        cloud = http.client.HTTPSConnection("127.0.0.1", self.web, timeout=patience, context=self.context())
        cloud.request("GET", f"/v1/events?access_token={token}")
        events = cloud.getresponse()
        self.assertEqual(events.status, 200)
        self.launch(1)
        for _ in range(2):  # as it is now, and when the device has come
            self.assertTrue(any(b"event: fleet" in lines.readline() for _ in range(20)))
        self.assertTrue(any(b"spark/status" in events.readline() for _ in range(50)))
        before = self.descriptors()
        stream.close(), cloud.close(), lines.close(), events.close()
        self.wait_for(lambda: self.descriptors() < before)

    def test_what_was_set_over_tls_is_in_nobodys_way_without(self):
        self.configure('tls = "redirect"')
        self.open()
        self.enter()
        secure = f"drydock_tls={self.cookie}"
        self.assertEqual(self.ask("POST", "logout")[0], 204)
        self.stop(self.process)
        self.configure('tls = "off"')
        self.open()
        self.cookie = None
        self.assertEqual(Page.ask(self, "POST", "login", {"password": password})[0], 204)
        both = {"Cookie": f"{secure}; drydock={self.cookie}"}
        self.assertEqual(Page.ask(self, "GET", "devices", headers=both, cookie=False)[0], 200)

    def test_who_reads_slowly_holds_a_place_for_a_while_only(self):
        self.configure('tls = "redirect"')
        self.open()
        self.enter()
        idle = self.descriptors()
        held = []
        for _ in range(30):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            s.settimeout(patience)
            s.bind(("127.0.0.5", 0))
            s.connect(("127.0.0.1", self.web))
            try:
                secure = self.context(check_hostname=False).wrap_socket(s)
                secure.sendall(b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 4)
                held.append(secure)
            except OSError:  # no place for more of one address
                s.close()
        self.assertLess(self.descriptors(), idle + 50)  # the older ones gave way
        self.assertEqual(self.ask("GET", "devices")[0], 200)
        self.wait_for(lambda: self.descriptors() <= idle + 2)  # though none of them is closed
        for s in held:
            s.close()

    def test_who_comes_often_and_leaves_is_let_in_each_time(self):
        self.configure('tls = "redirect"')
        self.open()
        for _ in range(60):
            self.assertEqual(self.ask("GET", "/style.css", cookie=False)[0], 200)

    def test_strangers_take_no_place_from_others(self):
        self.configure('tls = "redirect"')
        self.open()
        self.enter()
        idle = self.descriptors()
        hello = bytes.fromhex("16030100c8010000c40303") + os.urandom(60)
        held = []
        for i in range(60):
            s = socket.create_connection(("127.0.0.1", self.web), timeout=patience, source_address=("127.0.0.5", 0))
            s.sendall(hello if i % 2 else b"\x16")
            held.append(s)
        for i in range(80):
            s = socket.create_connection(
                ("127.0.0.1", self.web), timeout=patience, source_address=(f"127.0.0.{10 + i % 5}", 0)
            )
            s.sendall(hello)
            held.append(s)
        self.assertEqual(self.ask("GET", "devices", source="127.0.0.6")[0], 200)  # not heard of before
        self.assertEqual(self.ask("GET", "devices")[0], 200)
        self.assertLess(self.descriptors(), idle + 90)
        for s in held:
            s.close()
        self.wait_for(lambda: self.descriptors() <= idle + 1)

    def test_nonsense(self):
        self.configure('tls = "redirect"')
        self.open()
        self.enter()
        idle = self.descriptors()
        recorded = []
        # A true ClientHello, to be cut and changed.
        listener = socket.create_server(("127.0.0.1", 0))
        taker = threading.Thread(target=lambda: recorded.append(listener.accept()[0].recv(4096)))
        taker.start()
        try:
            with socket.create_connection(listener.getsockname(), timeout=1) as s:
                self.context(check_hostname=False).wrap_socket(s)
        except OSError:
            pass
        taker.join()
        listener.close()
        hello = recorded[0]
        chance = random.Random(18)
        for i in range(300):
            changed = bytearray(hello[: chance.randrange(1, len(hello) + 1)])
            for _ in range(chance.randrange(4)):
                changed[chance.randrange(1, len(changed)) if len(changed) > 1 else 0] = chance.randrange(256)
            changed[0] = 22
            with socket.create_connection(("127.0.0.1", self.web), timeout=patience) as s:
                s.sendall(bytes(changed) + (os.urandom(chance.randrange(3000)) if i % 3 == 0 else b""))
                if i % 2:
                    s.shutdown(socket.SHUT_WR)
                    try:
                        while s.recv(65536):
                            pass
                    except ConnectionResetError:
                        pass
        # And within a session.
        with socket.create_connection(("127.0.0.1", self.web), timeout=patience) as s:
            with self.context().wrap_socket(s, server_hostname="127.0.0.1") as secure:
                secure.sendall(b"GET / HTTP/1.1\r\nHo")
                os.write(secure.fileno(), os.urandom(500))
                try:
                    while secure.recv(65536):
                        pass
                except OSError:
                    pass
        self.assertIsNone(self.process.poll())
        self.assertEqual(self.ask("GET", "devices")[0], 200)
        self.wait_for(lambda: self.descriptors() <= idle + 1)

    def test_certificates_of_others(self):
        file = self.folder / "own.pem"
        self.configure(f'certificate = "{file}"')
        refused = lambda: self.run_drydock("serve", "--port", 0, "--udp-port", 0, "--web-port", 0)
        self.assertIn("own.pem cannot be opened", refused().stderr)
        file.write_text("nothing of use")
        self.assertIn("must hold a certificate and its private key", refused().stderr)
        ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
        first, key_of_first = self.make_certificate("first", ec)
        second, key_of_second = self.make_certificate("second", ("-newkey", "rsa:2048"))
        file.write_text(first + key_of_second)
        answer = refused()
        self.assertEqual(answer.returncode, 1)
        self.assertIn("own.pem: the private key", answer.stderr)
        self.assertIn("PROBLEM", self.run_drydock("check").stdout)
        for content in (second + key_of_second, key_of_first + first):
            file.write_text(content)
            self.assertNotIn("PROBLEM  certificate", self.run_drydock("check").stdout)
            self.open()
            trusting = self.context(cafile=file)
            connection = http.client.HTTPSConnection("127.0.0.1", self.web, timeout=patience, context=trusting)
            connection.request("GET", "/")
            self.assertEqual(connection.getresponse().status, 200)
            connection.close()
            self.stop(self.process)

    def test_the_port_of_the_api_alone(self):
        with socket.create_server(("127.0.0.1", 0)) as s:
            api = s.getsockname()[1]
        self.configure('tls = "redirect"')
        self.open("--api-port", str(api))
        self.enter()
        token = self.ask("POST", "tokens", {"name": "x"})[1]["token"]
        for port, path, answer in (
            (api, f"/v1/devices?access_token={token}", 200),
            (api, "/index.html", 404),
            (self.web, "/index.html", 200),
        ):
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=patience, context=self.context())
            connection.request("GET", path)
            self.assertEqual(connection.getresponse().status, answer, (port, path))
            connection.close()


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main(module=sys.modules["__main__"], defaultTest="Tls")
