"""Runs are forgotten with their events; tracks and open incidents are not."""

from datetime import timedelta
from typing import Any

import pytest

from service.db.tables import Transaction
from service.model import Delivery, DeliveryState, Via
from service.pipeline.upkeep.prune import prune
from service.store.deliveries import deliveries
from tests.operations.incidents.test_incidents import act, get, happened, status
from tests.pipeline.judgment.test_judge_runs import run
from tests.support.app_fixture import House

pytestmark = pytest.mark.databases("sqlite", "postgres")


def deliver(transaction: Transaction, posted: Any) -> None:
    """The deliveries that the events came with."""
    kept = [
        Delivery(
            id=event.id,
            source="circleci",
            source_event_id=event.source_event_id,
            received_at=event.received_at,
            via=Via.WEBHOOK,
            headers=(),
            body=b"{}",
            signed=None,
            state=DeliveryState.SETTLED,
        )
        for event in posted
    ]
    deliveries.keep_many(transaction, kept)


async def keep(house: House, *posted: Any) -> None:
    await house.service.context.store.write(deliver, posted)
    await happened(house, *posted)


async def forget(house: House, posted: Any) -> None:
    """Prune when the events of these runs are too old."""
    house.clock.now = max(event.received_at for event in posted)
    house.clock.now += house.service.context.keep_for + timedelta(days=1)
    await prune(house.service.context)


async def test_runs_go_with_their_events_and_an_open_incident_stays(house: House) -> None:
    posted = [run(1, "success"), run(2, "failed")]
    await keep(house, *posted)
    before = house.rows("SELECT color, streak, newest_pipeline, incident_id FROM tracks")

    await forget(house, posted)

    assert house.rows("SELECT * FROM runs") == []
    assert house.rows("SELECT * FROM events") == []
    assert house.rows("SELECT color, streak, newest_pipeline, incident_id FROM tracks") == before
    assert [item["state"] for item in (await get(house, "incidents"))["items"]] == ["open"]


async def test_closed_incidents_go_when_they_are_old_with_the_acts_on_them(house: House) -> None:
    posted = [run(1, "failed"), run(2, "success")]
    await keep(house, *posted)
    await act(house, "classify", 200, **{"class": "flaky"})
    await prune(house.service.context)
    assert len((await get(house, "incidents"))["items"]) == 1

    await forget(house, posted)

    assert (await get(house, "incidents"))["items"] == []
    assert house.rows("SELECT * FROM actions") == []


async def test_the_next_green_after_that_ends_what_was_red(house: House) -> None:
    posted = [run(1, "failed")]
    await keep(house, *posted)
    await forget(house, posted)

    await happened(house, run(2, "success", at=30))

    found = await status(house)
    assert found["state"] == "green"
    [incident] = (await get(house, "incidents"))["items"]
    assert (incident["state"], incident["closed_because"]) == ("closed", "green")
