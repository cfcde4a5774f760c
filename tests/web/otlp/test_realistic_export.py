"""Whole exports as CircleCI's documentation describes them, in bytes made by hand: each form tells the same."""

import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.testing.fake_circleci.organization import Run
from tests.support.app_fixture import GREEN, RED, RED_TO_WEB, Instance, an_instance
from tests.support.operator_client import Operator
from tests.support.otlp_exports import TOKEN, Json, nanoseconds, span, spans_of, value, workflow_span
from tests.web.otlp.encoding import read_fields, request

pytestmark = pytest.mark.long

JSON, PROTOBUF = "application/json", "application/x-protobuf"
CONSTANTS: Json = {
    "cicd.pipeline.action.name": "RUN",
    "cicd.pipeline.run.state": "executing",
    "vcs.provider.name": "github",
    "vcs.ref.type": "branch",
    "vcs.ref.base.name": "main",
}
RESOURCE: Json = {
    "service.name": "CircleCI Pipelines",
    "com.circleci.future": ["a", 1, {"nested": True}],
    "telemetry.sdk.language": "go",
    "host.bytes": b"\x00\xff",
}


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, RED_TO_WEB, ROUNDSMAN_OTLP_TOKEN=TOKEN) as opened:
        opened.http.auth = Operator()
        yield opened


def realistic(run: Run) -> list[Json]:
    """The spans of a run with parallel executions, an approval, usage, and numbers and flags as texts."""
    spans = spans_of(replace(run, pull_request=42))
    job = next(one for one in spans if one["name"].startswith("Job: "))
    second = next(one for one in spans if one["name"].startswith("Task: "))
    twin = {**second, "spanId": "ab" * 8, "attributes": [*second["attributes"]]}
    _set(twin, "com.circleci.task.index", "1")
    _set(twin, "com.circleci.resource.usage.memory.max", 9_007_199_254_740_993)  # more than a double holds
    _set(twin, "com.circleci.resource.usage.cpu.mean", "0.25")
    approval = {**job, "spanId": "cd" * 8, "name": "Job: hold", "attributes": [*job["attributes"]]}
    for name, given in (
        ("job.id", f"0b7c5a0e-0000-4000-8000-{run.number:012d}"),
        ("job.name", "hold"),
        ("job.type", "approval"),
    ):
        _set(approval, f"com.circleci.{name}", given)
    workflow = next(one for one in spans if one["name"].startswith("Workflow: "))
    _set(workflow, "com.circleci.workflow.rerun", "TRUE")
    _set(workflow, "com.circleci.workflow.rerun.type", "auto-rerun")
    _set(workflow, "vcs.change.id", "42")
    every = [*spans, twin, approval]
    for one in every:
        one["parentSpanId"] = "ee" * 8
        one["attributes"] += [{"key": name, "value": value(given)} for name, given in CONSTANTS.items()]
    return every


def _set(one: Json, name: str, given: object) -> None:
    one["attributes"] = [each for each in one["attributes"] if each["key"] != name] + [
        {"key": name, "value": value(given)}
    ]


async def post(instance: Instance, body: bytes, kind: str, **headers: str) -> httpx.Response:
    named = {"content-type": kind, "authorization": f"Bearer {TOKEN}", **headers}
    async with instance.stranger() as exporter:
        return await exporter.post("/otlp/v1/traces", content=body, headers=named)


def rows(instance: Instance) -> list[Any]:
    return instance.rows(
        "SELECT level, name, status, result, task_index, started_at, ended_at, facts FROM spans ORDER BY id"
    )


@pytest.mark.databases("sqlite", "postgres")
@pytest.mark.parametrize("is_gzip", [False, True])
async def test_bytes_made_by_hand_and_json_make_equal_rows(instance: Instance, is_gzip: bool) -> None:
    some, others = realistic(RED), realistic(replace(GREEN, number=GREEN.number + 50))
    binary = request([(RESOURCE, list(reversed(some))), ({}, others)])
    written = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [*others, *some]}]}]}).encode()
    seen = []
    for body, kind in ((binary, PROTOBUF), (written, f"{JSON}; charset=utf-8")):
        packed = {"content-encoding": "gzip"} if is_gzip else {}
        answer = await post(instance, gzip.compress(body) if is_gzip else body, kind, **packed)
        assert (answer.status_code, answer.content) == (200, b"" if kind == PROTOBUF else b"{}")
        seen.append(rows(instance))
        instance.change("DELETE FROM spans")

    assert len(seen[0]) == len(some) + len(others)
    assert seen[0] == seen[1]
    facts = [json.loads(one) if isinstance(one, str) else one for *_, one in seen[0]]
    assert max(one.get("memory_max_bytes", 0) for one in facts) == 9_007_199_254_740_993
    assert {one["cpu_mean"] for one in facts if "cpu_mean" in one} == {0.41, 0.25}


async def test_the_facts_join_the_run_that_a_webhook_told_of(instance: Instance) -> None:
    event_id = await instance.finish(RED)
    await instance.drain()
    await post(instance, request([(RESOURCE, realistic(RED))]), PROTOBUF)

    shown = (await instance.show(event_id))["spans"]

    assert shown["pull_request"] == {"number": 42, "title": "Fix the cart"}
    assert (shown["is_rerun"], shown["rerun_type"]) == (True, "auto-rerun")
    assert {job["name"] for job in shown["jobs"]} >= {"hold"}
    assert max(len(job["executions"]) for job in shown["jobs"]) == 2
    assert len(instance.channels.took) == 1  # of the webhook alone


async def test_a_part_that_is_refused_is_told_in_both_forms_and_the_rest_is_kept(instance: Instance) -> None:
    foreign = span("GET /", "some", {"http.method": "GET"}, RED.pushed_at, RED.stopped_at)
    late = {**workflow_span(GREEN), "endTimeUnixNano": nanoseconds(RED.stopped_at.replace(year=2190))}
    some = [foreign, late, *realistic(RED)]

    binary = await post(instance, request([(RESOURCE, some)]), PROTOBUF)
    written = await post(instance, json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": some}]}]}).encode(), JSON)

    told = read_fields(read_fields(binary.content)[1])
    part = written.json()["partialSuccess"]
    assert (binary.status_code, written.status_code) == (200, 200)
    assert (told[1], part["rejectedSpans"]) == (2, "2")
    assert told[2].decode() == part["errorMessage"]
    assert "1 span is none of a CircleCI pipeline" in part["errorMessage"]
    assert "1 span has a time before CircleCI's first year or after tomorrow" in part["errorMessage"]
    assert len(rows(instance)) == len(some) - 2


@pytest.mark.parametrize("cut", [1, 7, 40, 400])
async def test_bytes_that_end_early_are_refused_whole(instance: Instance, cut: int) -> None:
    body = request([(RESOURCE, realistic(RED))])

    answer = await post(instance, body[:-cut], PROTOBUF)

    assert answer.status_code == 400
    assert read_fields(answer.content)[2]
    assert rows(instance) == []
