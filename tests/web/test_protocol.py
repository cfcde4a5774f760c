"""Heads, trailers and requests sent ahead: what a server takes of them, and what it closes the connection for."""

import json

import pytest

from service.web.server.limits import Limits
from tests.support.raw_client import GET, HOST, connected, echoing, exchange, statuses

LIMITS = Limits()
PART = 8_000_000  # of what has no end: more than any system holds between two processes
POST = b"POST / HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
CLOSE = b"Connection: close\r\n"


def get(*fields: bytes, target: bytes = b"/") -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + HOST + CLOSE + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


ENDLESS = {
    "value": (b"GET / HTTP/1.1\r\n" + HOST + b"a: " + b"x" * PART, 431),
    "name": (b"GET / HTTP/1.1\r\n" + HOST + b"x" * PART, 431),
    "url": (b"GET /" + b"x" * PART, 414),
    "many small headers": (b"GET / HTTP/1.1\r\n" + HOST + b"a: b\r\n" * (PART // 6), 431),
    "folded value": (b"GET / HTTP/1.1\r\n" + HOST + b"a: b\r\n" + b" c\r\n" * (PART // 4), 400),
    "line ends": (b"\r\n" * (PART // 2), 431),
    "trailer": (CHUNKED + b"1\r\nx\r\n0\r\na: " + b"x" * PART, 400),
    "many trailers": (CHUNKED + b"1\r\nx\r\n0\r\n" + b"a: b\r\n" * (PART // 6), 431),
    "chunk extension": (CHUNKED + b"1;a=" + b"x" * PART, 400),
    "many chunk extensions": (CHUNKED + (b"1;a=" + b"x" * 1_000 + b"\r\nx\r\n") * (PART // 1_000), 400),
    "size of a chunk": (CHUNKED + b"0" * PART, 400),
    "method": (b"x" * PART, 400),
}


async def test_what_has_no_end_is_refused_and_closed() -> None:
    async with echoing() as url:
        answered = {name: await exchange(url, data) for name, (data, _) in ENDLESS.items()}

    assert {name: statuses(answer) for name, answer in answered.items()} == {
        name: [status] for name, (_, status) in ENDLESS.items()
    }
    for answer in answered.values():
        assert b"connection: close" in answer
        assert {b"cache-control: no-store", b"x-content-type-options: nosniff"} <= {*answer.lower().split(b"\r\n")}
        assert b"\r\nvary: cookie, authorization\r\n" in answer.lower()
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


BOUNDS = {
    "headers": (get(*[b"a: b"] * (LIMITS.max_headers - 2)), get(*[b"a: b"] * (LIMITS.max_headers - 1)), 431),
    "value": (get(b"a: " + b"x" * 65_000), get(b"a: " + b"x" * 66_000), 431),
    "name": (get(b"x" * 65_000 + b": a"), get(b"x" * 66_000 + b": a"), 431),
    "url": (get(target=b"/?" + b"x" * 16_382), get(target=b"/?" + b"x" * 16_383), 414),
    "cookie": (get(b"Cookie: " + b"x" * 16_384), get(b"Cookie: " + b"x" * 16_385), 431),
    "cookies": (get(*[b"Cookie: " + b"x" * 8_192] * 2), get(*[b"Cookie: " + b"x" * 8_193] * 2), 431),
}


async def test_a_head_at_its_limit_is_served_and_one_beyond_is_refused() -> None:
    async with echoing() as url:
        found = {
            name: (statuses(await exchange(url, within)), statuses(await exchange(url, beyond)))
            for name, (within, beyond, _) in BOUNDS.items()
        }

    assert found == {name: ([200], [status]) for name, (_, _, status) in BOUNDS.items()}


HEADS = [
    (b"GET / HTTP/1.1\r\n" + CLOSE, 400),
    (b"GET / HTTP/1.1\r\n" + HOST + HOST + CLOSE, 400),
    (b"GET / HTTP/1.1\r\n" + HOST + b"host: other.example.com\r\n" + CLOSE, 400),
    (b"GET / HTTP/1.0\r\n" + HOST + HOST, 400),
    (b"GET / HTTP/1.0\r\n", 200),
    (b"GET / HTTP/1.1\r\nHost: \r\n" + CLOSE, 400),
    (b"GET / HTTP/1.1\r\nHost: a, b\r\n" + CLOSE, 400),
    (b"GET / HTTP/1.1\r\nHost: a/b\r\n" + CLOSE, 400),
    (b"GET / HTTP/1.1\r\nHost: ada@example.com\r\n" + CLOSE, 400),
    (b"GET / HTTP/1.1\r\nHost: " + b"x" * 300 + b"\r\n" + CLOSE, 400),
    (b"GET / HTTP/1.1\r\nHost: [::1]:8000\r\n" + CLOSE, 200),
    (b"GET / HTTP/1.1\r\nHost: my_host:8000\r\n" + CLOSE, 200),
    (b"GET / HTTP/2.0\r\n" + HOST + CLOSE, 505),
    (POST + CLOSE + b"Content-Length: 1\r\nContent-Length: 2\r\n", 400),
    (POST + CLOSE + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400),
]


async def test_a_head_that_can_be_read_in_two_ways_is_refused() -> None:
    async with echoing() as url:
        found = [(head, *statuses(await exchange(url, head + b"\r\n"))) for head, _ in HEADS]

    assert found == HEADS


async def test_a_trailer_is_no_header_of_its_request_nor_of_the_next() -> None:
    trailing = CHUNKED + b"3\r\nabc\r\n0\r\ncircleci-signature: v1=0\r\nx-more: 1\r\n\r\n"
    async with echoing() as url, connected(url) as wire:
        await wire.send(trailing + GET)
        (_, first), (_, second) = await wire.answer(), await wire.answer()

    assert [name for name, _ in json.loads(first)["headers"]] == ["host", "transfer-encoding"]
    assert json.loads(first)["body_bytes"] == 3
    assert [name for name, _ in json.loads(second)["headers"]] == ["host"]


async def test_a_body_in_chunks_of_one_byte_is_taken() -> None:
    async with echoing() as url, connected(url) as wire:
        await wire.send(CHUNKED + b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n")
        _, body = await wire.answer()

    assert json.loads(body)["body_bytes"] == 50_000


async def test_a_large_body_is_taken_and_the_connection_stays() -> None:
    async with echoing() as url, connected(url) as wire:
        for _ in range(2):
            await wire.send(POST + b"Content-Length: 3000000\r\n\r\n" + b"\r\n" * 1_500_000)
            _, body = await wire.answer()

            assert json.loads(body)["body_bytes"] == 3_000_000


async def test_a_head_in_single_bytes_is_understood() -> None:
    async with echoing() as url, connected(url) as wire:
        for byte in GET:
            await wire.send(bytes([byte]))

        assert (await wire.answer())[0] == 200


@pytest.mark.long
@pytest.mark.parametrize("count", [2, LIMITS.max_pipelined + 1])
async def test_some_requests_may_be_sent_ahead(count: int) -> None:
    async with echoing() as url, connected(url) as wire:
        for _ in range(3):
            await wire.send(GET * count)

            assert [(await wire.answer())[0] for _ in range(count)] == [200] * count


async def test_with_too_many_ahead_those_before_are_answered_and_the_connection_is_closed() -> None:
    async with echoing() as url:
        answered = await exchange(url, GET * 100_000)

    assert statuses(answered) == [200] * (LIMITS.max_pipelined + 1)
    assert answered.rpartition(b"HTTP/1.1 ")[2].count(b"connection: close") == 1


async def test_too_many_bytes_ahead_close_the_connection_after_the_first_answer() -> None:
    async with echoing() as url:
        answered = await exchange(url, GET + POST + b"Content-Length: 200000\r\n\r\n" + b"x" * 200_000)

    assert statuses(answered) == [200]


async def test_a_bad_head_behind_a_good_one_takes_no_answer_from_it() -> None:
    async with echoing() as url:
        assert statuses(await exchange(url, GET + b"GET / HTTP/1.1\r\n\r\n")) == [200]


async def test_an_upgrade_is_not_made_and_what_follows_it_is_no_request() -> None:
    async with echoing() as url:
        upgrade = POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 100\r\n\r\n"
        assert statuses(await exchange(url, upgrade + GET)) == [200]


@pytest.mark.long
@pytest.mark.parametrize("size", [10, 100_000, 4_000_000])
async def test_a_response_before_the_end_of_the_body_reaches_a_client_that_still_sends(size: int) -> None:
    async with echoing() as url:
        head = b"POST /unread HTTP/1.1\r\n" + HOST + f"Content-Length: {size}\r\n\r\n".encode()
        for _ in range(5):
            assert statuses(await exchange(url, head + b"x" * size)) == [401]


async def test_a_body_that_goes_on_after_its_answer_is_not_read_for_ever() -> None:
    async with echoing(Limits(max_linger_bytes=100_000)) as url:
        answered = await exchange(
            url, b"POST /nowhere HTTP/1.1\r\n" + HOST + b"Content-Length: 900000000\r\n\r\n" + b"x" * PART
        )

    assert statuses(answered) in ([404], [])  # closed with bytes unread, it may be lost


async def test_a_body_that_nothing_reads_leaves_the_connection_for_the_next_request() -> None:
    async with echoing() as url, connected(url) as wire:
        await wire.send(b"POST /nowhere HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\n")
        first = (await wire.answer())[0]
        await wire.send(b"12345" + GET)

        assert (first, (await wire.answer())[0]) == (404, 200)
