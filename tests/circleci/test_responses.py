"""The limits for an answer of the API: bytes, time, depth and number of values."""

import asyncio
import gzip
import json
import threading
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.circleci.api.endpoint import MAX_ANSWER_BYTES
from service.circleci.api.endpoints import ENDPOINTS
from service.circleci.api.request import Call
from service.circleci.api.responses import UserShape
from service.errors import Permanent, Temporary
from service.model import DetailKind
from tests.circleci.test_client import ADA, Pages, client, ok
from tests.support.circleci_fixture import GOOD, Instance
from tests.support.raw_server import Script, answer, circleci_at, client_at, endless

ME = Call(endpoint=ENDPOINTS["me"])
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"
HOLLOW = b"\0" * 1_000_000
SEEN_WITHIN_S = 120


@pytest.fixture(autouse=True)
async def in_time() -> AsyncIterator[None]:
    """Nothing here may hang."""
    async with asyncio.timeout(SEEN_WITHIN_S):
        yield


# Packed


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(HOLLOW, mtime=0)),
        ("gzip, gzip", gzip.compress(gzip.compress(HOLLOW, mtime=0), mtime=0)),
        ("GZIP", gzip.compress(HOLLOW, mtime=0)),
        ("identity, deflate", zlib.compress(HOLLOW)),
        ("br", b"whatever"),
        ("gzip", b"this is not gzip"),
    ],
)
async def test_a_packed_answer_is_refused_before_it_is_unpacked(encoding: str, body: bytes) -> None:
    async with circleci_at(answer(body, content_encoding=encoding)) as (circleci, end):
        with pytest.raises(Permanent, match=r"CircleCI's answer to GET /me is packed \(.+\), though we asked for it"):
            await circleci.me()

    assert b"accept-encoding: identity\r\n" in end.heads[0].lower()


async def test_compressed_refusal_is_the_same_refusal() -> None:
    busy = answer(gzip.compress(HOLLOW, mtime=0), status="503 Busy", content_encoding="gzip", retry_after="7")
    async with circleci_at(busy) as (circleci, _):
        with pytest.raises(Temporary, match="CircleCI answered 503") as refused:
            await circleci.me()

    assert refused.value.retry_after_s == 7


async def test_answer_with_identity_encoding_is_read() -> None:
    async with circleci_at(answer(json.dumps(ADA).encode(), content_encoding="identity")) as (circleci, _):
        assert (await circleci.me()).login == "ada"


# Endless and slow


@pytest.mark.long
@pytest.mark.parametrize(
    ("script", "trouble"),
    [
        (endless(HEAD + b"content-length: 900000000\r\n\r\n", b" " * 65_536), "is larger than 10 MB"),
        (endless(CHUNKED, b"1\r\n \r\n" * 5_000), "is larger than 10 MB"),
        (endless(HEAD, b"a: b\r\n" * 5_000), "answered in a way that is not HTTP"),
        (endless(HEAD + b"a: ", b"b" * 65_536), "answered in a way that is not HTTP"),
        (endless(CHUNKED + b"2\r\n{}\r\n0\r\n", b"a: b\r\n" * 5_000), "answered in a way that is not HTTP"),
        (endless(CHUNKED + b"1;", b"x" * 65_536), "answered in a way that is not HTTP"),
    ],
)
async def test_an_answer_without_an_end_is_cut_off(script: Script, trouble: str) -> None:
    async with client_at(script, timeout_s=SEEN_WITHIN_S) as client:
        with pytest.raises((Permanent, Temporary), match=trouble):
            await client.ask(ME, UserShape)


@pytest.mark.long
@pytest.mark.parametrize(
    "script",
    [
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", pause_s=0.001),
        endless(b"", b"HTTP/1.1 100 Continue\r\na: " + b"b" * 60_000 + b"\r\n\r\n"),
        endless(HEAD + b"content-length: 900\r\n\r\n", b" ", pause_s=0.01),
        endless(CHUNKED, b"1\r\n \r\n", pause_s=0.01),
        endless(HEAD, b"a: b\r\n", pause_s=0.01),
        endless(b"", b"", pause_s=0.01),
    ],
)
async def test_an_answer_that_trickles_is_given_up_however_often_something_comes(script: Script) -> None:
    async with client_at(script, timeout_s=0.2) as client:
        with pytest.raises(Temporary, match="CircleCI did not answer in time"):
            await client.ask(ME, UserShape)


