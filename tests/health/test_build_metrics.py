"""Metrics of builds: for those with a credential, each run once, capped, and read by a real Prometheus."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.build_metrics import BuildMetrics, Workflow
from service.model import Color, Event, EventKind, Project, RunState, Transition
from service.model import Workflow as EventWorkflow
from service.model.same_names import tell_apart
from service.testing.fake_circleci.organization import Run
from service.web.server.server import listen, listener_url, serving
from tests.support.app_fixture import GREEN, RED, RED_TO_WEB, Instance, an_instance
from tests.support.operator_client import ADMIN_TOKEN
from tests.support.ports import free_port

pytestmark = pytest.mark.databases("sqlite", "postgres")

READ_TOKEN = "an-invented-token-that-only-reads-0123"
MAIN = {"project": "acme/web", "workflow": "build-and-test", "branch": "main"}
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
Labels = dict[str, str]


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, RED_TO_WEB, ROUNDSMAN_READ_TOKEN=READ_TOKEN) as opened:
        yield opened


async def scrape(instance: Instance, token: str | None = READ_TOKEN) -> httpx.Response:
    async with instance.stranger() as client:
        return await client.get("/metrics", headers={"Authorization": f"Bearer {token}"} if token else {})


async def samples(instance: Instance, name: str) -> list[tuple[Labels, float]]:
    return parsed((await scrape(instance)).text, name)


def parsed(text: str, name: str) -> list[tuple[Labels, float]]:
    families = text_string_to_metric_families(text)
    return [(one.labels, one.value) for family in families for one in family.samples if one.name == name]


async def finish(instance: Instance, *runs: Run) -> None:
    for run in runs:
        await instance.finish(run)
        await instance.drain()


@pytest.mark.long
async def test_builds_are_shown_with_a_credential_alone(instance: Instance) -> None:
    await finish(instance, RED)

    bare, wrong = await scrape(instance, None), await scrape(instance, "wrong")
    shown = [await scrape(instance, token) for token in (READ_TOKEN, ADMIN_TOKEN)]

    assert (bare.status_code, wrong.status_code) == (200, 401)
    assert "roundsman_deliveries_total" in bare.text
    assert "acme" not in bare.text
    for answer in shown:
        assert "roundsman_deliveries_total" in answer.text
        assert 'project="acme/web"' in answer.text


@pytest.mark.long
async def test_runs_are_counted_by_result_and_duration(instance: Instance) -> None:
    await finish(instance, RED, RED, GREEN)

    results = {labels["result"]: value for labels, value in await samples(instance, "roundsman_workflow_runs_total")}
    [(labels, count)] = await samples(instance, "roundsman_workflow_duration_seconds_count")

    assert results == {"success": 1, "failed": 1}
    assert (labels, count) == (MAIN, 2)


@pytest.mark.long
async def test_other_branches_have_no_series(instance: Instance) -> None:
    await finish(instance, replace(RED, branch="feature/x"))

    assert await samples(instance, "roundsman_workflow_runs_total") == []
    assert await samples(instance, "roundsman_workflow_red_since_timestamp_seconds") == []


async def test_replayed_run_is_not_counted_again_also_after_a_restart(instance: Instance, folder: Path) -> None:
    delivery = await instance.finish(RED)
    await instance.drain()

    async with an_instance(folder, RED_TO_WEB, ROUNDSMAN_READ_TOKEN=READ_TOKEN) as later:
        await later.act(f"deliveries/{delivery}/replay")
        await later.drain()
        results = await samples(later, "roundsman_workflow_runs_total")

    assert [value for _, value in results] == [0, 0]


@pytest.mark.long
async def test_red_since_follows_the_track_and_ends_with_it(instance: Instance) -> None:
    await finish(instance, RED)
    [(labels, red)] = await samples(instance, "roundsman_workflow_red_since_timestamp_seconds")
    instance.clock.tick(days=31)
    [(_, expired)] = await samples(instance, "roundsman_workflow_red_since_timestamp_seconds")
    instance.clock.tick(days=-31)
    await finish(instance, GREEN)
    [(_, green)] = await samples(instance, "roundsman_workflow_red_since_timestamp_seconds")

    assert labels == MAIN
    assert datetime.fromtimestamp(red, UTC).date() == RED.stopped_at.date()
    assert (expired, green) == (0, 0)


async def test_without_the_database_what_is_red_is_left_out(folder: Path) -> None:
    nowhere = f"postgresql://ci@127.0.0.1:{free_port()}/ci"
    async with an_instance(folder, ROUNDSMAN_DATABASE_URL=nowhere, ROUNDSMAN_READ_TOKEN=READ_TOKEN) as away:
        away.service.context.metrics.builds.count(run_of("a"))
        answer = await scrape(away)

    assert answer.status_code == 200
    assert parsed(answer.text, "roundsman_workflow_red_since_timestamp_seconds") == []
    assert len(parsed(answer.text, "roundsman_workflow_runs_total")) == 2


# The cap


def run_of(workflow: str, **changes: Any) -> Event:
    run = RunState(
        run_id=uuid4(),
        event_id=uuid4(),
        track_id=1,
        color=Color.GREEN,
        transition=Transition.PASSED,
        is_of_default_branch=True,
    )
    event = Event(
        id=uuid4(),
        kind=EventKind.WORKFLOW_COMPLETED,
        source_event_id="1",
        happened_at=NOON,
        received_at=NOON,
        workflow=EventWorkflow(id="w", name=workflow),
        status="success",
        branch="main",
        duration_ms=1_000,
        run=run,
    )
    return replace(event, **changes)


def test_cap_leaves_out_later_workflows_and_says_so() -> None:
    builds = BuildMetrics(max_workflows=2)

    for name in ("a", "b", "c", "a", "c"):
        builds.count(run_of(name))
    builds.set_red({Workflow(project="", workflow=name, branch="main"): None for name in "abcd"}, cut=3)
    text = builds.text().decode()

    counted = parsed(text, "roundsman_workflow_runs_total")
    assert {labels["workflow"] for labels, _ in counted} == {"a", "b"}
    assert parsed(text, "roundsman_workflow_runs_without_series_total") == [({}, 2)]
    assert parsed(text, "roundsman_workflows_without_series") == [({}, 5)]


def test_run_of_which_several_posts_tell_is_counted_once() -> None:
    builds, event = BuildMetrics(), run_of("a", status="canceled")

    for _ in range(5):
        builds.count(event)

    counted = {labels["result"]: n for labels, n in parsed(builds.text().decode(), "roundsman_workflow_runs_total")}
    assert counted == {"success": 0, "failed": 0, "canceled": 1}


def test_runs_of_projects_of_one_name_are_counted_apart_once_both_are_known() -> None:
    builds, web = BuildMetrics(), {"org": "acme", "project": Project(slug="gh/acme/web", name="web")}
    twin = {"org": "acme", "project": Project(slug="circleci/AAAA/BBBB", name="web")}
    elsewhere = {"org": "corp", "project": Project(slug="gh/corp/web", name="web")}
    builds.set_red({}, cut=0, marks=tell_apart([("acme/web", "gh/acme/web"), ("acme/web", "circleci/AAAA/BBBB")]))

    for project in (web, twin, elsewhere):
        builds.count(run_of("a", **project))

    counted = parsed(builds.text().decode(), "roundsman_workflow_runs_total")
    assert {labels["project"] for labels, _ in counted} == {"acme/web (gh)", "acme/web (circleci)", "corp/web"}


@pytest.mark.parametrize("name", ['"} 1\nevil_metric{x="', "\\", "a\nb", "x" * 5_000, "\u202e", ""])
def test_hostile_names_stay_label_values(name: str) -> None:
    builds = BuildMetrics()
    builds.count(run_of(name))

    [(labels, _), *_] = parsed(builds.text().decode(), "roundsman_workflow_runs_total")

    assert labels["workflow"] == name[:200]
    assert "\nevil_metric" not in builds.text().decode()


# A real Prometheus

CONFIG = """\
scrape_configs:
  - job_name: roundsman
    scrape_interval: 1s
    authorization: {credentials: %s}
    static_configs: [{targets: ["%s"]}]
