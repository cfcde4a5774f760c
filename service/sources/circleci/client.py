"""Asking CircleCI's API: the token, the limits of ours and of theirs, and the count of it all.

Nothing here tries again: Temporary and Permanent say whether that makes sense, and the pipeline does it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import httpx

from service.errors import BadConfig, NoToken, Permanent, Temporary
from service.metrics import Metrics
from service.sources.circleci.answers import ListAnswer
from service.sources.circleci.exchange import Answer, Call, judge
from service.sources.circleci.leaves import Shape, read_maps, read_object
from service.sources.circleci.limits import wait_after

CALLS_AT_ONCE = 4
LARGEST_ANSWER_BYTES = 10_000_000
MOST_PAGES = 20
TIMEOUT = httpx.Timeout(10, connect=5)

S = TypeVar("S", bound=Shape)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """Some items of a list."""

    items: tuple[T, ...]
    is_last: bool


def connect(url: str, token: str | None, transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient | None:
    """Connections to the API under CircleCI's address; none without a token.

    Redirects are not followed: one to another host would take the token there.
    """
    if token is None:
        return None
    if not (token.isascii() and token.isprintable() and token.strip()):  # the library's own error would show it
        raise BadConfig("ROUNDSMAN_CIRCLECI_TOKEN: holds a character that no token has; copy the token again")
    return httpx.AsyncClient(
        base_url=f"{url.rstrip('/')}/api/v2",
        headers={"Accept": "application/json", "Authorization": f"Bearer {token}"},
        timeout=TIMEOUT,
        transport=transport,
        follow_redirects=False,
    )


class Client:
    """CircleCI's API v2, a few calls at once.

    http         from ``connect``; None without a token: then every call raises Permanent
    patience_s   how long one whole call may take, however slowly its bytes trickle in
    """

    def __init__(
        self,
        http: httpx.AsyncClient | None,
        *,
        metrics: Metrics,
        clock: Callable[[], datetime],
        patience_s: float = 30,
    ) -> None:
        self._http = http
        self._retired: list[httpx.AsyncClient] = []
        self._metrics = metrics
        self._clock = clock
        self._patience_s = patience_s
        self._slots = asyncio.Semaphore(CALLS_AT_ONCE)
        self._paused_until: datetime | None = None

    async def ask(self, call: Call, shape: type[S]) -> S:
        """The answer to a question; raises Temporary or Permanent."""
        return shape.model_validate(await self._ask(call))

    async def pages(self, call: Call, shape: type[S]) -> AsyncIterator[Page[S]]:
        """The pages of a list, as many as we are willing to read; raises Temporary or Permanent."""
        async for page in self.unread_pages(call):
            yield Page(items=tuple(map(shape.model_validate, page.items)), is_last=page.is_last)

    async def unread_pages(self, call: Call) -> AsyncIterator[Page[dict[str, Any]]]:
        """The same with each item as it came: to read thousands takes a second in which nothing else would happen."""
        tokens: set[str] = set()
        for _ in range(MOST_PAGES):
            said = await self._ask(call)
            if not isinstance(said.get("items"), list):
                raise Permanent(f"CircleCI's answer to {call} is not a list")
            token = ListAnswer.model_validate(said).next_page_token
            yield Page(items=tuple(read_maps(said["items"])), is_last=token is None)
            if token is None or token in tokens:  # a token that comes back would lead round in circles
                return
            tokens.add(token)
            call = replace(call, query={**call.query, "page-token": token})

    async def tell(self, call: Call) -> None:
        """Make a call whose answer nobody reads; raises Temporary or Permanent."""
        await self._succeed(call)

    def use(self, http: httpx.AsyncClient | None) -> None:
        """Make further calls over other connections; those that are under way end over the ones they have."""
        if self._http is not None:
            self._retired.append(self._http)
        self._http = http

    async def close(self) -> None:
        """Let go of connections."""
        for http in (self._http, *self._retired):
            if http is not None:
                await http.aclose()

    async def _ask(self, call: Call) -> dict[str, Any]:
        answer = await self._succeed(call)
        if len(answer.body) > LARGEST_ANSWER_BYTES:
            raise Permanent(f"CircleCI's answer to {call} is larger than {LARGEST_ANSWER_BYTES // 1_000_000} MB")
        try:
            return read_object(answer.body)
        except ValueError as error:  # most likely the page of a proxy, or "back soon"
            raise Temporary(f"CircleCI's answer to {call} {error}") from error

    async def _succeed(self, call: Call) -> Answer:
        http = self._http
        if http is None:
            raise NoToken("no ROUNDSMAN_CIRCLECI_TOKEN is set")
        async with self._slots:
            self._respect_pause()
            answer = await self._exchange(http, call)
            now = self._clock()
            self._pause(wait_after(answer.status, answer.headers, now), now)
        judge(call, answer, now)
        return answer

    def _respect_pause(self) -> None:
        left_s = (self._paused_until - self._clock()).total_seconds() if self._paused_until else 0
        if left_s > 0:
            self._metrics.api_waits.inc()
            raise Temporary("CircleCI asked us to call less often", retry_after_s=left_s)

    def _pause(self, wait_s: float | None, now: datetime) -> None:
        if wait_s is not None:
            until = now + timedelta(seconds=wait_s)
            self._paused_until = max(self._paused_until or until, until)

    async def _exchange(self, http: httpx.AsyncClient, call: Call) -> Answer:
        outcome = "abandoned"  # by us: whoever asked could wait no longer
        try:
            with self._metrics.api_seconds.labels(call.template).time():
                async with asyncio.timeout(self._patience_s):
                    answer = await fetch(http, call)
            outcome = str(answer.status)
        except (TimeoutError, httpx.TimeoutException) as error:
            outcome = "timeout"
            raise Temporary("CircleCI did not answer in time") from error
        except httpx.HTTPError as error:
            outcome = "unreachable"
            at = http.base_url.copy_with(raw_path=b"/")
            message = f"CircleCI could not be reached at {at} ({type(error).__name__})"
            raise Temporary(f"{message}; look at the network and at ROUNDSMAN_CIRCLECI_URL") from error
        finally:
            self._metrics.api_calls.labels(call.template, outcome).inc()
        return answer


async def fetch(http: httpx.AsyncClient, call: Call) -> Answer:
    """The answer as it is, cut off soon after it has become larger than we are willing to read."""
    async with http.stream(call.method, call.path, params=call.query, json=call.json) as response:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > LARGEST_ANSWER_BYTES:
                break
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(status=response.status_code, headers=headers, body=bytes(body))
