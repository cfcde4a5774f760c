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
from tests.support.app_fixture import Instance

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


async def keep(instance: Instance, *posted: Any) -> None:
    await instance.service.context.store.write(deliver, posted)
    await happened(instance, *posted)


async def forget(instance: Instance, posted: Any) -> None:
    """Prune when the events of these runs are too old."""
    instance.clock.now = max(event.received_at for event in posted)
    instance.clock.now += instance.service.context.keep_for + timedelta(days=1)
    await prune(instance.service.context)


async def test_runs_go_with_their_events_and_an_open_incident_stays(instance: Instance) -> None:
    posted = [run(1, "success"), run(2, "failed")]
    await keep(instance, *posted)
    before = instance.rows("SELECT color, streak, newest_pipeline, incident_id FROM tracks")

    await forget(instance, posted)

    assert instance.rows("SELECT * FROM runs") == []
    assert instance.rows("SELECT * FROM events") == []
    assert instance.rows("SELECT color, streak, newest_pipeline, incident_id FROM tracks") == before
    assert [item["state"] for item in (await get(instance, "incidents"))["items"]] == ["open"]


async def test_closed_incidents_go_when_they_are_old_with_the_acts_on_them(instance: Instance) -> None:
    posted = [run(1, "failed"), run(2, "success")]
    await keep(instance, *posted)
    await act(instance, "classify", 200, **{"class": "flaky"})
    await prune(instance.service.context)
    assert len((await get(instance, "incidents"))["items"]) == 1

    await forget(instance, posted)

    assert (await get(instance, "incidents"))["items"] == []
    assert instance.rows("SELECT * FROM actions") == []


async def test_the_next_green_after_that_ends_what_was_red(instance: Instance) -> None:
    posted = [run(1, "failed")]
    await keep(instance, *posted)
    await forget(instance, posted)

    await happened(instance, run(2, "success", at=30))

    found = await status(instance)
    assert found["state"] == "green"
    [incident] = (await get(instance, "incidents"))["items"]
    assert (incident["state"], incident["closed_because"]) == ("closed", "green")
