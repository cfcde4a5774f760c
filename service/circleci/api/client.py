"""The client of CircleCI's API: token, our limits and CircleCI's, and metrics.

Nothing here tries again: Temporary and Permanent say whether that makes sense, and the pipeline does it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Generic, TypeVar

import httpx

from service.circleci.api.breaker import Breaker, Log
from service.circleci.api.call_slots import CallSlots
from service.circleci.api.json_response import JsonTooLarge, parse
from service.circleci.api.missing_paths import MissingPaths
from service.circleci.api.rate_limit import (
    MAX_WAIT_S,
    calls_left,
    calls_per_s,
    clock_offset,
    wait_after,
    wait_while_scarce,
)
from service.circleci.api.request import TOKEN_SETTING, Answer, Call, EndpointError, raise_for_status
from service.circleci.api.responses import ListAnswer
from service.circleci.api.single_flight import SingleFlight
from service.circleci.api.transfer import Sink, connect, fetch
from service.circleci.json_fields import Shape, read_maps
from service.errors import NoToken, Permanent, Temporary
from service.metrics import Metrics
from service.network_errors import UNTRUSTED, describe

MAX_INLINE_PARSE_BYTES = 64_000
MAX_ITEMS = 1_000
MAX_LISTING_S = 60.0
WARN_AGAIN_AFTER = timedelta(minutes=5)

__all__ = ["Client", "Page", "connect"]

S = TypeVar("S", bound=Shape)
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """Some items of a list; ``is_last`` is False if the list has more, read or not.

    next   the token of the page after it, where pages are read one at a time
    """

    items: tuple[T, ...]
    is_last: bool
    next: str | None = None


@dataclass(frozen=True, kw_only=True)
class CallsLeft:
    """The calls that a limit of CircleCI's left at a time, of how many."""

    left: int
    most: int
    at: datetime


