"""HAProxy and nginx in front of several services, with the configurations that packaging/balancer/ has."""
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

from ports import free_port

configurations = Path(__file__).resolve().parents[2] / "packaging/balancer"


def program(name):
    return shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin")


class Balancers:
    """`ports`: of each service, for TCP, for UDP and for the page."""

    def __init__(self, folder, ports):
        self.folder = Path(folder)
        self.tcp_port, self.page_port = free_port(), free_port()
        self.udp_port = free_port(socket.SOCK_DGRAM)
        tcp, udp, page = zip(*ports)
        haproxy = (configurations / "haproxy.cfg").read_text()
        haproxy = haproxy.replace("bind :5683", f"bind 127.0.0.1:{self.tcp_port}")
        haproxy = haproxy.replace("bind :8080", f"bind 127.0.0.1:{self.page_port}")
        haproxy = self.servers(self.servers(haproxy, 5683, tcp), 8080, page)
        (self.folder / "haproxy.cfg").write_text(haproxy.replace("maxconn 100000", "maxconn 4000"))
        nginx = (configurations / "nginx.conf").read_text()
        nginx = nginx.replace("listen 5684", f"listen 127.0.0.1:{self.udp_port}")
        nginx = self.servers(nginx, 5684, udp).replace("worker_connections 100000", "worker_connections 8000")
        nginx = re.sub(r"^include .*$", "load_module /usr/lib/nginx/modules/ngx_stream_module.so;", nginx, flags=re.M)
        (self.folder / "nginx.conf").write_text(
            f"daemon off;\nuser root;\npid {self.folder}/nginx.pid;\n"
            f"error_log {self.folder}/nginx.log info;\n" + nginx.replace("worker_rlimit_nofile 200000;\n", "")
        )
        self.processes = []
        self.launch("haproxy", "-db", "-f", self.folder / "haproxy.cfg")
        self.launch("nginx", "-p", self.folder, "-c", self.folder / "nginx.conf")
        for _ in range(500):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.tcp_port)) == 0:
                    break
            time.sleep(0.02)
        if any(process.poll() is not None for process in self.processes):
            raise RuntimeError("".join((self.folder / f"{name}.out").read_text() for name in ("haproxy", "nginx")))

    def launch(self, name, *words):
        with open(self.folder / f"{name}.out", "w") as log:
            self.processes.append(subprocess.Popen([program(name), *words], stdout=log, stderr=log))

    @staticmethod
    def servers(text, port, ports):
        """Puts real ports where the configuration has those of its machines."""
        for number, real in enumerate(ports, 11):
            text = text.replace(f"192.168.1.{number}:{port}", f"127.0.0.1:{real}")
        return re.sub(rf"^ *server .*192\.168\.1\.\d+:{port}.*\n", "", text, flags=re.M)

    def close(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(30)