async def test_of_a_refusal_no_more_is_read_than_a_sentence_takes() -> None:
    written = 0

    async def refuse(writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 900000000\r\n\r\n")
        while True:
            writer.write(b" " * 65_536)
            await writer.drain()
            written += 65_536

    async with circleci_at(refuse) as (circleci, _):
        with pytest.raises(Permanent, match="answered 400 to GET /me: it does not say why"):
            await circleci.me()

    assert written < MAX_ANSWER_BYTES


async def test_cookies_are_neither_kept_nor_sent_back() -> None:
    async with circleci_at(answer(json.dumps(ADA).encode(), set_cookie="a=" + "b" * 4_000)) as (circleci, end):
        await circleci.me()
        await circleci.me()

    assert [b"cookie" in head.lower() for head in end.heads] == [False, False]


# Deep, and much of it


@pytest.mark.parametrize(
    ("body", "trouble"),
    [
        (b'{"a":' * 65 + b"1" + b"}" * 65, "is nested deeper than 64 levels"),
        (b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", "is nested deeper than 64 levels"),
        (b'{"a":' * 100_000, "is not JSON that we can read"),
        (b'{"a":[' + b"[],[[]]," * 200_000 + b"1]}", "holds more than 500,000 values"),
        (b'{"a":[' + b"0," * 500_000 + b"1]}", "holds more than 500,000 values"),
        (b'{"id":' + b"9" * 60_000 + b"}", "is not JSON that we can read"),
    ],
)
async def test_json_that_is_deep_or_endless_is_refused(body: bytes, trouble: str) -> None:
    async with circleci_at(answer(body)) as (circleci, _):
        with pytest.raises((Permanent, Temporary), match=trouble):
            await circleci.me()


async def test_json_within_the_limits_is_read() -> None:
    deep: Any = 1
    for _ in range(60):
        deep = [deep]
    async with circleci_at(answer(json.dumps({**ADA, "deep": deep, "long": [0] * 400_000}).encode())) as (circleci, _):
        assert (await circleci.me()).login == "ada"


@pytest.mark.parametrize(("items", "is_elsewhere"), [(10, False), (10_000, True)])
async def test_a_large_answer_is_read_in_a_thread(items: int, is_elsewhere: bool) -> None:
    def read(found: list[dict[str, Any]]) -> tuple[int, int]:
        return len(found), threading.get_ident()

    pages = client(lambda _: ok(items=[{"id": "x"}] * items, next_page_token=None)).read_pages(ME, read)

    [((count, thread), is_last)] = [page async for page in pages]

    assert (count, is_last) == (items, True)
    assert (thread != threading.get_ident()) is is_elsewhere


# Lists


async def test_of_an_endless_list_the_first_thousand_items_are_read_and_the_rest_is_said_to_be_there() -> None:
    pages = Pages(*map(str, range(30)))
    pages_of_300 = client(lambda request: ok(**json.loads(pages(request).content) | {"items": [ADA] * 300}))

    found = await pages_of_300.read_list(ME, UserShape)

    assert (len(found.items), found.is_last, len(pages.asked)) == (1_000, False, 4)


async def test_a_list_of_exactly_as_many_as_are_read_is_whole() -> None:
    found = await client(lambda _: ok(items=[ADA] * 1_000)).read_list(ME, UserShape)

    assert (len(found.items), found.is_last) == (1_000, True)


async def test_hooks_without_an_end_are_not_taken_for_all_there_are() -> None:
    hook = {"id": "h", "url": "https://hooks.example.com"}
    async with circleci_at(answer(json.dumps({"items": [hook] * 1_001}).encode())) as (circleci, _):
        with pytest.raises(Permanent, match="CircleCI lists no end of webhooks for one project: 1000 were read"):
            await circleci.list_hooks("p1")


async def test_workflow_with_too_many_jobs_reports_those_read_and_that_more_exist() -> None:
    instance = Instance({**GOOD, "/workflow/w1/job": {"items": [{"name": "n", "status": "success"}] * 1_500}})

    details = await instance.enrich(DetailKind.JOBS)

    assert details.jobs is not None
    assert len(details.jobs) == 1_000
    assert [gap.reason for gap in details.missing] == ["only 1000 jobs of the workflow were read"]


async def test_results_of_tests_that_are_all_called_differently_are_counted_as_few() -> None:
    results = [{"result": f"odd {number}"} for number in range(5_000)]
    tests = {"items": [*results, {"name": "t", "result": "failure"}]}
    instance = Instance({**GOOD, "/project/gh/acme/shop/7/tests": tests})

    details = await instance.enrich(DetailKind.JOBS, DetailKind.TESTS)

    assert details.jobs is not None
    report = details.jobs[1].tests
    assert report is not None
    assert (len(report.counts), sum(report.counts.values()), report.failed) == (22, 5_001, 1)


async def test_of_a_jobs_messages_the_first_twenty_are_kept() -> None:
    unit = {"messages": [{"message": f"number {number}"} for number in range(1_000)]}
    instance = Instance({**GOOD, "/project/gh/acme/shop/job/7": unit})

    details = await instance.enrich(DetailKind.JOBS)

    assert details.jobs is not None
    assert len(details.jobs[1].messages) == 20