class Client:
    """A client of CircleCI's API, which limits the calls at once.

    http         from ``connect``; None without a token: then every call raises Permanent
    timeout_s    the time that one whole call may take, even if bytes keep coming in slowly
    log          gets a line about a refused token, and about a CircleCI that does not answer; None: no log is kept
    breaker      that of another client of the same CircleCI; None: one of its own
    setting      the variable of its token, which errors name; it may change with the token
    """

    def __init__(  # noqa: PLR0913 - each is one thing that its owner chooses
        self,
        http: httpx.AsyncClient | None,
        *,
        metrics: Metrics,
        clock: Callable[[], datetime],
        timeout_s: float = 30,
        log: Log | None = None,
        breaker: Breaker | None = None,
        setting: str = TOKEN_SETTING,
    ) -> None:
        self._http = http
        self._replaced: list[httpx.AsyncClient] = []
        self._metrics = metrics
        self._clock = clock
        self._timeout_s = timeout_s
        self._log = log
        self.setting = setting
        self.clock_offset: timedelta | None = None
        self._slots = CallSlots()
        self._large_answers = asyncio.Lock()
        self.breaker = breaker or Breaker(clock=clock, report=metrics.api_breaker_open.set, log=log)
        self._missing_paths = MissingPaths(clock)
        self._in_flight = SingleFlight()
        self._paused_until: datetime | None = None
        self._scarce_until: datetime | None = None
        self._warned_at: dict[int, datetime] = {}
        self._left: CallsLeft | None = None

    @property
    def has_room(self) -> bool:
        """True if CircleCI answers, and a good part of its limit is left."""
        if self._http is None or self.breaker.is_open:
            return False
        left = [until - self._clock() for until in (self._paused_until, self._scarce_until) if until]
        return not any(0 < one.total_seconds() <= MAX_WAIT_S for one in left)

    @property
    def left(self) -> CallsLeft | None:
        """The calls that CircleCI's tightest limit left at the last answer that said so."""
        return self._left

    async def ask(self, call: Call, shape: type[S]) -> S:
        """Return the answer to a question; raises Temporary or Permanent."""
        return await self._ask(call, shape.model_validate)

    async def ask_shared(self, call: Call, shape: type[S]) -> S:
        """Return the answer to a question; callers that ask it at once share a call.

        Raises Temporary or Permanent.
        """
        return await self._in_flight.run((call.path, shape), partial(self.ask, call, shape))

    async def read_list(self, call: Call, shape: type[S]) -> Page[S]:
        """Return a list as one page; its ``is_last`` is True if nothing is left out.

        Raises Temporary or Permanent.
        """
        pages = [page async for page in self.pages(call, shape)]
        return Page(items=tuple(item for page in pages for item in page.items), is_last=pages[-1].is_last)

    async def read_page(self, call: Call, shape: type[S], token: str | None = None) -> Page[S]:
        """Return one page of a list: the first one, or that of a token.

        Raises Temporary or Permanent.
        """
        asked = call.at_page(token) if token else call
        items, following = await self._ask(asked, partial(_read_page, asked, partial(_validate_items, shape)))
        return Page(items=items, is_last=following in {None, token}, next=None if following == token else following)

    async def pages(self, call: Call, shape: type[S]) -> AsyncIterator[Page[S]]:
        """Yield the pages of a list, ``MAX_ITEMS`` items at most.

        Raises Temporary or Permanent.
        """
        left = MAX_ITEMS
        async for items, is_last in self.read_pages(call, partial(_validate_items, shape)):
            yield Page(items=items[:left], is_last=is_last and len(items) <= left)
            left -= len(items)
            if left < 0:
                return

    async def read_pages(self, call: Call, read: Callable[[list[dict[str, Any]]], T]) -> AsyncIterator[tuple[T, bool]]:
        """Yield the pages of a list, each with True if it is the last.

        There are as many pages at most as the endpoint says.

        read   makes a page of its items; pure, since it runs in a thread if the answer is large

        Raises Temporary or Permanent.
        """
        tokens: set[str] = set()
        ends_at = asyncio.get_running_loop().time() + MAX_LISTING_S
        for _ in range(call.endpoint.max_pages):
            page, token = await self._ask(call, partial(_read_page, call, read))
            yield page, token is None
            if token is None or token in tokens:  # a token that was seen before would make an endless loop
                return
            if asyncio.get_running_loop().time() > ends_at:
                raise Temporary(f"CircleCI took longer than {MAX_LISTING_S:.0f} s to answer {call} page by page")
            tokens.add(token)
            call = call.at_page(token)

    async def send(self, call: Call) -> None:
        """Make a call whose answer is not read; raises Temporary or Permanent."""
        if self._http is None:
            raise _no_token()
        async with self._slots:
            await self._request(self._http, call)

    async def read_text(self, call: Call) -> str:
        """Return the answer as text, of a large one its beginning.

        Raises Temporary or Permanent.
        """
        if self._http is None:
            raise _no_token()
        async with self._slots:
            answer = await self._request(self._http, call)
        return answer.body.decode(errors="replace")

    async def pour(self, call: Call, sink: Sink) -> None:
        """Give the bytes of an answer to a sink as they arrive.

        Raises Temporary or Permanent.
        """
        if self._http is None:
            raise _no_token()
        async with self._slots:
            _require_plain(call, await self._request(self._http, call, sink))

    def use_connections(self, http: httpx.AsyncClient | None) -> None:
        """Use other connections for later calls; calls under way end on the old ones."""
        if self._http is not None:
            self._replaced.append(self._http)
        self._http = http

    async def close(self) -> None:
        """Close all connections."""
        for http in (self._http, *self._replaced):
            if http is not None:
                await http.aclose()

    async def _ask(self, call: Call, read: Callable[[dict[str, Any]], T]) -> T:
        http = self._http
        if http is None:
            raise _no_token()

        async with self._slots:
            answer = await self._request(http, call)
            return await self._parse_answer(call, answer, read)

    async def _parse_answer(self, call: Call, answer: Answer, read: Callable[[dict[str, Any]], T]) -> T:
        """Parse an answer; a large one in a thread, to keep the event loop free.

        Large ones are parsed one at a time: parsed, each takes several times its size in memory.
        """
        _require_plain(call, answer)
        if answer.is_too_large:
            raise Permanent(f"CircleCI's answer to {call} is larger than {call.endpoint.max_bytes / 1_000_000:g} MB")
        if len(answer.body) <= MAX_INLINE_PARSE_BYTES:
            return _read_body(call, answer.body, read)
        async with self._large_answers:
            return await asyncio.to_thread(_read_body, call, answer.body, read)

    async def _request(self, http: httpx.AsyncClient, call: Call, sink: Sink | None = None) -> Answer:
        """Make the call and return the answer if it is a success; the caller holds a slot."""
        self._check_rate_limit()
        with self.breaker.admit():
            answer = await self._exchange(http, call, sink)
        now = self._clock()
        if (ahead := clock_offset(answer.headers, now)) is not None:
            self.clock_offset = ahead
        self._slots.note_answer(is_refusal=answer.status == 429, calls_per_s=calls_per_s(answer.headers))
        if left := calls_left(answer.headers):
            self._left = CallsLeft(left=left[0], most=left[1], at=now)
        self._pause(wait_after(answer.status, answer.headers, now), now)
        wait_s = wait_while_scarce(answer.headers)
        self._scarce_until = None if wait_s is None else now + timedelta(seconds=wait_s)
        self._warn_of_refusal(call, answer, now)
        self._metrics.token_refused.labels(self.setting).set(answer.status == 401)
        try:
            raise_for_status(call, answer, now, setting=self.setting)
        except EndpointError as error:
            self._missing_paths.note_failure(call, error)
            raise
        self._missing_paths.note_success(call)
        return answer

    def _check_rate_limit(self) -> None:
        left_s = (self._paused_until - self._clock()).total_seconds() if self._paused_until else 0
        if 0 < left_s <= MAX_WAIT_S:  # no pause is longer than that: the clock has been set back since
            self._metrics.api_waits.inc()
            raise Temporary("CircleCI asked us to call less often", retry_after_s=left_s)

    def _pause(self, wait_s: float | None, now: datetime) -> None:
        if wait_s is not None:
            until = now + timedelta(seconds=wait_s)
            self._paused_until = max(self._paused_until or until, until)

    def _warn_of_refusal(self, call: Call, answer: Answer, now: datetime) -> None:
        """Log a refused token, at most once in ``WARN_AGAIN_AFTER`` for each status.

        Thousands of calls may be refused in that time.
        """
        if answer.status not in {401, 403} or self._log is None:
            return
        warned_at = self._warned_at.get(answer.status)
        if warned_at is None or not timedelta() <= now - warned_at < WARN_AGAIN_AFTER:
            self._warned_at[answer.status] = now
            self._log.warning(
                "CircleCI refuses the API token, so messages go without details",
                status=answer.status,
                call=str(call),
                setting=self.setting,
                next_step="put a valid personal token of a person who may read the projects into it",
            )

    async def _exchange(self, http: httpx.AsyncClient, call: Call, sink: Sink | None) -> Answer:
        outcome = "abandoned"  # by us: the caller was cancelled
        try:
            with self._metrics.api_seconds.labels(call.endpoint.path).time():
                async with asyncio.timeout(self._timeout_s):
                    answer = await _fetch(http, call, sink)
            outcome = str(answer.status)
        except (TimeoutError, httpx.TimeoutException) as error:
            outcome = "timeout"
            raise Temporary("CircleCI did not answer in time") from error
        except httpx.HTTPError as error:
            outcome = "unreachable"
            raise Temporary(_unreachable(http, error)) from error
        finally:
            self._metrics.api_calls.labels(call.endpoint.path, outcome).inc()
        return answer


