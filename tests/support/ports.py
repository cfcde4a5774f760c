"""Ports of loopback on which nobody listens, and which nobody who runs beside is given."""

import os
import socket
from itertools import count

_LOWEST, _MANY = 11_000, 20_000  # below 32,768, from where Linux takes the ports of those that ask for any
_APART = 97  # between the first ports of two processes that started one after the other
_drawn = count(os.getpid() * _APART)


def free_port() -> int:
    """Return a port that nobody listens on, another one each time, and never one that the system chooses for others.

    One that the system chooses may be somebody's again at once: whoever runs beside then answers a test that expects
    nobody there, or keeps a server from listening.
    """
    return next(port for port in (_LOWEST + number % _MANY for number in _drawn) if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
