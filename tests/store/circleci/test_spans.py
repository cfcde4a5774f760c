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
from tests.support.app_fixture import GREEN, NINE, RED, Instance, an_instance
from tests.support.otlp_exports import Json, export, spans_of, workflow_span

pytestmark = pytest.mark.databases("sqlite", "postgres")
LATER = NINE + timedelta(hours=1)
SPAN = {"received_before": LATER, "received_after": NINE - timedelta(hours=1), "limit": 10}


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder) as instance:
        yield instance


def read(*written: Json) -> list[Span]:
    body = json.dumps(export(*written)).encode()
    return list(decode(body, Encoding.JSON, is_gzip=False, limits=SpanLimits(), now=LATER).spans)


async def keep(instance: Instance, *written: Json) -> None:
    await instance.service.context.store.write(spans.put, read(*written), received_at=NINE)


async def unexplained(instance: Instance, **other: object) -> list[UUID]:
    found = await instance.service.context.store.read(spans.find_unexplained, **(SPAN | other))  # type: ignore[arg-type]
    return [one.workflow_id for one in found]


def lost(run: Run) -> Run:
    """Another run of the same workflow, which no webhook tells of."""
    return replace(run, number=run.number + 1)


async def test_workflow_without_a_webhook_is_unexplained(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    await keep(instance, workflow_span(RED), *spans_of(lost(RED)))

    [found] = await instance.service.context.store.read(spans.find_unexplained, **SPAN)  # type: ignore[arg-type]

    assert str(found.workflow_id) == lost(RED).workflow_id
    assert (found.name, found.status, found.project_name) == (RED.workflow, "failed", "acme/web")
    assert found.project_slug
    assert found.facts["pipeline_number"] == RED.number + 1


async def test_workflow_of_a_project_that_never_posted_is_told_only_if_asked(instance: Instance) -> None:
    await keep(instance, workflow_span(RED))

    assert await unexplained(instance) == []
    assert [str(one) for one in await unexplained(instance, of_all_projects=True)] == [RED.workflow_id]


async def test_workflow_that_goes_on_or_is_out_of_the_window_is_not_unexplained(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    await keep(instance, workflow_span(lost(RED), status="failing"))
    assert await unexplained(instance) == []

    await keep(instance, workflow_span(lost(RED)))

    assert await unexplained(instance, received_before=NINE - timedelta(minutes=1)) == []
    assert await unexplained(instance, received_after=NINE) == []
    assert len(await unexplained(instance)) == 1


async def test_spans_of_a_run_come_outermost_first_with_those_of_its_pipeline(instance: Instance) -> None:
    await keep(instance, *spans_of(RED), *spans_of(GREEN))

    found = await instance.service.context.store.read(spans.of_run, UUID(RED.workflow_id))

    assert sorted(found, key=lambda one: one.span_id) == sorted(read(*spans_of(RED)), key=lambda one: one.span_id)
    levels = [one.level for one in found[:-1]]
    assert levels == sorted(levels, key=lambda level: (level is SpanLevel.STEP, level is SpanLevel.TASK))
    assert found[-1].level is SpanLevel.PIPELINE
    assert await instance.service.context.store.read(spans.of_run, uuid4()) == []


@pytest.mark.long
async def test_old_spans_are_forgotten_and_steps_that_passed_before_others(instance: Instance) -> None:
    await keep(instance, *spans_of(RED))
    every = len(spans_of(RED))

    instance.clock.tick(days=15)
    await prune(instance.service.context, batch_size=1)
    left = instance.rows("SELECT level, result FROM spans")
    instance.clock.tick(days=400)
    await prune(instance.service.context)

    assert len(left) < every
    assert [result for level, result in left if level == "step"] == ["failure"]
    assert instance.rows("SELECT count(*) FROM spans") == [(0,)]
