"""Spans as rows: workflows without a webhook, the spans of a run, retention."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from service.circleci.otlp.answers import Encoding
from service.circleci.otlp.raw_span import SpanLimits
from service.model import Span, SpanLevel
from service.pipeline.upkeep.prune import prune
from service.store.circleci import spans
from service.testing.fake_circleci.organization import Run
from service.web.otlp.body import decode
from tests.support.app_fixture import GREEN, NINE, RED, House, a_house
from tests.support.otlp_exports import Json, export, spans_of, workflow_span

pytestmark = pytest.mark.databases("sqlite", "postgres")
LATER = NINE + timedelta(hours=1)
SPAN = {"received_before": LATER, "received_after": NINE - timedelta(hours=1), "limit": 10}


@pytest.fixture
async def house(folder: Path) -> AsyncIterator[House]:
    async with a_house(folder) as house:
        yield house


def read(*written: Json) -> list[Span]:
    body = json.dumps(export(*written)).encode()
    return list(decode(body, Encoding.JSON, is_gzip=False, limits=SpanLimits(), now=LATER).spans)


async def keep(house: House, *written: Json) -> None:
    await house.service.context.store.write(spans.put, read(*written), received_at=NINE)


async def unexplained(house: House, **other: object) -> list[UUID]:
    found = await house.service.context.store.read(spans.find_unexplained, **(SPAN | other))  # type: ignore[arg-type]
    return [one.workflow_id for one in found]


def lost(run: Run) -> Run:
    """Another run of the same workflow, which no webhook tells of."""
    return replace(run, number=run.number + 1)


async def test_workflow_without_a_webhook_is_unexplained(house: House) -> None:
    await house.finish(RED)
    await house.drain()
    await keep(house, workflow_span(RED), *spans_of(lost(RED)))

    [found] = await house.service.context.store.read(spans.find_unexplained, **SPAN)  # type: ignore[arg-type]

    assert str(found.workflow_id) == lost(RED).workflow_id
    assert (found.name, found.status, found.project_name) == (RED.workflow, "failed", "acme/web")
    assert found.project_slug
    assert found.facts["pipeline_number"] == RED.number + 1


async def test_workflow_of_a_project_that_never_posted_is_told_only_if_asked(house: House) -> None:
    await keep(house, workflow_span(RED))

    assert await unexplained(house) == []
    assert [str(one) for one in await unexplained(house, of_all_projects=True)] == [RED.workflow_id]


async def test_workflow_that_goes_on_or_is_out_of_the_window_is_not_unexplained(house: House) -> None:
    await house.finish(RED)
    await house.drain()
    await keep(house, workflow_span(lost(RED), status="failing"))
    assert await unexplained(house) == []

    await keep(house, workflow_span(lost(RED)))

    assert await unexplained(house, received_before=NINE - timedelta(minutes=1)) == []
    assert await unexplained(house, received_after=NINE) == []
    assert len(await unexplained(house)) == 1


async def test_spans_of_a_run_come_outermost_first_with_those_of_its_pipeline(house: House) -> None:
    await keep(house, *spans_of(RED), *spans_of(GREEN))

    found = await house.service.context.store.read(spans.of_run, UUID(RED.workflow_id))

    assert sorted(found, key=lambda one: one.span_id) == sorted(read(*spans_of(RED)), key=lambda one: one.span_id)
    levels = [one.level for one in found[:-1]]
    assert levels == sorted(levels, key=lambda level: (level is SpanLevel.STEP, level is SpanLevel.TASK))
    assert found[-1].level is SpanLevel.PIPELINE
    assert await house.service.context.store.read(spans.of_run, uuid4()) == []


@pytest.mark.long
async def test_old_spans_are_forgotten_and_steps_that_passed_before_others(house: House) -> None:
    await keep(house, *spans_of(RED))
    every = len(spans_of(RED))

    house.clock.tick(days=15)
    await prune(house.service.context, batch_size=1)
    left = house.rows("SELECT level, result FROM spans")
    house.clock.tick(days=400)
    await prune(house.service.context)

    assert len(left) < every
    assert [result for level, result in left if level == "step"] == ["failure"]
    assert house.rows("SELECT count(*) FROM spans") == [(0,)]
