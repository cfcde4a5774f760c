"""The watchdog (dead man's switch): an outside service that expects pings.

It raises an alarm when its URL is no longer fetched.
"""

import asyncio
import logging

import httpx

from service.errors import Temporary
from service.network_errors import describe


class Watchdog:
    """Pings an outside service.

    url   a secret, in no error and no log: knowing it is enough to send pings
    """

    def __init__(self, url: str, *, transport: httpx.AsyncBaseTransport | None = None, timeout_s: float = 10.0) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._url_filter = _UrlFilter(url)
        logging.getLogger("httpx").addFilter(self._url_filter)
        self._http = httpx.AsyncClient(transport=transport, timeout=timeout_s, follow_redirects=False)

    async def ping(self) -> None:
        """Fetch the URL, not its body. Raises Temporary unless it answers 2xx in time."""
        try:
            async with asyncio.timeout(self._timeout_s), self._http.stream("GET", self._url) as response:
                status = response.status_code
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise Temporary(f"the watchdog {describe(error)}") from None  # httpx's own error may contain the URL
        if 300 <= status < 400:
            raise Temporary(f"the watchdog answered {status}, a redirect, not followed: set the address it leads to")
        if not 200 <= status < 300:
            raise Temporary(f"the watchdog answered {status}")

    async def close(self) -> None:
        """Close the connection."""
        await self._http.aclose()
        logging.getLogger("httpx").removeFilter(self._url_filter)


class _UrlFilter(logging.Filter):
    """A log filter that drops httpx's line about a request, which has the whole URL."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = str(httpx.URL(url))

    def filter(self, record: logging.LogRecord) -> bool:
        """Return False for a line with the URL."""
        return self._url not in record.getMessage()
