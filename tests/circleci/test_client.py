"""The client of the API: its requests on the wire, and the result of each answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from service.circleci.api.client import Client, connect
from service.circleci.api.endpoint import MAX_ANSWER_BYTES
from service.circleci.api.endpoints import ENDPOINTS
from service.circleci.api.request import Call
from service.circleci.api.responses import UserShape
from service.circleci.circleci import CircleCI
from service.errors import BadConfig, Permanent, Temporary
from service.metrics import Metrics
from service.model import Actor

TOKEN = "an-invented-token"
ADA = {"id": "ada-id", "login": "ada", "name": "Ada Example"}
ME = Call(endpoint=ENDPOINTS["me"])
V3_ERROR = {"error": {"id": "e-1", "title": "Bad Request", "detail": "page[limit] is at most 20", "source": {}}}
Answers = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 8, 20, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Wire:
    """CircleCI's end: answers in turn, the last one for ever, and keeps what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


class Instance:
    """A CircleCI source with a fake other end."""

    def __init__(self, *answers: httpx.Response | Exception, token: str | None = TOKEN) -> None:
        self.wire = Wire(*answers)
        self.clock = Clock()
        self.metrics = Metrics()
        self.circleci = CircleCI(
            secrets=["s"],
            url="https://ci.example.com/",
            token=token,
            metrics=self.metrics,
            transport=httpx.MockTransport(self.wire),
            clock=self.clock,
        )

    def counted(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"roundsman_circleci_{name}", labels)


def ok(**body: object) -> httpx.Response:
    return httpx.Response(200, json=body)


async def test_read_on_a_connection_that_was_just_closed_is_asked_again() -> None:
    instance = Instance(httpx.RemoteProtocolError("Server disconnected without sending a response."), ok(**ADA))

    assert (await instance.circleci.me()).login == "ada"

    assert len(instance.wire.asked) == 2


async def test_token_owner_is_asked_for_as_json_with_the_token() -> None:
    instance = Instance(ok(**ADA))

    assert await instance.circleci.me() == Actor(id="ada-id", login="ada", name="Ada Example")

    [request] = instance.wire.asked
    assert str(request.url) == "https://ci.example.com/api/v2/me"
    assert request.headers["accept"] == "application/json"
    await instance.circleci.close()


@pytest.mark.parametrize(
    ("slug", "path"),
    [
        ("gh/acme/shop", "/api/v2/project/gh/acme/shop"),
        ("gh/acme/a b%2F?#", "/api/v2/project/gh/acme/a%20b%252F%3F%23"),
        ("gh/acme/a\u00e9\ud800", "/api/v2/project/gh/acme/a%C3%A9%3F"),
    ],
)
async def test_a_slug_goes_into_the_path_segment_by_segment(slug: str, path: str) -> None:
    instance = Instance(ok(id="project-id"))

    assert await instance.circleci.project_id(slug) == "project-id"

    assert instance.wire.asked[0].url.raw_path.decode() == path


@pytest.mark.parametrize(("user", "path"), [("a/b", "/api/v2/user/a%2Fb"), ("a%2Fb", "/api/v2/user/a%252Fb")])
def test_an_id_with_a_slash_stays_one_segment(user: str, path: str) -> None:
    call = Call(endpoint=ENDPOINTS["user"], parts={"id": user})

    assert f"/api{call.path}" == path


