"""The program users run, as they run it: commands, exit statuses, a real service on loopback."""
import json
import os
import re
import socket
import sys
import unittest

from harness import Folder, ServiceFolder, patience


class Commands(Folder):
    def test_help_and_version(self):
        self.assertIn("Subcommands", self.run_drydock("--help", state=False).stdout)
        self.assertRegex(self.run_drydock("--version", state=False).stdout, r"^drydock \d+\.\d+\.\d+")
        for command in ("serve", "demo", "keys", "firmware", "devices", "plan", "status"):
            self.assertEqual(self.run_drydock(command, "--help", state=False).returncode, 0)

    def test_a_command_that_is_not_understood_ends_with_2(self):
        for words in ([], ["bogus"], ["firmware"], ["firmware", "add"], ["serve", "--policy", "maybe"], ["plan"]):
            self.assertEqual(self.run_drydock(*words).returncode, 2, words)

    def test_looking_into_an_empty_place_says_what_to_do(self):
        for words in (["status"], ["devices", "list"], ["firmware", "list"]):
            answer = self.run_drydock(*words)
            self.assertEqual(answer.returncode, 1)
            self.assertIn("drydock serve", answer.stderr)

    def test_firmware_comes_and_goes(self):
        folder = self.modules()
        added = self.run_drydock("firmware", "add", folder / "part1.bin", folder / "part2.bin")
        self.assertEqual((added.returncode, added.stderr), (0, ""))
        self.assertIn("Photon system part 1 version 3", added.stdout)
        listed = json.loads(self.run_drydock("firmware", "list", "--json").stdout)
        self.assertEqual([(m["module"], m["version"]) for m in listed], [("system part 1", 3), ("system part 2", 3)])
        self.assertEqual(self.run_drydock("firmware", "remove", "part1.bin").returncode, 0)
        self.assertEqual(self.run_drydock("firmware", "remove", "part1.bin").returncode, 1)
        self.assertEqual(len(json.loads(self.run_drydock("firmware", "list", "--json").stdout)), 1)

    def test_a_stored_file_that_was_damaged_is_repaired_by_adding_it_again(self):
        folder = self.modules()
        self.assertEqual(self.run_drydock("firmware", "add", folder / "part1.bin").returncode, 0)
        stored = next((self.state / "firmware").glob("*.bin"))
        whole = stored.read_bytes()
        stored.write_bytes(whole[:1000] + b"\0\0" + whole[1002:])
        self.assertIn("PROBLEM", self.run_drydock("check").stdout)
        self.assertEqual(self.run_drydock("firmware", "add", folder / "part1.bin").returncode, 0)
        self.assertEqual(stored.read_bytes(), whole)

    def test_bad_files_are_refused_with_the_reason_and_good_ones_beside_them_taken(self):
        folder = self.modules()
        (folder / "empty.bin").write_bytes(b"")
        cut = (folder / "part1.bin").read_bytes()[:3000]
        (folder / "cut.bin").write_bytes(cut)
        damaged = bytearray((folder / "part1.bin").read_bytes())
        damaged[1000] ^= 1
        (folder / "damaged.bin").write_bytes(damaged)
        answer = self.run_drydock("firmware", "add", folder)
        self.assertEqual(answer.returncode, 1)
        self.assertIn("empty.bin: the file is empty", answer.stderr)
        self.assertIn("cut.bin: the file is cut", answer.stderr)
        self.assertIn("damaged.bin: the file is damaged", answer.stderr)
        self.assertEqual(len(json.loads(self.run_drydock("firmware", "list", "--json").stdout)), 6)
        inspected = json.loads(
            self.run_drydock("firmware", "inspect", folder / "cut.bin", folder / "part2.bin", "--json").stdout
        )
        self.assertEqual([f["accepted"] for f in inspected], [False, True])
        self.assertEqual(self.run_drydock("firmware", "add", self.folder / "nowhere.bin").returncode, 1)

    def test_a_plan_without_a_device(self):
        folder = self.modules()
        describe = self.folder / "describe.json"
        describe.write_text(
            '{"p":6,"m":[{"f":"s","n":"1","v":1,"l":"m","vc":30,"vv":30,"d":[]},'
            '{"f":"s","n":"2","v":1,"l":"m","vc":30,"vv":30,"d":[{"f":"s","n":"1","v":1}]},'
            '{"f":"u","n":"1","v":6,"l":"m","vc":30,"vv":26,"d":[{"f":"s","n":"2","v":3}]}]}'
        )
        plan = self.run_drydock("plan", "--describe", describe, "--firmware", folder, "--json")
        self.assertEqual(plan.returncode, 0, plan.stderr)
        self.assertEqual(
            [(s["module"], s["version"], s["from_version"]) for s in json.loads(plan.stdout)["steps"]],
            [("system part 1", 3, 1), ("system part 2", 3, 1)],
        )
        blocked = self.run_drydock("plan", "--describe", describe, "--firmware", folder / "part2.bin")
        self.assertEqual(blocked.returncode, 1)
        self.assertIn("missing: Photon system part 1 version 3 (Device OS 0.4.3)", blocked.stdout)
        describe.write_text("what?")
        self.assertEqual(self.run_drydock("plan", "--describe", describe, "--firmware", folder).returncode, 1)
        describe.write_text('{"m":[]}')
        self.assertIn("--platform", self.run_drydock("plan", "--describe", describe, "--firmware", folder).stderr)

    def test_a_path_from_one_release_to_another_needs_neither_device_nor_files(self):
        answer = self.run_drydock("plan", "--from", "0.6.3", "--to", "3.3.1", "--platform", "photon")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertIn("6 files, in this order", answer.stdout)
        self.assertIn("1. system part 1 of Device OS 0.7.0, version 207", answer.stdout)
        back = self.run_drydock("plan", "--from", "6.5.0", "--to", "0.9.0", "--platform", "boron", "--json")
        self.assertEqual(back.returncode, 1)
        self.assertIn("radio stack", json.loads(back.stdout)["missing"][0]["words"])
        unknown = self.run_drydock("plan", "--from", "0.6.3", "--to", "3.3.9", "--platform", "photon")
        self.assertIn("there is no Device OS 3.3.9 for Photon: the newest is 3.3.1", unknown.stderr)
        self.assertEqual(self.run_drydock("plan", "--from", "0.6.3", "--to", "3.3.1").returncode, 2)

    def test_keys_are_made_shown_and_exported_once(self):
        output = self.folder / "server.der"
        exported = self.run_drydock("keys", "export", "--host", "192.168.1.20", "-o", output)
        self.assertEqual(exported.returncode, 0, exported.stderr)
        self.assertEqual(
            os.stat(output).st_mode & 0o777, 0o644
        )  # public; particle-cli runs as another user than sudo drydock
        self.assertEqual(output.stat().st_size, 294)
        self.assertIn(f"particle keys server {output} --host 192.168.1.20 --port 5683", exported.stdout)
        self.assertEqual(self.run_drydock("keys", "export", "--host", "192.168.1.20", "-o", output).returncode, 1)
        whole = self.run_drydock("keys", "export", "--host", "192.168.1.20", "-o", output, "--dfu", "--force")
        self.assertIn("dfu-util", whole.stdout)
        record = output.read_bytes()
        self.assertEqual(
            (len(record), record[384:390], record[450:452]),
            (512, bytes([0, 4, 192, 168, 1, 20]), (5683).to_bytes(2, "big")),
        )
        shown = json.loads(self.run_drydock("keys", "show", "--json").stdout)
        self.assertIn("BEGIN PUBLIC KEY", shown["public_key"])
        self.assertEqual(self.run_drydock("keys", "create").returncode, 1)
        self.assertEqual((self.state / "server_key.pem").stat().st_mode & 0o777, 0o600)

    def test_configuration(self):
        config = self.folder / "drydock.toml"
        config.write_text(self.run_drydock("config", "default").stdout)
        self.assertEqual(self.run_drydock("-c", config, "keys", "create").returncode, 0)
        config.write_text("[listen]\nport = 1\n")
        answer = self.run_drydock("-c", config, "status")
        self.assertEqual(answer.returncode, 1)
        self.assertIn("line 2: there is no option 'listen.port'", answer.stderr)
        self.assertEqual(self.run_drydock("-c", self.folder / "none.toml", "status").returncode, 1)

    def test_a_state_folder_that_cannot_be_made(self):
        (self.folder / "file").write_text("")
        self.state = self.folder / "file" / "state"
        answer = self.run_drydock("serve", "--no-web", "--port", 0, "--udp-port", 0)
        self.assertEqual(answer.returncode, 1)
        self.assertIn("cannot be made", answer.stderr)

    def test_a_damaged_database_is_left_as_it_is(self):
        self.run_drydock("keys", "create")
        (self.state / "drydock.db").write_text("x" * 5000)
        answer = self.run_drydock("serve", "--no-web", "--port", 0, "--udp-port", 0)
        self.assertEqual(answer.returncode, 1)
        self.assertIn("is damaged", answer.stderr)
        self.assertEqual((self.state / "drydock.db").read_text(), "x" * 5000)

    def test_the_demo_brings_three_photons_up_to_date(self):
        answer = self.run_drydock("demo", "--fast", state=False)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertIn("plan 2/2: system part 2 version 3", answer.stdout)
        self.assertIn("All devices run what they should.", answer.stdout)


