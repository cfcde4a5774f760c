"""The files of usage exports: fetched from a storage, and read within limits.

The address of a file is a credential: no error names more of it than its host. The storage gets no token of ours, and
no redirect is followed.
"""

import asyncio
import gzip
import io
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import IO
from urllib.parse import urlsplit

import httpx

from service.circleci.links import web_url
from service.circleci.usage_csv import UsageReader
from service.errors import Permanent, Temporary
from service.model import UsageRow
from service.network_errors import describe

MAX_FILES = 100
MAX_FILE_BYTES = 120_000_000  # CircleCI's own limit is 100 MB
MAX_INFLATED_BYTES = 4_000_000_000  # of all files together
MAX_ROWS = 20_000_000
MAX_MEMORY_BYTES = 8_000_000  # of a file; more of it lies in a temporary file without a name
FETCH_TIMEOUT_S = 600.0
GZIP = b"\x1f\x8b"
REFUSED = frozenset({401, 403})


class _Bounded(io.RawIOBase):
    """The inflated bytes of a file; reading ends with Permanent beyond a limit."""

    def __init__(self, source: IO[bytes] | gzip.GzipFile, left: int) -> None:
        super().__init__()
        self._source = source
        self.left = left

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # reason: the base takes any buffer
        """Read into a buffer."""
        found = self._source.read(len(buffer))
        self.left -= len(found)
        if self.left < 0:
            raise Permanent(f"CircleCI's usage export is larger than {MAX_INFLATED_BYTES:,} bytes")
        buffer[: len(found)] = found
        return len(found)


class UsageFiles:
    """A reader of files.

    storage       makes a client without a token
    needs_https   an address with another scheme is refused
    """

    def __init__(self, storage: Callable[[], httpx.AsyncClient], *, needs_https: bool) -> None:
        self._storage = storage
        self._needs_https = needs_https

    async def read(self, urls: Sequence[str], take: Callable[[UsageRow], None]) -> str | None:
        """Give each row of the files to ``take``, which runs in a thread.

        Returns a remark on columns that are missing. Raises Temporary or Permanent.
        """
        if len(urls) > MAX_FILES:
            raise Permanent(f"CircleCI's usage export has more than {MAX_FILES} files")
        reader, left = UsageReader(), MAX_INFLATED_BYTES
        async with self._storage() as storage:
            for url in urls:
                with tempfile.SpooledTemporaryFile(MAX_MEMORY_BYTES) as file:
                    await self._fetch(storage, url, file)
                    left = await asyncio.to_thread(_read_file, reader, file, left, take)
        return reader.remark

    async def _fetch(self, storage: httpx.AsyncClient, url: str, file: IO[bytes]) -> None:
        """Write the bytes at an address to a file."""
        address = web_url(url)
        if address is None or (self._needs_https and urlsplit(address).scheme != "https"):
            raise Permanent("CircleCI names a file of its usage export at an address that is not https")
        host = urlsplit(address).hostname
        try:
            async with asyncio.timeout(FETCH_TIMEOUT_S), storage.stream("GET", address) as response:
                _require_success(response, host)
                await _pour(response, file)
        except (TimeoutError, httpx.TimeoutException):
            raise Temporary(f"a file of CircleCI's usage export at {host} did not come in time") from None
        except httpx.HTTPError as error:  # its own words may hold the address
            raise Temporary(f"a file of CircleCI's usage export at {host}: {describe(error)}") from None


def _require_success(response: httpx.Response, host: str | None) -> None:
    place = f"the storage of CircleCI's usage export at {host} answered {response.status_code}"
    if response.status_code in REFUSED:
        raise Temporary(f"{place}: the address has expired or is refused; ask again for a new one")
    if response.status_code >= 500:
        raise Temporary(place)
    if not response.is_success:
        raise Permanent(f"{place}, and redirects are not followed" if response.is_redirect else place)


async def _pour(response: httpx.Response, file: IO[bytes]) -> None:
    size = 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > MAX_FILE_BYTES:
            raise Permanent(f"a file of CircleCI's usage export is larger than {MAX_FILE_BYTES / 1_000_000:g} MB")
        file.write(chunk)


def _read_file(reader: UsageReader, file: IO[bytes], left: int, take: Callable[[UsageRow], None]) -> int:
    """Give the rows of a file to ``take``. Blocks.

    Returns how many bytes more may be inflated.
    """
    file.seek(0)
    is_packed = file.read(len(GZIP)) == GZIP
    file.seek(0)
    bounded = _Bounded(gzip.GzipFile(fileobj=file, mode="rb") if is_packed else file, left)
    try:
        for number, row in enumerate(reader.read(_lines(bounded))):
            if number >= MAX_ROWS:
                raise Permanent(f"a file of CircleCI's usage export has more than {MAX_ROWS:,} rows")
            take(row)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Temporary("a file of CircleCI's usage export came cut off or damaged; ask again") from error
    return bounded.left


def _lines(bounded: _Bounded) -> Iterator[str]:
    with io.TextIOWrapper(io.BufferedReader(bounded), encoding="utf-8", errors="replace", newline="") as text:
        while line := text.readline(MAX_MEMORY_BYTES):  # csv has a limit of its own for a field
            yield line