"""


@pytest.mark.long
async def test_a_real_prometheus_reads_them(instance: Instance, tmp_path: Path) -> None:
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        pytest.skip("no prometheus: install Debian's package prometheus")
    await finish(instance, RED, GREEN)
    listener, port = listen("127.0.0.1", 0), free_port()
    async with serving(instance.service.asgi, listener):
        target = listener_url(listener).removeprefix("http://")
        (tmp_path / "prometheus.yml").write_text(CONFIG % (READ_TOKEN, target))
        process = await asyncio.create_subprocess_exec(
            prometheus,
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(60), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                found = await result(client, 'roundsman_workflow_runs_total{result="failed"}')
                quantile = await result(client, "histogram_quantile(0.5, roundsman_workflow_duration_seconds_bucket)")
        finally:
            process.terminate()
            await process.wait()

    [sample] = found
    assert sample["metric"] | MAIN == sample["metric"]
    assert sample["value"][1] == "1"
    assert timedelta(seconds=float(quantile[0]["value"][1])) < timedelta(hours=1)


async def result(client: httpx.AsyncClient, query: str) -> Any:
    """Ask until Prometheus has scraped."""
    while True:
        try:
            answer = await client.get("/api/v1/query", params={"query": query})
            if answer.is_success and (found := answer.json()["data"]["result"]):
                return found
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.2)
