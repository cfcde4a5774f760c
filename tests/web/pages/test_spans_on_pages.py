"""Spans on pages and in the API: beside the record of a run, and of a run without a webhook."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from service.testing.fake_circleci.organization import Run
from tests.support.app_fixture import RED, RED_TO_WEB, Instance, an_instance
from tests.support.operator_client import Operator
from tests.support.otlp_exports import COMMAND, TOKEN, export, spans_of, workflow_span
from tests.support.pages_fixture import text

LOST = replace(RED, number=RED.number + 1, subject="lost")


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, RED_TO_WEB, ROUNDSMAN_OTLP_TOKEN=TOKEN) as opened:
        opened.http.auth = Operator()
        yield opened


async def receive(instance: Instance, *runs: Run) -> None:
    async with instance.stranger() as exporter:
        for run in runs:
            answer = await exporter.post(
                "/otlp/v1/traces",
                json=export(*spans_of(replace(run, pull_request=7))),
                headers={"authorization": f"Bearer {TOKEN}"},
            )
            assert answer.json() == {}


@pytest.mark.long
async def test_spans_join_the_record_of_their_run(instance: Instance) -> None:
    event_id = await instance.finish(RED)
    await instance.drain()
    assert (await instance.show(event_id))["spans"] is None

    await receive(instance, RED)
    shown = (await instance.show(event_id))["spans"]
    page = await instance.http.get(f"/builds/{event_id}")

    assert shown["pull_request"] == {"number": 7, "title": "Fix the cart"}
    assert (shown["is_rerun"], shown["is_cut"]) == (False, False)
    assert [job["name"] for job in shown["jobs"]] == [job.name for job in RED.jobs if job.number]
    failed = next(job for job in shown["jobs"] if job["status"] == "failed")
    assert [(step["name"], step["exit_code"], step["is_failed"]) for step in failed["steps"]] == [
        ("Checkout code", 0, False),
        ("Run tests", 1, True),
    ]
    assert failed["wait_ms"] == 1_000
    assert failed["executions"][0]["resource_class"] == "medium"
    assert "Run tests, exit code 1" in text(page)
    assert "medium docker, 2 CPU, 4096 MB; used 97 % CPU and 3.2 GB at most" in text(page)
    assert "not by the webhook" in page.text
    assert COMMAND not in page.text
    assert "hunter2" not in page.text


@pytest.mark.long
async def test_run_without_a_webhook_is_shown_grey_and_told_to_no_channel(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    told = list(instance.channels.told)
    await receive(instance, LOST)
    early = (await instance.http.get("/builds")).text
    instance.clock.tick(minutes=11)
    await instance.drain()

    builds = (await instance.http.get("/builds")).text
    page = await instance.http.get(f"/builds/{LOST.workflow_id}")
    filtered = (await instance.http.get("/builds", params={"q": "status:failed"})).text

    assert "No webhook yet" not in early
    assert f"/builds/{LOST.workflow_id}" in builds
    assert "no webhook yet" in builds
    assert "No webhook yet" not in filtered
    assert page.status_code == 200
    assert "no webhook yet" in text(page)
    assert "is-failure" not in page.text.partition("</h1>")[0]
    assert instance.channels.told == told
    [missing] = (await instance.http.get("/api/v1/unexplained-runs")).json()["items"]
    assert (missing["run"], missing["status"], missing["dead_letter"]) == (LOST.workflow_id, "failed", False)
    assert "roundsman_unexplained_runs 1.0" in (await instance.http.get("/metrics")).text

    await instance.finish(LOST)
    await instance.drain()

    assert "No webhook yet" not in (await instance.http.get("/builds")).text
    assert "Steps and resources" in (await instance.http.get(f"/builds/{LOST.workflow_id}")).text


async def test_hostile_words_of_a_run_without_a_webhook_are_escaped(instance: Instance) -> None:
    one = workflow_span(RED, status="<script>alert(1)</script>\u202e")
    for attribute in one["attributes"]:
        if attribute["key"] in {"cicd.pipeline.name", "vcs.ref.head.name", "vcs.repository.name"}:
            attribute["value"] = {"stringValue": "<img src=x onerror=alert(1)>\u202e\x1b[31m" + "y" * 900}
    async with instance.stranger() as exporter:
        await exporter.post("/v1/traces", json=export(one), headers={"authorization": f"Bearer {TOKEN}"})

    page = (await instance.http.get(f"/builds/{RED.workflow_id}")).text

    assert "<img src" not in page
    assert "<script>alert" not in page
    assert "\x1b" not in page


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_run_whose_webhook_is_a_dead_letter_is_listed_and_not_counted(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    await receive(instance, LOST)
    await instance.send(f'{{"type": "something-new", "workflow": {{"id": "{LOST.workflow_id}"}}}}'.encode())
    instance.clock.tick(minutes=11)
    await instance.drain()

    [missing] = (await instance.http.get("/api/v1/unexplained-runs")).json()["items"]

    assert (missing["run"], missing["dead_letter"]) == (LOST.workflow_id, True)
    assert "its webhook came, and waits as a" in (await instance.http.get("/builds")).text
    assert "roundsman_unexplained_runs 0.0" in (await instance.http.get("/metrics")).text
    assert (await instance.http.get("/api/v1/unexplained-runs?limit=1")).status_code == 400
