"""Free and dead TCP ports on 127.0.0.1, taken from below the range that the kernel gives to clients."""

import random
import socket

import pytest

reserved = []       # until this process ends: sockets whose names say which ports it was given


def free_port():
    """A port that nobody listens on now. Nobody is given it by accident either, so it also serves as a dead port."""
    while True:
        port = random.randrange(15000, 31000)
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0rowlock-test-port-{port}")     # no other test run is given it either
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            name.close()
            continue
        reserved.append(name)
        return port


def need_ipv6():
    """Skips the test where no socket can have the address ::1."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