class Service(ServiceFolder):
    def setUp(self):
        super().setUp()
        self.start()

    def test_it_stops_when_asked_and_starts_again_with_the_same_key(self):
        key = self.run_drydock("keys", "show").stdout
        self.assertEqual(self.stop(self.process), 0)
        self.assertIn("stopped", self.log.read_text())
        self.start()
        self.assertEqual(self.run_drydock("keys", "show").stdout, key)

    def test_only_one_serves_a_state_folder(self):
        second = self.run_drydock("serve", "--no-web", "--address", "127.0.0.1", "--port", 0, "--udp-port", 0)
        self.assertEqual(second.returncode, 1)
        self.assertIn("another Drydock is running", second.stderr)
        self.assertIn("is running", self.run_drydock("status").stdout)

    def test_a_port_that_is_taken(self):
        self.state = self.folder / "other"
        second = self.run_drydock("serve", "--no-web", "--address", "127.0.0.1", "--port", self.port, "--udp-port", 0)
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"cannot listen on 127.0.0.1 port {self.port}", second.stderr)

    def test_garbage_on_the_port_ends_nothing_but_itself(self):
        waiting = []
        for garbage in (
            b"",
            b"GET / HTTP/1.0\r\n\r\n",
            b"\x16\x03\x01\x02\x00",
            bytes(255),
            bytes(range(256)),
            b"\xff" * 4000,
        ):
            s = socket.create_connection(("127.0.0.1", self.port), timeout=patience)
            s.sendall(garbage)
            waiting.append(s)
        for s in waiting:
            received = b""
            try:
                while more := s.recv(4096):
                    received += more
            except ConnectionResetError:
                pass
            self.assertLessEqual(len(received), 40)
            s.close()
        self.assertIsNone(self.process.poll())
        self.wait_for(lambda: "wrong server key in the device at 127.0.0.1" in self.run_drydock("status").stdout)
        refusals = json.loads(self.run_drydock("status", "--json").stdout)["refusals"]
        self.assertIn("wrong_server_key", [r["kind"] for r in refusals])


if __name__ == "__main__":
    sys.argv[1:] = []
    unittest.main()
