"""The real binary on a PostgreSQL: killed, the server killed and restarted, two on one database, moved there and back."""
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "postgresql"))

import page_test
import survival_test
from harness import ServiceFolder, killed_at_rename, patience, program
from server import Server

server = None


def setUpModule():
    global server
    server = Server()


def tearDownModule():
    server.close()


class OnPostgresql:
    """Mixed into tests that then run on a database of their own."""

    databases = 0

    def setUp(self):
        OnPostgresql.databases += 1
        self.database = f"test{OnPostgresql.databases}"
        self.url = server.new_database(self.database)
        self.use(self.url)
        super().setUp()

    def use(self, url):
        configuration = Path(f"/tmp/drydock-e2e-{os.getpid()}-{self.database}.toml")
        configuration.write_text(f'[store]\nurl = "{url}"\n' if url else "")
        self.addCleanup(configuration.unlink, True)
        self.program_options = ("--config", str(configuration))

    def query(self, sql):
        value = lambda text: int(text) if text.isdecimal() and len(text) < 20 else text
        return [tuple(map(value, line.split("|"))) for line in server.sql(sql, self.database).splitlines()]

    def check_database(self):
        pass

    def all_current(self, count):
        return self.query("SELECT state FROM devices") == [("current",)] * count


class Killed(OnPostgresql, survival_test.Killed):
    test_at_every_single_commit_of_an_update_of_three_devices = None  # counts SQLite's syncs


class KilledOverUdp(OnPostgresql, survival_test.KilledOverUdp):
    pass


class ServerAway(OnPostgresql, ServiceFolder):
    def test_connected_devices_stay_and_go_on_when_it_is_back(self):
        """Killed and restarted while thirty devices update: none is sent more than it needs, but for what was under way."""
        self.stock()
        self.start("--policy", "open")
        fleet = self.launch(30)
        for how in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
            self.wait_for(
                lambda: fleet.poll() is not None
                or self.query("SELECT count(*) FROM update_steps WHERE state = 'sending'") != [(0,)]
            )
            said = lambda words: fleet.poll() is not None or self.log.read_text().count(words) > times
            times = self.log.read_text().count("the database is back")
            server.end(how)
            try:
                self.wait_for(lambda: said("waits for it"))
            finally:
                server.start()
            self.wait_for(lambda: said("the database is back"))
        images, _ = self.result(fleet)
        self.assertEqual(len(images), 30)
        for received in images:
            self.assertLessEqual(received, 2 + 3)
        self.wait_for(lambda: self.all_current(30))
        # What was acknowledged is not lost: each device has its two steps, verified.
        self.assertEqual(
            self.query("SELECT DISTINCT count(*) FROM update_steps WHERE state = 'verified' GROUP BY device_id"), [(2,)]
        )
        log = self.log.read_text()
        self.assertIn("waits for it", log)
        self.assertIn("the database is back", log)

    def test_a_service_stops_while_it_is_away(self):
        """And what nobody could write is said."""
        self.stock()
        self.start("--policy", "open")
        server.end()
        try:
            fleet = self.launch(2)
            self.wait_for(lambda: "waits for it" in self.log.read_text())
            self.assertEqual(self.stop(self.process), 0)
            fleet.kill()
            self.assertIn("the database could not be written", self.log.read_text())
        finally:
            server.start()

    def test_one_that_refuses_to_write_is_waited_for(self):
        """As a standby does behind the same address: said once, no device is charged for it, and nothing is lost."""
        self.stock()
        self.start("--policy", "open")

        def refuse(how):
            server.sql(f"ALTER DATABASE {self.database} SET default_transaction_read_only = {how}", "postgres")
            server.sql(
                f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{self.database}'",
                "postgres",
            )

        refuse("on")
        fleet = self.launch(5)
        self.wait_for(lambda: "waits for it" in self.log.read_text())
        checked = self.run_drydock("check")
        self.assertEqual(checked.returncode, 1)
        self.assertIn("read-only", checked.stdout)
        refuse("off")
        images, _ = self.result(fleet)
        self.assertEqual(images, [2] * 5)
        self.wait_for(lambda: self.all_current(5))
        self.assertEqual(self.query("SELECT count(*) FROM update_steps WHERE state <> 'verified'"), [(0,)])
        self.assertEqual(self.log.read_text().count("waits for it"), 1)

    def test_it_is_told_at_start_and_by_commands(self):
        self.stock()
        server.end()
        try:
            self.start(mortal=True)
            self.assertEqual(self.process.wait(patience), 1)
            self.assertIn("cannot be reached", self.log.read_text())
            run = self.run_drydock("status")
            self.assertEqual(run.returncode, 1)
            self.assertIn("cannot be reached", run.stderr)
        finally:
            server.start()


