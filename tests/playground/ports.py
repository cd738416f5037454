"""Ports of this machine that nobody else takes."""

import socket
from contextlib import suppress
from random import SystemRandom


def free_port() -> int:
    """Return a port that stays free until it is listened on, and between a kill and the next start.

    It is below those that the kernel gives to outgoing connections and to whoever asks for any:
    https://docs.kernel.org/networking/ip-sysctl.html (ip_local_port_range, 32768 and up).
    """
    while True:
        port = SystemRandom().randrange(10_000, 32_768)
        with suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
