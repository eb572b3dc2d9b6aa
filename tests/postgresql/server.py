"""A PostgreSQL of the tests' own: a cluster in a temporary folder, as an ordinary user, reached by a socket alone."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

ordinary_user = 65534  # nobody


def programs():
    """The folder of the newest initdb and postgres there are; Debian has them outside of PATH."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if not found:
        raise FileNotFoundError("no PostgreSQL: sudo apt install postgresql")
    return found[-1].parent


class Server:
    def __init__(self, syncs=False):
        """Without `syncs` it outlives its own end and not the machine's: tests kill processes alone."""
        self.syncs = syncs
        self.programs = programs()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="drydock-postgresql-", dir="/tmp"))
        self.as_user = {}
        if os.geteuid() == 0:  # the server refuses to be root
            os.chown(self.folder, ordinary_user, ordinary_user)
            self.as_user = {"user": ordinary_user, "group": ordinary_user, "extra_groups": []}
        self.folder.chmod(0o755)
        subprocess.run(
            [self.programs / "initdb", "-D", self.folder / "data", "-A", "trust", "-U", "drydock", "-E", "UTF8"]
            + ["--locale=C.UTF-8", "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
            **self.as_user,
        )
        self.process = None
        self.start()

    def url(self, database="drydock"):
        return f"postgresql://drydock@/{database}?host={self.folder}"

    def sql(self, text, database="drydock"):
        run = subprocess.run(
            [self.programs / "psql", "-qAtX", "-v", "ON_ERROR_STOP=1", self.url(database), "-c", text],
            check=True,
            capture_output=True,
            text=True,
        )
        return run.stdout.strip()

    def new_database(self, name):
        self.sql(f"CREATE DATABASE {name}", "postgres")
        return self.url(name)

    def start(self):
        options = [
            "-c",
            "listen_addresses=",
            "-k",
            self.folder,
            "-c",
            "max_connections=60",
            "-c",
            "shared_buffers=32MB",
        ]
        if not self.syncs:
            options += ["-c", "fsync=off"]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.folder / "data", *options],
                stdout=log,
                stderr=log,
                **self.as_user,
            )
        last_moment = time.monotonic() + 60
        ready = [self.programs / "pg_isready", "-q", "-h", self.folder]
        while subprocess.run(ready).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > last_moment:
                raise RuntimeError((self.folder / "log").read_text()[-2000:])
            time.sleep(0.05)

    def end(self, how=signal.SIGINT):
        """SIGINT ends all connections and writes everything down; SIGKILL is a power cut without the disk's part."""
        if how == signal.SIGKILL:  # its children notice, and end by themselves
            self.process.kill()
        else:
            self.process.send_signal(how)
        self.process.wait(60)
        if how == signal.SIGKILL:
            (self.folder / "data/postmaster.pid").unlink(missing_ok=True)
            while self.processes():
                time.sleep(0.02)

    def processes(self):
        """All of the server's: they have its folder as their own."""
        own = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(process / "cwd") == str(self.folder / "data"):
                    own.append(process.name)
            except OSError:
                pass  # gone, or another's
        return own

    def close(self):
        if self.process.poll() is None:
            self.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        self.sql("CREATE DATABASE drydock", "postgres")
        return self

    def __exit__(self, *_):
        self.close()
