"""Spans of a hostile sender who has the token: they cost little, and do no harm."""

import json
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from service.circleci.otlp.answers import Encoding
from service.circleci.otlp.attributes import MAX_TEXT_CHARACTERS
from service.circleci.otlp.raw_span import MAX_ATTRIBUTES, SpanLimits
from service.circleci.otlp.wire import write_bytes
from service.errors import BadRequest
from service.web.otlp.body import Export, decode
from tests.support.app_fixture import NINE, RED, an_instance
from tests.support.otlp_exports import TOKEN, Json, export, value, workflow_span


def read(request: Json | bytes, encoding: Encoding = Encoding.JSON, **limits: int) -> Export:
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    return decode(body, encoding, is_gzip=False, limits=SpanLimits(**limits), now=NINE)


def changed(**attributes: object) -> Json:
    """The span of a workflow with other values of attributes; dots are written as two underscores."""
    one = workflow_span(RED)
    names = {name.replace("__", "."): given for name, given in attributes.items()}
    kept = [item for item in one["attributes"] if item["key"] not in names]
    one["attributes"] = kept + [{"key": key, "value": value(given)} for key, given in names.items()]
    return one


def test_spans_beyond_the_limit_are_counted_and_refused() -> None:
    found = read(export(*[workflow_span(RED)] * 30), spans=20)

    assert len(found.spans) == 20
    assert found.message == "10 spans are beyond the 20 of one request"


@pytest.mark.long
def test_ten_thousand_spans_are_read_within_seconds() -> None:
    body = json.dumps(export(*[{"traceId": "01" * 16, "spanId": "02" * 8}] * 10_001)).encode()
    began = process_time()

    found = read(body)

    assert sum(found.rejected.values()) == 10_001
    assert process_time() - began < 10


def test_body_of_tiny_fields_is_refused() -> None:
    tiny = write_bytes(1, write_bytes(2, b"\x12\x00" * 2_000))

    with pytest.raises(BadRequest, match="more than 1000 fields"):
        read(tiny, Encoding.PROTOBUF, fields=1_000)


def test_attributes_beyond_the_limit_are_skipped() -> None:
    one = workflow_span(RED)
    one["attributes"] = [{"key": "x", "value": value("y")}] * MAX_ATTRIBUTES + one["attributes"]

    assert read(export(one)).message == "1 span is none of a CircleCI pipeline"


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"com__circleci__pipeline__id": "no uuid"}, "has no com.circleci.pipeline.id that is a UUID"),
        ({"com__circleci__pipeline__id": 7}, "has no com.circleci.pipeline.id that is a UUID"),
        ({"com__circleci__workflow__id": "\x00" * 36}, "has no com.circleci.workflow.id that is a UUID"),
        ({"com__circleci__task__index": -1}, "has no com.circleci.job.id that is a UUID"),
    ],
)
def test_wrong_ids_are_refused(attributes: dict[str, object], reason: str) -> None:
    assert read(export(changed(**attributes))).message == f"1 span {reason}"


@pytest.mark.parametrize("time", ["1", "9" * 19, 10**25, -5, str(int(NINE.timestamp() + 90_000) * 10**9)])
def test_times_that_cannot_be_are_refused(time: object) -> None:
    found = read(export({**workflow_span(RED), "endTimeUnixNano": time}))

    assert list(found.rejected.values()) == [1]


@pytest.mark.parametrize("time", ["", "now", [], {}, True, 1.5, "1" * 5_000])
def test_times_of_a_wrong_type_are_refused(time: object) -> None:
    found = read(export({**workflow_span(RED), "endTimeUnixNano": time}))

    assert found.message == "1 span is malformed, or has no trace id and span id"


@pytest.mark.parametrize("written", [7, "7", 7.0])
def test_numbers_are_read_from_every_type(written: object) -> None:
    [found] = read(export(changed(vcs__change__id=written))).spans

    assert found.facts["pull_request_number"] == 7


@pytest.mark.parametrize(
    "wrong", ["x", "", "9" * 100, "\u0667", 7.5, float("inf"), float("nan"), True, 2**64, -(2**70), "-"]
)
def test_numbers_that_are_none_are_left_out(wrong: object) -> None:
    [found] = read(export(changed(vcs__change__id=wrong))).spans

    assert "pull_request_number" not in found.facts


WRONG_ATTRIBUTES: list[Any] = [
    None,
    7,
    "text",
    [7],
    [{}],
    [{"key": 7, "value": {"stringValue": "x"}}],
    [{"key": "com.circleci.workflow.id"}],
    [{"key": "com.circleci.workflow.id", "value": []}],
    [{"key": "com.circleci.workflow.id", "value": {"stringValue": 7}}],
    [{"key": "com.circleci.workflow.id", "value": {"arrayValue": {"values": [{}]}}}],
    [{"key": ["unhashable"], "value": {"stringValue": "x"}}],
]


@pytest.mark.parametrize("attributes", WRONG_ATTRIBUTES)
def test_attributes_of_a_wrong_type_are_skipped(attributes: object) -> None:
    found = read(export({**workflow_span(RED), "attributes": attributes}))

    assert found.message == "1 span is none of a CircleCI pipeline"


@pytest.mark.databases("sqlite", "postgres")
async def test_hostile_texts_are_stored_short_and_clean(folder: Path) -> None:
    hostile = "\x00<script>\ud800\u202e" + "x" * 100_000
    one = changed(vcs__change__title=hostile, cicd__pipeline__name=hostile, com__circleci__org__id=hostile)
    async with an_instance(folder, ROUNDSMAN_OTLP_TOKEN=TOKEN) as instance, instance.stranger() as exporter:
        answer = await send(exporter, export(one))

        assert answer == {}
        [(name, org)] = instance.rows("SELECT name, org_id FROM spans")
    assert name.startswith("\ufffd<script>\ufffd")
    assert max(len(name), len(org)) <= MAX_TEXT_CHARACTERS


async def send(exporter: Any, request: Json) -> object:
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    answer = await exporter.post("/otlp/v1/traces", content=json.dumps(request).encode(), headers=headers)
    return answer.json()


def test_attributes_of_the_resource_count_where_a_span_has_none() -> None:
    one = workflow_span(RED)
    moved = {item["key"]: next(iter(item["value"].values())) for item in one.pop("attributes")}

    [found] = read(export(one, resource={**moved, "com.circleci.workflow.rerun": True})).spans

    assert (str(found.workflow_id), found.facts["is_rerun"]) == (RED.workflow_id, True)
