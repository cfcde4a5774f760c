"""The entrance: what is signed is on disk before it is acknowledged, and nothing else leaves a trace."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from service.db import database, transactions
from service.pipeline.receive import IntakeLimits
from service.store.bodies import unpack
from service.store.usual_values import restore_headers
from service.testing.fake_circleci.organization import WEB
from service.testing.fake_circleci.payloads import as_bytes, ping, workflow_completed
from service.web.request_body import BodyLimits
from service.web.server.server import listen, serving
from tests.support.app_fixture import GREEN, NINE, RED, SECRET, Instance, an_instance, signature

BODY = as_bytes(workflow_completed(RED))
FORGED = {"circleci-signature": "v1=" + "0" * 64}
WEIRD = [
    b'{"type": "workflow-completed",\r\n\t"id" : "1" }',
    b"\x00\xff\xfe not json \x80",
    "{'na\u00efve': '\N{PILE OF POO}'}".encode("utf-16"),
    b"",
]


async def in_pieces(body: bytes, size: int = 100) -> AsyncIterator[bytes]:
    for place in range(0, len(body), size):
        yield body[place : place + size]


async def without_end() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 100


def kept(instance: Instance) -> int:
    """The number of deliveries on disk."""
    count: int = instance.rows("SELECT count(*) FROM deliveries")[0][0]
    return count


@pytest.mark.parametrize("body", WEIRD)
async def test_what_is_acknowledged_is_on_disk_byte_for_byte(instance: Instance, body: bytes) -> None:
    response = await instance.send(body)

    assert response.status_code == 202
    [(delivery, state)] = instance.rows("SELECT id, state FROM deliveries")
    [stored] = kept_bodies(instance)
    assert response.json() == {"delivery": str(delivery_id(delivery)), "duplicate": False}
    assert (stored, state) == (body, "kept")
    assert instance.counted("deliveries", result="kept") == 1


def kept_bodies(instance: Instance) -> list[bytes]:
    """The bodies on record, as they came."""
    return [
        unpack(body, dictionary_id)
        for body, dictionary_id in instance.rows("SELECT body, body_dictionary FROM deliveries")
    ]


def delivery_id(stored: str) -> str:
    return f"{stored[:8]}-{stored[8:12]}-{stored[12:16]}-{stored[16:20]}-{stored[20:]}"


async def test_a_body_in_many_pieces_and_of_no_said_length_is_kept_whole(instance: Instance) -> None:
    response = await instance.http.post(
        "/hooks/circleci", content=in_pieces(BODY), headers={"circleci-signature": signature(BODY)}
    )

    assert response.status_code == 202
    assert kept_bodies(instance) == [BODY]


async def test_the_record_says_which_secret_signed_and_never_the_secret(folder: Path) -> None:
    async with an_instance(folder, ROUNDSMAN_WEBHOOK_SECRETS=f"the-newer-secret,{SECRET}") as instance:
        await instance.send(b"{}", secret="the-newer-secret")
        await instance.send(b"[]")

        (first, mark), (second, other_mark) = instance.rows(
            "SELECT signed_index, signed_fingerprint FROM deliveries ORDER BY rowid"
        )
        assert (first, second) == (0, 1)
        assert mark != other_mark
    assert SECRET.encode() not in (folder / "roundsman.db").read_bytes()


async def test_the_record_has_the_headers_that_matter_and_no_others(instance: Instance) -> None:
    await instance.send(
        b"{}", **{"circleci-event-type": "ping", "cookie": "private", "user-agent": "CircleCI-Webhook/1.0"}
    )

    [(headers,)] = instance.rows("SELECT headers FROM deliveries")
    found = restore_headers(json.loads(headers))
    assert {("circleci-event-type", "ping"), ("user-agent", "CircleCI-Webhook/1.0")} < set(found)
    assert "private" not in headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"circleci-signature": ""},
        {"circleci-signature": "v1="},
        {"circleci-signature": "v2=" + "0" * 64},
        {"circleci-signature": signature(BODY, "a guess")},
        {"circleci-signature": signature(BODY + b" ")},
        {"circleci-signature": signature(BODY).upper()},
        {"circleci-signature": f"{signature(BODY)},{signature(BODY, 'a guess')}"},
    ],
)
async def test_who_does_not_sign_with_our_secret_leaves_nothing_but_a_count(
    instance: Instance, headers: dict[str, str]
) -> None:
    response = await instance.http.post("/hooks/circleci", content=BODY, headers=headers)

    assert response.status_code == 401
    assert set(response.json()) == {"error"}
    assert kept(instance) == 0
    assert instance.counted("deliveries", result="bad_signature") == 1


async def test_a_large_signed_body_is_kept_as_a_small_one_is(instance: Instance) -> None:
    body = json.dumps({"id": "an-id", "fill": "x" * 500_000}).encode()

    first, again = await instance.send(body), await instance.send(body)

    assert (first.status_code, again.json()["duplicate"]) == (202, True)
    assert instance.rows("SELECT source_event_id FROM deliveries") == [("an-id",)]
    assert kept_bodies(instance) == [body]


async def test_a_large_forged_body_is_refused_as_a_small_one_is(instance: Instance) -> None:
    response = await instance.http.post("/hooks/circleci", content=b"x" * 500_000, headers=FORGED)

    assert response.status_code == 401
    assert kept(instance) == 0


async def test_a_body_at_the_limit_is_kept(folder: Path) -> None:
    async with an_instance(folder, ROUNDSMAN_MAX_BODY_BYTES=str(len(BODY))) as instance:
        response = await instance.send(BODY)

    assert response.status_code == 202


async def test_a_body_one_byte_over_the_limit_is_refused(folder: Path) -> None:
    async with an_instance(folder, ROUNDSMAN_MAX_BODY_BYTES=str(len(BODY) - 1)) as instance:
        response = await instance.send(BODY)

        assert response.status_code == 413
        assert "ROUNDSMAN_MAX_BODY_BYTES" in response.json()["error"]
        assert kept(instance) == 0
        assert instance.counted("deliveries", result="refused") == 1


async def test_a_body_without_end_is_refused_while_it_arrives(folder: Path) -> None:
    async with an_instance(folder, ROUNDSMAN_MAX_BODY_BYTES="1000") as instance:
        response = await instance.http.post("/hooks/circleci", content=without_end(), headers=FORGED)

    assert response.status_code == 413


async def test_who_lies_about_the_length_gains_nothing(folder: Path) -> None:
    async with an_instance(folder, ROUNDSMAN_MAX_BODY_BYTES="1000") as instance:
        response = await instance.http.post(
            "/hooks/circleci", content=without_end(), headers={"content-length": "10", **FORGED}
        )

    assert response.status_code == 413


async def test_a_packed_body_is_refused_as_a_kind_we_do_not_take(instance: Instance) -> None:
    response = await instance.send(BODY, **{"content-encoding": "gzip"})

    assert response.status_code == 415
    assert kept(instance) == 0


@pytest.mark.limits(bodies=BodyLimits(timeout_s=0.01))
async def test_who_never_finishes_is_told_so_in_time(instance: Instance) -> None:
    async def stalling() -> AsyncIterator[bytes]:
        yield BODY[:10]
        await asyncio.Event().wait()

    response = await instance.http.post("/hooks/circleci", content=stalling(), headers=FORGED)

    assert response.status_code == 408
    assert kept(instance) == 0


@pytest.mark.limits(bodies=BodyLimits(arriving_bytes=200_000))
async def test_many_large_bodies_at_once_fill_no_memory_and_keep_no_small_one_out(instance: Instance) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def lingering() -> AsyncIterator[bytes]:
        yield b"x" * 150_000
        begun.set()
        await may_end.wait()

    first = asyncio.create_task(instance.http.post("/hooks/circleci", content=lingering(), headers=FORGED))
    await begun.wait()
    meanwhile = [await instance.send(b"y" * 100_000), await instance.send(BODY)]
    may_end.set()
    forged = await first
    afterwards = await instance.send(b"y" * 100_000)

    assert [response.status_code for response in meanwhile] == [503, 202]
    assert meanwhile[0].json() == {"error": "too many large bodies arrive at once"}
    assert (forged.status_code, afterwards.status_code) == (401, 202)


async def test_who_goes_away_in_the_middle_leaves_nothing(instance: Instance) -> None:
    async with serving(instance.service.asgi, listen("127.0.0.1", 0)) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
        head = f"POST /hooks/circleci HTTP/1.1\r\nhost: x\r\ncircleci-signature: {signature(BODY)}\r\n"
        writer.write(f"{head}expect: 100-continue\r\ncontent-length: {len(BODY)}\r\n\r\n".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 100")  # from here on somebody is reading the body
        writer.write(BODY[:-1])
        writer.close()
        await writer.wait_closed()

    assert kept(instance) == 0
    assert instance.counted("deliveries", result="broken_off") == 1


async def test_a_delivery_repeated_is_one_delivery(instance: Instance) -> None:
    first = await instance.send(BODY)
    again = await instance.send(BODY)

    assert again.json() == {"delivery": first.json()["delivery"], "duplicate": True}
    assert kept(instance) == 1
    assert instance.rows("SELECT repeats FROM deliveries") == [(1,)]
    assert instance.counted("deliveries", result="duplicate") == 1


async def test_a_repeat_of_what_was_judged_long_ago_is_not_judged_again(instance: Instance) -> None:
    delivery = await instance.finish(GREEN)
    await instance.drain()

    again = await instance.send(as_bytes(workflow_completed(GREEN)))

    assert again.json() == {"delivery": delivery, "duplicate": True}
    assert kept(instance) == 1


async def test_one_body_posted_200_times_at_once_is_one_delivery(instance: Instance) -> None:
    responses = await asyncio.gather(*(instance.send(BODY) for _ in range(200)))

    assert {response.status_code for response in responses} == {202}
    assert len({response.json()["delivery"] for response in responses}) == 1
    assert sum(not response.json()["duplicate"] for response in responses) == 1
    assert kept(instance) == 1
    assert instance.rows("SELECT repeats FROM deliveries") == [(199,)]


async def test_bodies_without_an_id_are_told_apart_by_their_bytes(instance: Instance) -> None:
    await instance.send(b'{"type":"ping"}')
    other = await instance.send(b'{"type": "ping"}')
    same = await instance.send(b'{"type":"ping"}')

    assert (other.json()["duplicate"], same.json()["duplicate"]) == (False, True)
    assert kept(instance) == 2


async def test_a_ping_is_stored_and_not_notified(instance: Instance) -> None:
    delivery = await instance.post(ping(WEB, NINE))
    await instance.drain()

    shown = await instance.show(delivery)
    assert (shown["kind"], shown["notifications"]) == ("ping", [])
    assert shown["decisions"][0]["reason"] == "a ping tells of no build, so no route hears it"
    assert instance.channels.tried == []


async def test_while_others_hold_the_database_the_sender_is_asked_to_come_back(instance: Instance) -> None:
    await instance.expect_the_database_within(1)
    with instance.database.locked():
        responses = await asyncio.gather(*(instance.send(f"[{n}]".encode()) for n in range(3)))

    assert [response.status_code for response in responses] == [503, 503, 503]
    assert {response.headers["retry-after"] for response in responses} == {"10"}
    assert responses[0].json()["error"].startswith("the database cannot be written now: the database is locked by ")
    assert kept(instance) == 0
    assert instance.counted("deliveries", result="not_kept") == 3


def test_who_waits_in_line_and_then_for_others_hears_from_us_before_circleci_gives_up() -> None:
    assert transactions.MAX_WAIT_S + database.BUSY_TIMEOUT_MS / 1000 < IntakeLimits().keep_timeout < 10


@pytest.mark.limits(intake=IntakeLimits(keep_timeout=0.01))
async def test_sender_that_waited_too_long_is_given_up(instance: Instance) -> None:
    await instance.expect_the_database_within(200)
    with instance.database.locked():
        given_up = await instance.send(BODY)

    assert given_up.status_code == 503
    assert "could not be kept within" in given_up.json()["error"]


async def test_a_full_disk_is_said_and_nothing_is_half_kept(instance: Instance) -> None:
    large = b'["' + b"x" * 200_000 + b'"]'
    await instance.tell_the_writers("PRAGMA max_page_count=1")  # SQLite takes this for as few pages as there are

    full = await instance.send(large)
    await instance.tell_the_writers("PRAGMA max_page_count=1000000")
    again = await instance.send(large)

    assert full.status_code == 503
    assert full.json()["error"] == "the database cannot be written now: disk full; make room, or enlarge the disk"
    assert (again.status_code, again.json()["duplicate"]) == (202, False)
    assert kept(instance) == 1


async def test_what_was_kept_wakes_the_worker(instance: Instance) -> None:
    told = instance.expect_word("web (json)")
    async with instance.running():
        await instance.send(BODY)
        await told.wait()

    assert instance.channels.told == ["web (json)"]


async def test_a_slash_at_the_end_of_the_address_loses_no_post(instance: Instance) -> None:
    response = await instance.http.post(
        "/hooks/circleci/", content=BODY, headers={"circleci-signature": signature(BODY)}
    )

    assert response.status_code == 202


async def test_only_posts_are_taken_at_the_hook(instance: Instance) -> None:
    response: httpx.Response = await instance.http.get("/hooks/circleci")

    assert response.status_code == 405


async def test_body_that_is_announced_too_large_is_refused_before_any_of_it_is_read(folder: Path) -> None:
    read: list[bytes] = []

    async def chunks() -> AsyncIterator[bytes]:
        for chunk in (b"x" * 500, b"y" * 600):
            read.append(chunk)
            yield chunk

    async with an_instance(folder, ROUNDSMAN_MAX_BODY_BYTES="1000") as instance:
        headers = {"content-length": "1100", **FORGED}
        response = await instance.http.post("/hooks/circleci", content=chunks(), headers=headers)

    assert (response.status_code, read) == (413, [])
