"""The dead man's switch: an outside service that raises the alarm once its address is fetched no longer."""

import asyncio
import logging

import httpx

from service.errors import Temporary
from service.network_errors import describe

TIMEOUT_S = 10.0


class Watchdog:
    """Tells an outside service that we are well.

    url   where; whoever knows it can tell the same, so it is a secret and in no error or log
    """

    def __init__(self, url: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._url = url
        self._url_filter = _UrlFilter(url)
        logging.getLogger("httpx").addFilter(self._url_filter)
        self._http = httpx.AsyncClient(transport=transport, timeout=TIMEOUT_S, follow_redirects=False)

    async def tell(self) -> None:
        """Fetch the address. Raises Temporary where it does not answer 2xx in time; the body is left unread."""
        try:
            async with asyncio.timeout(TIMEOUT_S), self._http.stream("GET", self._url) as response:
                status = response.status_code
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise Temporary(f"the watchdog {describe(error)}") from None  # the library's own error may name the address
        if 300 <= status < 400:
            raise Temporary(f"the watchdog answered {status}, a redirect, not followed: set the address it leads to")
        if not 200 <= status < 300:
            raise Temporary(f"the watchdog answered {status}")

    async def close(self) -> None:
        """Let its connection go."""
        await self._http.aclose()
        logging.getLogger("httpx").removeFilter(self._url_filter)


class _UrlFilter(logging.Filter):
    """Drops the library's own line about a call, which has the whole address."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = str(httpx.URL(url))

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every other line pass."""
        return self._url not in record.getMessage()