class Together(OnPostgresql, ServiceFolder):
    def test_what_the_command_line_changes_is_heard_at_once(self):
        self.stock()
        self.start()
        fleet = self.launch(3)
        self.wait_for(lambda: self.query("SELECT count(*) FROM devices WHERE state = 'awaiting_approval'") == [(3,)])
        begun = time.monotonic()
        ids = [row[0][3:] for row in self.query("SELECT 'id ' || id FROM devices")]
        self.assertEqual(self.run_drydock("devices", "approve", *ids).returncode, 0)
        self.result(fleet)
        self.wait_for(lambda: self.all_current(3))
        self.assertLess(time.monotonic() - begun, patience)

    def test_keys_that_the_devices_do_not_know_are_refused(self):
        self.stock()
        self.state = self.folder / "stranger"
        run = self.run_drydock("firmware", "list")
        self.assertEqual(run.returncode, 1)
        self.start(mortal=True)
        self.assertEqual(self.process.wait(patience), 1)
        self.assertIn("shows that there was one, by which devices know this server", self.log.read_text())
        self.assertFalse((self.state / "server_key.pem").exists())


class Moved(OnPostgresql, ServiceFolder):
    tables = (
        "devices device_modules modules goals update_steps updates attempts sends history settings api_tokens changes"
    ).split()

    def rows_of_sqlite(self, table):
        database = sqlite3.connect(self.state / "drydock.db")
        columns = [
            c for _, c, *_ in database.execute(f"PRAGMA table_info({table})") if c not in ("label", "shown_state")
        ]
        rows = database.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall()
        database.close()
        as_text = lambda v: None if v is None else v.hex() if isinstance(v, bytes) else str(v)
        return columns, sorted(
            [as_text(v) for v in row] for row in rows if not (table == "settings" and row[0] == "server_keys")
        )

    def rows_of_postgresql(self, table, columns):
        text = server.sql(f"SELECT coalesce(json_agg(t), '[]') FROM {table} t", self.database)
        as_text = lambda v: None if v is None else v[2:] if str(v).startswith("\\x") else str(v)
        rows = [[as_text(row[c]) for c in columns] for row in json.loads(text)]
        return sorted(row for row in rows if not (table == "settings" and row[0] == "server_keys"))

    def test_there_and_back_and_through_a_backup(self):
        url = self.url
        self.use(None)
        self.stock()
        self.start("--policy", "open")
        self.result(self.launch(5))
        database = self.state / "drydock.db"
        self.assertNotEqual(self.run_drydock("store", "move", "--to", url).returncode, 0)  # it runs
        self.stop(self.process)
        self.assertEqual(self.run_drydock("devices", "rename", "0a", "Grün 'n' \"so\"").returncode, 1)
        some = sqlite3.connect(database).execute("SELECT id FROM devices").fetchone()[0]
        self.assertEqual(self.run_drydock("devices", "rename", some, "Grün 'n' \\x \"so\"").returncode, 0)
        before = {table: self.rows_of_sqlite(table) for table in self.tables}

        moved = self.run_drydock("store", "move", "--to", url)
        self.assertEqual(moved.returncode, 0, moved.stderr)
        self.assertIn("5 devices and 2 module files", moved.stdout)
        for table, (columns, rows) in before.items():
            self.assertEqual(self.rows_of_postgresql(table, columns), rows, table)
        for more in ([], ["--replace"]):  # over what is newer
            again = self.run_drydock("store", "move", "--to", url, *more)
            self.assertEqual(again.returncode, 1)
            self.assertIn("was moved to postgresql://", again.stderr)
        # Without the address old devices and passwords would be back.
        for command in (["devices", "list"], ["backup", self.folder / "old"], ["check"]):
            run = self.run_drydock(*command)
            self.assertEqual(run.returncode, 1, command)
            self.assertIn("name that one as 'url'", run.stdout + run.stderr)
        self.start(mortal=True)
        self.assertEqual(self.process.wait(patience), 1)
        self.assertIn("name that one as 'url'", self.log.read_text())

        self.use(url)
        for file in (self.state / "firmware").glob("*.bin"):
            file.unlink()  # the database has them
        backup = self.folder / "backup"
        made = self.run_drydock("backup", backup)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.start("--policy", "open")  # ids go on behind those that were copied
        fleet = self.launch(2, first=50)
        self.result(fleet)
        self.stop(self.process)

        back = self.run_drydock("store", "move", "--to", "sqlite")  # what was left there is old
        self.assertEqual(back.returncode, 0, back.stderr)
        self.assertIn("take 'url' out", self.run_drydock("devices", "list").stderr)
        self.use(None)
        self.assertEqual(self.run_drydock("check").returncode, 0)
        self.assertEqual(len(json.loads(self.run_drydock("status", "--json").stdout)["devices"]), 7)
        restored = self.run_drydock("restore", backup, "--replace")
        self.assertEqual(restored.returncode, 0, restored.stderr)
        # What belongs to a running service aside, that is what there was.
        for table in ("devices", "modules", "goals", "updates"):
            self.assertEqual(self.rows_of_sqlite(table), before[table], table)
        self.use(url)
        refused = self.run_drydock("restore", backup)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("--replace", refused.stderr)
        self.assertEqual(self.run_drydock("restore", backup, "--replace").returncode, 0)
        self.assertEqual(self.rows_of_postgresql("devices", before["devices"][0]), before["devices"][1])
        self.start("--policy", "open")


