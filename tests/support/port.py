"""Free and dead TCP ports on 127.0.0.1, taken from below the range that the kernel gives to clients."""

import random
import socket


def free_port():
    """A port that nobody listens on now. Nobody is given it by accident either, so it also serves as a dead port."""
    while True:
        port = random.randrange(15000, 31000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
