"""A run of which a span tells, and no webhook, is asked for before all that waits."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.testing.fake_circleci.organization import Run
from tests.pipeline.reconciling.test_reconcile import RECORDED, ROUTES, begin, missed, reconcile, run
from tests.support.app_fixture import Instance, an_instance
from tests.support.otlp_exports import TOKEN, export, workflow_span

pytestmark = [pytest.mark.databases("sqlite", "postgres", long_on=["postgres"]), pytest.mark.long]


async def send_span(instance: Instance, one: Run) -> None:
    body = json.dumps(export(workflow_span(one))).encode()
    named = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
    async with instance.stranger() as exporter:
        assert (await exporter.post("/otlp/v1/traces", content=body, headers=named)).status_code == 200


@pytest.mark.parametrize("api", ["v3", "v2"])
async def test_run_that_a_span_tells_of_is_asked_for_before_all_that_waits(folder: Path, api: str) -> None:
    async with an_instance(
        folder, ROUTES, ROUNDSMAN_CIRCLECI_API=api, ROUNDSMAN_OTLP_TOKEN=TOKEN, ROUNDSMAN_RECONCILE_CALLS="3"
    ) as instance:
        await begin(instance)
        many = [run(instance, number, minutes_ago=20 - number / 1000) for number in range(1490, 1520)]
        missed(instance, *many)
        await reconcile(instance, steps=3)
        waiting = instance.rows("SELECT count(*) FROM pipelines_to_ask WHERE due_at IS NOT NULL")[0][0]
        assert waiting > 5
        last = replace(many[0], number=1600, status="failed", pushed_at=instance.clock.now - timedelta(minutes=10))
        missed(instance, last)
        await send_span(instance, last)

        calls = await reconcile(instance)
        assert f"/pipeline/{last.pipeline_id}/workflow" not in calls  # its webhook may be on its way
        calls = await reconcile(instance, steps=2)

        asked = [path for path in calls if path.endswith("/workflow")]
        assert asked[0] == f"/pipeline/{last.pipeline_id}/workflow"
        assert instance.rows(RECORDED)[-1] == (1600, "broke", 0)
        assert instance.channels.told == ["web (json)"]


async def test_span_of_a_known_run_asks_for_nothing(folder: Path) -> None:
    async with an_instance(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3", ROUNDSMAN_OTLP_TOKEN=TOKEN) as instance:
        await begin(instance)
        known = run(instance, 1490, minutes_ago=5)
        await instance.finish(known)
        await instance.drain()
        await send_span(instance, known)
        await reconcile(instance, steps=5)

        assert instance.rows("SELECT count(*) FROM pipelines_to_ask WHERE urgency = 0") == [(0,)]