@pytest.mark.parametrize("slug", ["gh/../../me", "gh/./x", "gh//x", ""])
async def test_a_slug_cannot_lead_elsewhere_in_the_api(slug: str) -> None:
    instance = Instance(ok(id="project-id"))

    with pytest.raises(Permanent, match="empty or made of dots"):
        await instance.circleci.project_id(slug)

    assert not instance.wire.asked


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (httpx.Response(401), "CircleCI answered 401: the API token is not accepted; put a valid personal token into"),
        (
            httpx.Response(403),
            "CircleCI answered 403 to GET /me: the API token may not read this, so it is no person's",
        ),
        (httpx.Response(404), "CircleCI answered 404 to GET /me: there is no such thing, or the token may not see it"),
        (httpx.Response(400, json={"message": "no"}), "CircleCI answered 400 to GET /me: no"),
        (httpx.Response(400, json=V3_ERROR), r"400 to GET /me: Bad Request: page\[limit\] is at most 20$"),
        (httpx.Response(400, json={"error": {"type": "validation_error"}}), "400 to GET /me: validation_error$"),
        (httpx.Response(400, json={"error": {"title": "No", "detail": "No"}}), "400 to GET /me: No$"),
        (httpx.Response(400, json={"error": "no such filter"}), "400 to GET /me: no such filter$"),
        (httpx.Response(400, json={"error": [7]}), "400 to GET /me: it does not say why"),
        (httpx.Response(404, json=V3_ERROR), "404 to GET /me: there is no such thing, or the token may not see it$"),
        (httpx.Response(400, text="<html>"), "CircleCI answered 400 to GET /me: it does not say why"),
        (httpx.Response(418, json={}), "CircleCI answered 418 to GET /me: it does not say why"),
        (httpx.Response(304), "CircleCI answered 304 to GET /me: a redirect, not followed"),
        (ok(), "does not say whose API token this is"),
        (ok(id=7), "does not say whose API token this is"),
        (httpx.Response(200, content=b" " * (MAX_ANSWER_BYTES + 1)), "is larger than 10 MB"),
    ],
)
async def test_answer_that_a_retry_will_not_change_is_permanent(answer: httpx.Response, sentence: str) -> None:
    with pytest.raises(Permanent, match=sentence) as refused:
        await Instance(answer).circleci.me()

    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize(
    ("answer", "sentence", "retry_after_s"),
    [
        (httpx.Response(429, headers={"retry-after": "7"}), "CircleCI answered 429: too many calls for now", 7),
        (httpx.Response(429), "CircleCI answered 429", 10),
        (httpx.Response(500), "CircleCI answered 500", None),
        (httpx.Response(500, json=V3_ERROR), "CircleCI answered 500$", None),
        (httpx.Response(503, headers={"retry-after": "60"}), "CircleCI answered 503", 60),
        (httpx.Response(200), "CircleCI's answer to GET /me is not JSON that we can read", None),
        (httpx.Response(200, text="<html>Back soon</html>"), "is not JSON that we can read", None),
        (httpx.Response(200, json=[ADA]), "is JSON, but not an object", None),
        (httpx.ReadTimeout("x"), "CircleCI did not answer in time", None),
        (
            httpx.ConnectError("x"),
            (
                "CircleCI at https://ci.example.com/ could not be reached or hung up; "
                "look at the network and at ROUNDSMAN_CIRCLECI_URL"
            ),
            None,
        ),
        (
            httpx.RemoteProtocolError("x"),
            "CircleCI at https://ci.example.com/ hung up, or answered in a way that is not HTTP; look at",
            None,
        ),
    ],
)
async def test_failure_that_may_pass_is_temporary(
    answer: httpx.Response | Exception, sentence: str, retry_after_s: float | None
) -> None:
    with pytest.raises(Temporary, match=sentence) as trouble:
        await Instance(answer).circleci.me()

    assert trouble.value.retry_after_s == retry_after_s


async def test_an_endless_answer_is_read_only_to_the_limit() -> None:
    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                yield b" " * 1_000_000

    with pytest.raises(Permanent, match="is larger than 10 MB"):
        await client(lambda _: httpx.Response(200, stream=Endless())).ask(ME, UserShape)


async def test_every_call_is_counted_by_template_and_outcome() -> None:
    instance = Instance(ok(id="x"), httpx.Response(404), httpx.ReadTimeout("x"), httpx.ConnectError("x"))

    await instance.circleci.project_id("gh/acme/shop")
    for _ in range(3):
        with pytest.raises((Permanent, Temporary)):
            await instance.circleci.project_id("gh/acme/shop")

    outcomes = ["200", "404", "timeout", "unreachable"]
    assert [instance.counted("calls_total", path="/project/{slug}", status=status) for status in outcomes] == [1] * 4
    assert instance.counted("call_seconds_count", path="/project/{slug}") == 4


async def test_a_project_without_an_id_is_not_taken_for_one() -> None:
    with pytest.raises(Permanent, match="does not say the id of project gh/acme/shop"):
        await Instance(ok()).circleci.project_id("gh/acme/shop")


async def test_without_a_token_nothing_is_asked() -> None:
    instance = Instance(ok(**ADA), token=None)

    with pytest.raises(Permanent, match="no ROUNDSMAN_CIRCLECI_TOKEN is set"):
        await instance.circleci.me()

    assert not instance.wire.asked
    await instance.circleci.close()


@pytest.mark.parametrize("token", ["", " ", "two\nlines", "caf\u00e9", "nul\x00"])
def test_a_token_that_cannot_be_sent_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(BadConfig, match="ROUNDSMAN_CIRCLECI_TOKEN") as refused:
        Instance(ok(), token=token)

    assert token.strip() == "" or token not in str(refused.value)


async def test_after_too_many_calls_all_calls_wait_and_are_counted() -> None:
    instance = Instance(httpx.Response(429, headers={"retry-after": "30"}), ok(**ADA))
    with pytest.raises(Temporary):
        await instance.circleci.me()

    instance.clock.passes(29)
    with pytest.raises(Temporary, match="asked us to call less often") as waiting:
        await instance.circleci.project_id("gh/acme/shop")
    assert (waiting.value.retry_after_s, len(instance.wire.asked)) == (1, 1)
    assert instance.counted("rate_limit_waits_total") == 1

    instance.clock.passes(1)
    assert (await instance.circleci.me()).id == "ada-id"


