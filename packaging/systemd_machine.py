"""A machine with a real systemd, in namespaces of its own with no network but loopback, from a Debian root. Needs root."""
import os
import pty
import subprocess
import sys
import threading
import time
from pathlib import Path

clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
name = f"drydock-try-{os.getpid()}"
cgroups = Path("/sys/fs/cgroup")
hierarchies = ["."] if (cgroups / "cgroup.controllers").exists() else ["systemd", "unified"]
own_cgroups = [cgroups / hierarchy / name for hierarchy in hierarchies]


def boot_script(root):
    return f"""
set -e
mount --make-rprivate /
mount --bind {root} {root}
cd {root}
mount -t proc proc proc; mount -t tmpfs tmpfs run; mount -t tmpfs tmpfs tmp; mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs sys/fs/cgroup
for hierarchy in {" ".join(hierarchies)}; do mkdir -p sys/fs/cgroup/$hierarchy; mount --bind {cgroups}/$hierarchy/{name} sys/fs/cgroup/$hierarchy; done
mount -t tmpfs tmpfs dev
for device in null zero full random urandom tty; do touch dev/$device; mount --bind /dev/$device dev/$device; done
touch dev/console; mount --bind $(tty) dev/console
mkdir dev/pts dev/shm; mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts; ln -s pts/ptmx dev/ptmx
# Not chroot: in one the kernel makes no user namespaces, and the unit's PrivateUsers= needs one.
pivot_root . mnt
cd /
umount -l mnt
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system
"""


def mask(root, *units):
    """A getty, for one, hangs up the terminal by which the machine hangs."""
    for unit in units:
        (root / "etc/systemd/system" / unit).unlink(missing_ok=True)
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")


class Machine:
    def __init__(self, root):
        for folder in own_cgroups:
            folder.mkdir()
        self.words = b""
        self.system = 0
        # In its own cgroup before the namespace is made, so that it sees no other.
        join = " ".join(f"echo $$ > {folder}/cgroup.procs;" for folder in own_cgroups)
        child, terminal = pty.fork()
        if child == 0:
            os.execvp(
                "sh",
                [
                    "sh",
                    "-c",
                    f'{join} exec unshare --pid --mount --net --uts --ipc --cgroup --fork --kill-child sh -c "$0"',
                    boot_script(root),
                ],
            )
        self.child = child
        threading.Thread(target=self.listen, args=(terminal,), daemon=True).start()

    def boot(self):
        children = Path(f"/proc/{self.child}/task/{self.child}/children")
        # There are others for a moment before it.
        is_system = lambda process: Path(f"/proc/{process}/comm").read_text().strip() == "systemd"
        self.system = wait_for(
            lambda: next((int(child) for child in children.read_text().split() if is_system(child)), 0),
            "namespaces",
            self,
        )
        wait_for(
            lambda: self.inside("systemctl", "is-system-running").stdout.strip() in ("running", "degraded"),
            "systemd to boot",
            self,
        )

    def listen(self, terminal):
        try:
            while heard := os.read(terminal, 65536):
                self.words += heard
        except OSError:
            pass

    def inside(self, *command):
        return subprocess.run(
            ["nsenter", "--target", str(self.system), "--all", "--root", "--wd=/", *command],
            env=clean,
            capture_output=True,
            text=True,
        )

    def show(self, *properties):
        lines = self.inside("systemctl", "show", "drydock", *(f"-p{p}" for p in properties)).stdout.splitlines()
        return dict(line.split("=", 1) for line in lines)

    def end(self):
        os.kill(self.child, 9)
        os.waitpid(self.child, 0)
        for folder in own_cgroups:
            for _ in range(50):
                subprocess.run(
                    ["find", folder, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"], stderr=subprocess.DEVNULL
                )
                if not folder.exists():
                    break
                time.sleep(0.1)


def wait_for(condition, what, machine, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if found := condition():
                return found
        except (OSError, IndexError, KeyError, ValueError):
            pass
        time.sleep(0.05)
    print(machine.words.decode(errors="replace")[-3000:])
    if machine.system:
        print(machine.inside("journalctl", "-u", "drydock", "--no-pager", "-n", "40").stdout)
    sys.exit(f"waited {seconds} s for {what}")