async def _fetch(http: httpx.AsyncClient, call: Call, sink: Sink | None) -> Answer:
    """Make the call, and a GET once more if the other side hung up.

    It may have closed the connection just before, and a GET changes nothing.
    """
    if call.endpoint.method != "GET" or sink is not None:
        return await fetch(http, call, sink)
    try:
        return await fetch(http, call, sink)
    except httpx.RemoteProtocolError:
        return await fetch(http, call, sink)


def _require_plain(call: Call, answer: Answer) -> None:
    if answer.content_encoding:
        encoding = answer.content_encoding[:40]
        raise Permanent(
            f"CircleCI's answer to {call} is packed ({encoding}), though we asked for it as it is; "
            "look at the proxy before it, or at ROUNDSMAN_CIRCLECI_URL"
        )


def _no_token() -> NoToken:
    return NoToken("no ROUNDSMAN_CIRCLECI_TOKEN is set")


def _unreachable(http: httpx.AsyncClient, error: httpx.HTTPError) -> str:
    words = describe(error)
    if isinstance(error, httpx.RemoteProtocolError):
        words = "hung up, or answered in a way that is not HTTP"
    at = http.base_url.copy_with(raw_path=b"/")
    authority = ", SSL_CERT_FILE (for a certificate authority of your own)" if words is UNTRUSTED else ""
    return f"CircleCI at {at} {words}; look at the network{authority} and at ROUNDSMAN_CIRCLECI_URL"


def _read_body(call: Call, body: bytes, read: Callable[[dict[str, Any]], T]) -> T:
    try:
        document = parse(body, may_be_list=call.endpoint.is_bare)
    except JsonTooLarge as error:
        raise Permanent(f"CircleCI's answer to {call} {error}") from error
    except ValueError as error:  # most likely the page of a proxy, or "back soon"
        raise Temporary(f"CircleCI's answer to {call} {error}") from error
    return read(document)


def _read_page(call: Call, read: Callable[[list[dict[str, Any]]], T], document: dict[str, Any]) -> tuple[T, str | None]:
    items = document.get("data" if call.endpoint.version == "v3" else "items")
    if not isinstance(items, list):
        raise Permanent(f"CircleCI's answer to {call} is not a list")
    found = ListAnswer.model_validate(document)
    is_over = call.endpoint.version == "v3" and not items  # an empty page may still name a next one, without an end
    return read(read_maps(items)), None if is_over else found.next_page_token or found.page.next


def _validate_items(shape: type[S], items: list[dict[str, Any]]) -> tuple[S, ...]:
    """Return the first ``MAX_ITEMS`` items, and one more to show that there are more."""
    return tuple(map(shape.model_validate, items[: MAX_ITEMS + 1]))