async def test_a_limit_that_is_used_up_is_respected_before_a_429() -> None:
    spent = {"ratelimit-remaining": "0", "ratelimit-reset": "5"}
    instance = Instance(httpx.Response(200, json=ADA, headers=spent))
    await instance.circleci.me()

    with pytest.raises(Temporary) as waiting:
        await instance.circleci.me()

    assert waiting.value.retry_after_s == 5


async def test_a_shorter_wait_does_not_cut_a_longer_one_short() -> None:
    together = asyncio.Barrier(2)
    waits = iter(["60", "1"])

    async def answer(_: httpx.Request) -> httpx.Response:
        await together.wait()
        return httpx.Response(429, headers={"retry-after": next(waits)})

    asking = client(answer)
    await asyncio.gather(*(asking.ask(ME, UserShape) for _ in range(2)), return_exceptions=True)

    with pytest.raises(Temporary) as waiting:
        await asking.ask(ME, UserShape)
    assert waiting.value.retry_after_s == 60


def client(
    answer: Answers, *, timeout_s: float = 30, metrics: Metrics | None = None, clock: Clock | None = None
) -> Client:
    http = connect("https://ci.example.com", TOKEN, httpx.MockTransport(answer))  # type: ignore[arg-type]  # either kind
    return Client(http, metrics=metrics or Metrics(), clock=clock or Clock(), timeout_s=timeout_s)


async def test_a_call_that_never_ends_is_given_up() -> None:
    async def answer(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        return ok()

    with pytest.raises(Temporary, match="did not answer in time"):
        await client(answer, timeout_s=0).ask(ME, UserShape)


async def test_cancelled_call_is_counted_as_abandoned() -> None:
    arrived = asyncio.Event()

    async def answer(_: httpx.Request) -> httpx.Response:
        arrived.set()
        await asyncio.Event().wait()
        return ok()

    metrics = Metrics()
    asking = asyncio.create_task(client(answer, metrics=metrics).ask(ME, UserShape))
    await arrived.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    labels = {"path": "/me", "status": "abandoned"}
    assert metrics.registry.get_sample_value("roundsman_circleci_calls_total", labels) == 1


@pytest.mark.parametrize("answer", [{}, {"items": None}, {"items": "none"}])
async def test_a_list_without_items_is_not_taken_for_an_empty_one(answer: dict[str, object]) -> None:
    with pytest.raises(Permanent, match="CircleCI's answer to GET /webhook is not a list"):
        await Instance(ok(**answer)).circleci.list_hooks("p1")


class Pages:
    """A list of pages; page tokens are their numbers."""

    def __init__(self, *tokens: str | None) -> None:
        self.tokens = tokens
        self.asked: list[str | None] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.params.get("page-token"))
        turn = min(len(self.asked), len(self.tokens)) - 1
        return ok(items=[{"id": f"user {turn}"}, "no map", None], next_page_token=self.tokens[turn])


async def read(pages: Pages) -> Sequence[bool]:
    call = Call(endpoint=ENDPOINTS["workflow_jobs"], parts={"id": "w1"}, query={"scope": "all"})
    return [page.is_last async for page in client(pages).pages(call, UserShape)]


async def test_pages_are_read_to_the_last() -> None:
    pages = Pages("a", "b" * 3_000, None)

    assert await read(pages) == [False, False, True]
    assert pages.asked == [None, "a", "b" * 3_000]


async def test_a_page_token_that_comes_back_ends_the_reading() -> None:
    assert await read(Pages("a", "b", "a")) == [False, False, False]


async def test_more_than_twenty_pages_are_not_read() -> None:
    assert len(await read(Pages(*map(str, range(30))))) == 20


async def test_a_redirect_takes_the_token_nowhere() -> None:
    """Over real sockets: two servers, and the second must hear nothing."""
    heard: list[bytes] = []

    async def elsewhere(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1_000))
        writer.close()

    async def redirecting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:%d/\r\ncontent-length: 0\r\n\r\n" % port(other))
        await writer.drain()
        writer.close()

    other = await asyncio.start_server(elsewhere, "127.0.0.1", 0)
    first = await asyncio.start_server(redirecting, "127.0.0.1", 0)
    async with other, first:
        circleci = CircleCI(secrets=[], url=f"http://127.0.0.1:{port(first)}", token=TOKEN, metrics=Metrics())
        with pytest.raises(Permanent, match=r"302 to GET /me: a redirect.*ROUNDSMAN_CIRCLECI_URL"):
            await circleci.me()
        await circleci.close()

    assert not heard


def port(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])
