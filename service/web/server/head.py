"""Checks of the head of a request: size, fields, version, Host, cookies."""

import re
from collections.abc import Iterable

from service.web.server.limits import Limits

FIELD_OVERHEAD_BYTES = 4  # the colon, space and line end of a header field
HOST = re.compile(rb"([\w.~!$&'()*+,;=%-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(:\d{0,5})?", re.ASCII)
VERSIONS = frozenset({"1.0", "1.1"})


class RequestRefused(Exception):
    """A request that is not served, with the status and sentence of its response."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class HeadCounter:
    """Counts the bytes and fields of a head, and of trailers, while they arrive."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._url_bytes = 0
        self._header_bytes = 0
        self._headers = 0

    def reset(self) -> None:
        """Start counting a new head."""
        self._url_bytes = self._header_bytes = self._headers = 0

    def add_url(self, size: int) -> None:
        """Count a piece of the URL. Raises RequestRefused."""
        self._url_bytes += size
        if self._url_bytes > self._limits.max_url_bytes:
            raise RequestRefused(414, f"the address is longer than {self._limits.max_url_bytes} bytes")

    def add_header(self, size: int) -> None:
        """Count a header field of so many bytes, name and value. Raises RequestRefused."""
        self._headers += 1
        self._header_bytes += size + FIELD_OVERHEAD_BYTES
        if self._headers > self._limits.max_headers:
            raise RequestRefused(431, f"the request has more than {self._limits.max_headers} header fields")
        if self._url_bytes + self._header_bytes > self._limits.max_head_bytes:
            raise self.too_large()

    def too_large(self) -> RequestRefused:
        """Return the refusal of a head that is too large."""
        return RequestRefused(431, f"the head of the request is larger than {self._limits.max_head_bytes} bytes")

    def check(self, version: str, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Raise RequestRefused for a complete head with a bad version, Host or cookies."""
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