class MoveInterrupted(OnPostgresql, ServiceFolder):
    def test_it_is_made_once_more_and_neither_is_used_by_mistake_meanwhile(self):
        """As it is when the program is killed between the copy's commit and its last."""
        url = self.url
        self.use(None)
        self.stock()
        move = lambda: self.run_drydock("store", "move", "--to", url)
        self.assertEqual(move().returncode, 0)
        in_file = lambda sql: [db := sqlite3.connect(self.state / "drydock.db"), db.execute(sql), db.commit()]
        origin = f"{self.state / 'drydock.db'} of {socket.gethostname()}"
        for source_is_marked in (True, False):
            self.query(f"INSERT INTO settings (key, value) VALUES ('unfinished_move_from', '{origin}')")
            if not source_is_marked:
                in_file("DELETE FROM settings WHERE key = 'moved_to'")
            self.use(url)
            run = self.run_drydock("firmware", "list")
            self.assertEqual(run.returncode, 1)
            self.assertIn("was interrupted", run.stderr)
            self.use(None)
            self.assertEqual(self.run_drydock("firmware", "list").returncode, 1 if source_is_marked else 0)
            again = move()
            self.assertEqual(again.returncode, 0, again.stderr)
            self.use(url)
            self.assertEqual(self.run_drydock("firmware", "list").returncode, 0)
            self.use(None)


