"""The head of a request: what it may hold, and what it must not, before anything parses it further."""

import re
from collections.abc import Iterable

from service.web.server.limits import Limits

FIELD_OVERHEAD_BYTES = 4  # the colon, blank and line end of a header field
HOST = re.compile(rb"([\w.~!$&'()*+,;=%-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(:\d{0,5})?", re.ASCII)
VERSIONS = frozenset({"1.0", "1.1"})


class RequestRefused(Exception):
    """A request that is not served: the status and the sentence of its answer."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class HeadCounter:
    """Counts what a head has come to while it arrives. Trailers are counted with it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._url_bytes = 0
        self._header_bytes = 0
        self._headers = 0

    def begin(self) -> None:
        """Begin a new one."""
        self._url_bytes = self._header_bytes = self._headers = 0

    def add_url(self, size: int) -> None:
        """Count a piece of the URL; raises RequestRefused."""
        self._url_bytes += size
        if self._url_bytes > self._limits.max_url_bytes:
            raise RequestRefused(414, f"the address is longer than {self._limits.max_url_bytes} bytes")

    def add_header(self, size: int) -> None:
        """Count a header field by the bytes of its name and value; raises RequestRefused."""
        self._headers += 1
        self._header_bytes += size + FIELD_OVERHEAD_BYTES
        if self._headers > self._limits.max_headers:
            raise RequestRefused(431, f"the request has more than {self._limits.max_headers} header fields")
        if self._url_bytes + self._header_bytes > self._limits.max_head_bytes:
            raise self.too_large()

    def too_large(self) -> RequestRefused:
        """Return what to say to a head that has no end."""
        return RequestRefused(431, f"the head of the request is larger than {self._limits.max_head_bytes} bytes")

    def check(self, version: str, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Check a head that is complete; raises RequestRefused."""
        hosts = [value for name, value in headers if name == b"host"]
        if version not in VERSIONS:
            raise RequestRefused(505, "only HTTP/1.1 and HTTP/1.0 are spoken here")
        if len(hosts) > 1 or (not hosts and version == "1.1"):
            raise RequestRefused(400, "a request must have one Host header field")  # RFC 9112, 3.2
        if hosts and not HOST.fullmatch(hosts[0]):
            raise RequestRefused(400, "the Host header field holds no host")
        cookies = sum(len(value) for name, value in headers if name == b"cookie")
        if cookies > self._limits.max_cookie_bytes:
            raise RequestRefused(431, f"the cookies are larger than {self._limits.max_cookie_bytes} bytes")
