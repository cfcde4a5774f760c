"""The receiver of spans: what it keeps, and its answers as OTLP over HTTP has them."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.circleci.otlp.answers import Encoding
from service.circleci.otlp.raw_span import SpanLimits
from service.circleci.otlp.wire import write_bytes
from service.errors import BadRequest
from service.web.otlp.body import inflate
from service.web.otlp.receiver import MAX_WAITING
from tests.support.app_fixture import RED, Instance, an_instance
from tests.support.otlp_exports import COMMAND, TOKEN, Json, export, span, spans_of, workflow_span

PAYLOADS = Path(__file__).parents[2] / "payloads" / "otlp"
PIPELINE = PAYLOADS / "pipeline.pb"
GZIPPED = gzip.compress(b"{}", mtime=0)
JSON, PROTOBUF = Encoding.JSON.value, Encoding.PROTOBUF.value


@pytest.fixture
async def receiving(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, ROUNDSMAN_OTLP_TOKEN=TOKEN) as instance:
        yield instance


async def send(
    instance: Instance, body: bytes | Json, kind: str = JSON, path: str = "/otlp/v1/traces", **headers: str
) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"content-type": kind, "authorization": f"Bearer {TOKEN}", **headers}
    async with instance.stranger() as exporter:
        return await exporter.post(path, content=content, headers=named)


def kept(instance: Instance) -> int:
    count: int = instance.rows("SELECT count(*) FROM spans")[0][0]
    return count


def rows(instance: Instance) -> list[Any]:
    return instance.rows(
        "SELECT level, name, status, result, task_index, span_id, started_at, ended_at, facts FROM spans ORDER BY id"
    )


@pytest.mark.databases("sqlite", "postgres")
async def test_protobuf_and_json_make_equal_rows(receiving: Instance) -> None:
    binary = await send(receiving, PIPELINE.read_bytes(), PROTOBUF)
    of_protobuf = rows(receiving)
    receiving.change("DELETE FROM spans")
    written = await send(receiving, (PAYLOADS / "pipeline.json").read_bytes())

    assert (binary.status_code, binary.content, binary.headers["content-type"]) == (200, b"", PROTOBUF)
    assert (written.status_code, written.json(), written.headers["content-type"]) == (200, {}, JSON)
    assert len(of_protobuf) == 10
    assert rows(receiving) == of_protobuf
    assert {(level, name) for level, name, *_ in of_protobuf} == {
        ("pipeline", "shop"),
        ("workflow", "build-and-test"),
        ("job", "Workflow: y"),
        ("job", "x - 0"),
        ("task", "Workflow: y - 0"),
        ("task", "x - 0 - 0"),
        ("step", "Checkout code"),
        ("step", "Run tests"),
    }


async def test_command_of_a_step_is_nowhere_on_disk(receiving: Instance) -> None:
    await send(receiving, PIPELINE.read_bytes(), PROTOBUF)

    on_disk = b"".join(path.read_bytes() for path in receiving.folder.glob("roundsman.db*"))
    assert COMMAND.encode() not in on_disk
    assert b"hunter2" not in on_disk


async def test_every_address_takes_gzip(receiving: Instance) -> None:
    body = gzip.compress(json.dumps(export(*spans_of(RED))).encode())
    for path in ("/otlp/v1/traces", "/otlp/v1/traces/", "/v1/traces", "/v1/traces/"):
        answer = await send(receiving, body, f"{JSON}; charset=utf-8", path, **{"content-encoding": "gzip"})

        assert (answer.status_code, answer.json()) == (200, {})
        assert kept(receiving) == len(spans_of(RED))
        receiving.change("DELETE FROM spans")


async def test_empty_request_is_a_success(receiving: Instance) -> None:
    for body, kind in ((b"", PROTOBUF), (b"{}", JSON), (b'{"resourceSpans": []}', JSON)):
        assert (await send(receiving, body, kind)).status_code == 200


async def test_repeated_spans_are_stored_once(receiving: Instance) -> None:
    for _ in range(2):
        await send(receiving, export(*spans_of(RED), *spans_of(RED)))

    assert kept(receiving) == len(spans_of(RED))


@pytest.mark.databases("sqlite", "postgres")
async def test_span_that_ended_last_wins_in_either_order(receiving: Instance) -> None:
    ended, running = workflow_span(RED), workflow_span(RED, status="running")
    running["endTimeUnixNano"] = "0"
    first = {**running, "endTimeUnixNano": str(int(ended["endTimeUnixNano"]) - 1_000_000_000)}
    for order in ((running, first, ended), (ended, first, running)):
        for one in order:
            await send(receiving, export(one))
        await send(receiving, export(*order))
        assert [status for _, _, status, *_ in rows(receiving)] == ["failed"]


async def test_foreign_spans_are_refused_and_the_others_kept(receiving: Instance) -> None:
    foreign = span("GET /", "some", {"http.method": "GET"}, RED.pushed_at, RED.stopped_at)
    short = {**workflow_span(RED), "spanId": "00"}

    answer = await send(receiving, export(foreign, foreign, short, workflow_span(RED)))

    assert answer.status_code == 200
    assert answer.json() == {
        "partialSuccess": {
            "rejectedSpans": "3",
            "errorMessage": "2 spans are none of a CircleCI pipeline; "
            "1 span is malformed, or has no trace id and span id",
        }
    }
    assert kept(receiving) == 1
    assert receiving.counted("spans", result="kept") == 1
    assert receiving.counted("spans", result="rejected") == 3


async def test_refused_spans_are_told_in_protobuf_too(receiving: Instance) -> None:
    body = write_bytes(1, write_bytes(2, write_bytes(2, b"")))

    answer = await send(receiving, body, PROTOBUF)

    message = b"1 span is malformed, or has no trace id and span id"
    assert (answer.status_code, answer.content) == (200, write_bytes(1, b"\x08\x01" + write_bytes(2, message)))


WRONG = [
    (b"garbage", PROTOBUF, 400),
    (b"\x0a\x05abc", PROTOBUF, 400),
    (b"\x00", PROTOBUF, 400),
    (b"\x0b\x0c", PROTOBUF, 400),
    (b"\xff" * 30, PROTOBUF, 400),
    (b"not json", JSON, 400),
    (b"[]", JSON, 400),
    (b'{"resourceSpans": 7}', JSON, 400),
    (b'{"resourceSpans": [7]}', JSON, 400),
    (b'{"resourceSpans": [{"scopeSpans": [{"spans": {}}]}]}', JSON, 400),
    (b"[" * 100_000, JSON, 400),
    (b'{"a":' * 100_000, JSON, 400),
    (b"[" * 600_000, JSON, 413),
    (b"{}", "text/plain", 415),
    (b"{}", "", 415),
]


async def test_wrong_bodies_are_refused_in_their_encoding(receiving: Instance) -> None:
    for body, kind, status in WRONG:
        answer = await send(receiving, body, kind)

        assert (answer.status_code, body[:40]) == (status, body[:40])
        if kind == PROTOBUF:
            assert answer.headers["content-type"] == PROTOBUF
            assert answer.content[:1] == b"\x12"
        else:
            assert list(answer.json()) == ["message"]
    assert kept(receiving) == 0
    assert receiving.counted("spans", result="refused") == len(WRONG)


async def test_other_and_broken_compression_is_refused(receiving: Instance) -> None:
    for encoding in ("br", "deflate", "gzip, gzip"):
        assert (await send(receiving, b"{}", **{"content-encoding": encoding})).status_code == 415
    for body in (b"not gzip", GZIPPED[:-3], GZIPPED + b"more"):
        assert (await send(receiving, body, **{"content-encoding": "gzip"})).status_code == 400


async def test_large_body_is_refused(receiving: Instance) -> None:
    assert (await send(receiving, b" " * (SpanLimits.body_bytes + 1))).status_code == 413


def test_bomb_is_refused_and_inflated_no_further_than_the_limit() -> None:
    bomb = gzip.compress(gzip.compress(b" " * 10**6, mtime=0) + b" " * 10**6, mtime=0)

    with pytest.raises(BadRequest, match="larger than 1000 bytes once it is inflated") as refused:
        inflate(bomb, 1_000)

    assert refused.value.status == 413
    assert len(inflate(gzip.compress(b" " * 1_000), 1_000)) == 1_000


async def test_wrong_token_is_refused_and_nothing_is_stored(receiving: Instance) -> None:
    for given in (
        b"",
        b"Bearer",
        b"Bearer wrong",
        f"Basic {TOKEN}".encode(),
        f"bearer{TOKEN}".encode(),
        b"Bearer \xe9",
    ):
        headers = [(b"content-type", PROTOBUF.encode()), *([(b"authorization", given)] if given else [])]
        async with receiving.stranger() as exporter:
            answer = await exporter.post("/v1/traces", content=PIPELINE.read_bytes(), headers=headers)

        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert kept(receiving) == 0


async def test_admin_token_is_no_token_of_the_exporter(receiving: Instance) -> None:
    assert (await receiving.http.post("/otlp/v1/traces", json={})).status_code == 401


async def test_database_that_is_away_is_told_to_try_again(receiving: Instance) -> None:
    await receiving.expect_the_database_within(ms=0)
    with receiving.database.locked():
        answer = await send(receiving, export(workflow_span(RED)), JSON)

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert receiving.counted("spans", result="not_kept") == 1


async def test_too_many_exports_at_once_are_told_to_try_again(receiving: Instance) -> None:
    answers = await asyncio.gather(*(send(receiving, export(workflow_span(RED))) for _ in range(MAX_WAITING + 5)))

    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    assert kept(receiving) == 1


async def test_other_signals_are_not_taken(receiving: Instance) -> None:
    for path in ("/v1/metrics", "/v1/logs", "/otlp/v1/metrics", "/otlp/v1/logs", "/otlp"):
        assert (await send(receiving, b"", PROTOBUF, path)).status_code == 404


async def test_receiver_without_a_token_is_off(instance: Instance) -> None:
    assert (await send(instance, {})).status_code == 404