class Restored(OnPostgresql, ServiceFolder):
    """Over a database that is used."""

    def setUp(self):
        super().setUp()
        self.stock()
        self.start("--policy", "open")
        self.result(self.launch(2))
        self.backup = self.folder / "backup"
        self.assertEqual(self.run_drydock("backup", self.backup).returncode, 0)
        self.result(self.launch(3, first=10))
        self.stop(self.process)

    def devices(self):
        return len(json.loads(self.run_drydock("status", "--json").stdout)["devices"])

    def test_what_it_held_is_kept(self):
        restored = self.run_drydock("restore", self.backup, "--replace")
        self.assertEqual(restored.returncode, 0, restored.stderr)
        self.assertEqual(self.devices(), 2)
        (kept,) = self.state.glob("replaced-*/database.backup")
        self.assertIn(str(kept), restored.stdout)
        kept = shutil.copy2(kept, self.folder / "kept")
        self.assertEqual(self.run_drydock("restore", kept, "--replace").returncode, 0)
        self.assertEqual(self.devices(), 5)
        self.start("--policy", "open")

    def test_while_it_is_away_nothing_is_changed(self):
        before = sorted(self.state.iterdir())
        server.end()
        try:
            run = self.run_drydock("restore", self.backup, "--replace")
        finally:
            server.start()
        self.assertEqual(run.returncode, 1)
        self.assertIn("cannot be reached", run.stderr)
        self.assertIn("Nothing was changed", run.stderr)
        self.assertEqual(sorted(self.state.iterdir()), before)
        self.assertEqual(self.devices(), 5)

    def test_into_one_that_cannot_be_written_changes_nothing(self):
        server.sql(f"ALTER DATABASE {self.database} SET default_transaction_read_only = on", "postgres")
        run = self.run_drydock("restore", self.backup, "--replace")
        moved = self.run_drydock("store", "move", "--to", "sqlite")
        server.sql(f"ALTER DATABASE {self.database} SET default_transaction_read_only = off", "postgres")
        self.assertEqual((run.returncode, moved.returncode), (1, 1))
        self.assertIn("Nothing was changed", run.stderr)
        self.assertIn("drydock backup", moved.stderr)
        self.assertEqual(self.devices(), 5)

    def test_a_lost_table_is_told_with_what_to_do(self):
        server.sql("DROP TABLE history", self.database)
        for command in (["check"], ["restore", self.backup, "--replace"]):
            run = self.run_drydock(*command)
            self.assertEqual(run.returncode, 1)
            self.assertIn("empty", run.stdout + run.stderr)

    def test_killed_in_the_middle_it_is_finished_later(self):
        unfinished = False
        for n in range(1, 100):
            run = subprocess.run(
                [program, *self.program_options, "--state", self.state, "restore", self.backup, "--replace"],
                env=killed_at_rename(f"after {n}", self.folder / "count"),
                capture_output=True,
                timeout=patience,
            )
            self.assertEqual(run.returncode, -9)
            unfinished = "must be finished first" in self.run_drydock("status").stderr
            if unfinished:
                break
        self.assertTrue(unfinished)
        for command in (["devices", "list"], ["check"]):
            self.assertEqual(self.run_drydock(*command).returncode, 1, command)
        self.start(mortal=True)
        self.assertEqual(self.process.wait(patience), 1)
        self.assertIn("must be finished first", self.log.read_text())
        url = self.url
        self.use(None)
        self.assertIn("into a PostgreSQL", self.run_drydock("restore", "--finish").stderr)
        self.use(url)
        finished = self.run_drydock("restore", "--finish")
        self.assertEqual(finished.returncode, 0, finished.stderr)
        self.assertIn("database.backup", finished.stdout)
        self.assertEqual(self.devices(), 2)
        self.start("--policy", "open")


class Keys(OnPostgresql, ServiceFolder):
    """A state folder with other keys than the devices of the database know."""

    def test_nothing_goes_out_beside_wrong_keys_and_lost_ones_can_be_replaced(self):
        self.stock()
        self.start("--policy", "open")
        self.result(self.launch(1))
        self.stop(self.process)
        self.state = self.folder / "other"
        self.state.mkdir(mode=0o700)
        missing = self.run_drydock("check")
        self.assertEqual(missing.returncode, 1)
        url = self.url
        self.use(None)
        self.assertEqual(self.run_drydock("keys", "create").returncode, 0)
        self.use(url)
        for command in (["check"], ["backup", self.folder / "b"], ["store", "move", "--to", "sqlite"]):
            run = self.run_drydock(*command)
            self.assertEqual(run.returncode, 1, command)
            self.assertIn("are not those by which the devices", run.stdout + run.stderr)
        lost = self.run_drydock("keys", "create", "--lost")
        self.assertEqual(lost.returncode, 0, lost.stderr)
        self.start("--policy", "open")

    def test_an_empty_database_beside_a_full_one_is_not_begun_on(self):
        url = self.url
        self.use(None)
        self.stock()
        self.use(url)
        self.start(mortal=True)
        self.assertEqual(self.process.wait(patience), 1)
        self.assertIn("store move --to", self.log.read_text())
        self.use(None)
        self.assertEqual(self.run_drydock("store", "move", "--to", url).returncode, 0)
        self.use(url)
        self.start("--policy", "open")


class PageOnPostgresql(OnPostgresql, page_test.Page):
    def test_it_works_and_says_when_the_database_is_away(self):
        self.stock()
        self.open()
        self.enter()
        self.result(self.launch(3))
        status, answer, _ = self.ask("GET", "devices?search=photon&sort=-last_seen")
        self.assertEqual((status, len(answer["devices"])), (200, 3))
        device = answer["devices"][0]["id"]
        server.end()
        try:
            status, answer, _ = self.ask("GET", "devices")
            self.assertEqual((status, answer["title"]), (503, "The database cannot be reached"))
            self.ask("PATCH", "devices/" + device, {"name": "first"})  # may be the one that learns it
            status, answer, _ = self.ask("PATCH", "devices/" + device, {"name": "second"})
            self.assertEqual((status, answer["title"]), (503, "The database cannot be reached"))
        finally:
            server.start()
        self.assertEqual(self.ask("GET", "devices")[0], 200)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
