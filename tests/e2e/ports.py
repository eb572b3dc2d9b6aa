"""Ports to listen on, below those that the kernel gives to outgoing connections: what ends and begins again finds its port free."""
import random
import socket

given = set()
chance = random.SystemRandom()  # of several tests that run side by side, each tries other ones


def free_port(kind=socket.SOCK_STREAM):
    for port in iter(lambda: chance.randrange(10000, 32000), None):
        if port in given:
            continue
        with socket.socket(socket.AF_INET, kind) as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        given.add(port)
        return port
