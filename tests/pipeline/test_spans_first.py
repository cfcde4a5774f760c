"""A run of which a span tells, and no webhook, is asked for before all that waits."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.testing.fake_circleci.organization import Run
from tests.pipeline.reconciling.test_reconcile import RECORDED, ROUTES, begin, missed, reconcile, run
from tests.support.app_fixture import House, a_house
from tests.support.otlp_exports import TOKEN, export, workflow_span

pytestmark = [pytest.mark.databases("sqlite", "postgres", long_on=["postgres"]), pytest.mark.long]


async def send_span(house: House, one: Run) -> None:
    body = json.dumps(export(workflow_span(one))).encode()
    named = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
    async with house.stranger() as exporter:
        assert (await exporter.post("/otlp/v1/traces", content=body, headers=named)).status_code == 200


@pytest.mark.parametrize("api", ["v3", "v2"])
async def test_run_that_a_span_tells_of_is_asked_for_before_all_that_waits(folder: Path, api: str) -> None:
    async with a_house(
        folder, ROUTES, ROUNDSMAN_CIRCLECI_API=api, ROUNDSMAN_OTLP_TOKEN=TOKEN, ROUNDSMAN_RECONCILE_CALLS="3"
    ) as house:
        await begin(house)
        many = [run(house, number, minutes_ago=20 - number / 1000) for number in range(1490, 1520)]
        missed(house, *many)
        await reconcile(house, steps=3)
        waiting = house.rows("SELECT count(*) FROM pipelines_to_ask WHERE due_at IS NOT NULL")[0][0]
        assert waiting > 5
        last = replace(many[0], number=1600, status="failed", pushed_at=house.clock.now - timedelta(minutes=10))
        missed(house, last)
        await send_span(house, last)

        calls = await reconcile(house)
        assert f"/pipeline/{last.pipeline_id}/workflow" not in calls  # its webhook may be on its way
        calls = await reconcile(house, steps=2)

        asked = [path for path in calls if path.endswith("/workflow")]
        assert asked[0] == f"/pipeline/{last.pipeline_id}/workflow"
        assert house.rows(RECORDED)[-1] == (1600, "broke", 0)
        assert house.channels.told == ["web (json)"]


async def test_span_of_a_known_run_asks_for_nothing(folder: Path) -> None:
    async with a_house(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3", ROUNDSMAN_OTLP_TOKEN=TOKEN) as house:
        await begin(house)
        known = run(house, 1490, minutes_ago=5)
        await house.finish(known)
        await house.drain()
        await send_span(house, known)
        await reconcile(house, steps=5)

        assert house.rows("SELECT count(*) FROM pipelines_to_ask WHERE urgency = 0") == [(0,)]
