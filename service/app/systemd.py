"""What the service manager is told of a process: that it serves, reads its settings again, or ends.

Source: systemd's manual, sd_notify(3): a datagram of ``NAME=value`` lines to the socket that NOTIFY_SOCKET names.
"""

import socket
from collections.abc import Mapping
from time import CLOCK_MONOTONIC, clock_gettime_ns

import structlog

log = structlog.get_logger()

READY = "READY=1"
STOPPING = "STOPPING=1"


class ServiceManager:
    """The service manager, if the environment names one; else nothing is said."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")

    def tell(self, *lines: str) -> None:
        """Send lines, without ever waiting: one that does not listen is no reason to end work."""
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
                speaker.setblocking(False)
                speaker.connect(address)
                speaker.send("\n".join(lines).encode())
        except OSError as error:
            log.warning("the service manager cannot be told", told=lines[0], reason=str(error))

    def notify_reloading(self) -> None:
        """Say that the settings are being read again; ``READY`` ends it."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={clock_gettime_ns(CLOCK_MONOTONIC) // 1000}")

    def notify_status(self, sentence: str) -> None:
        """Have ``systemctl status`` show a sentence."""
        self.tell(f"STATUS={' '.join(sentence.split())}")
