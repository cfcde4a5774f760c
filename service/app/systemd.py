"""Notify the service manager that a process is ready, reloads or stops.

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
    """The service manager named by the environment; without one, nothing is sent."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")

    def notify(self, *lines: str) -> None:
        """Send lines without waiting; log an error and go on."""
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
                client.setblocking(False)
                client.connect(address)
                client.send("\n".join(lines).encode())
        except OSError as error:
            log.warning("the service manager cannot be told", told=lines[0], reason=str(error))

    def notify_reloading(self) -> None:
        """Notify that the settings are being reloaded; ``READY`` ends that state."""
        self.notify("RELOADING=1", f"MONOTONIC_USEC={clock_gettime_ns(CLOCK_MONOTONIC) // 1000}")

    def notify_status(self, sentence: str) -> None:
        """Set the sentence that ``systemctl status`` shows."""
        self.notify(f"STATUS={' '.join(sentence.split())}")
