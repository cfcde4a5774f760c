"""Leases of late sends: they keep notification and lane, and give both back at their end."""

import asyncio
from datetime import timedelta

import pytest

from service.db.tables import Transaction
from service.model import NotificationState
from service.pipeline.lanes.late_sends import LEASE
from service.pipeline.lanes.leases import end_lease, extend_lease, finish_sends, lease
from service.queue import lanes
from service.store.notifications import notifications
from tests.support.app_fixture import Instance
from tests.support.neighbor_rows import NeighborRows, a_notification, last_attempt

pytestmark = pytest.mark.databases("sqlite", "postgres")

LATE = a_notification(NotificationState.SENDING)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def rows(instance: Instance) -> NeighborRows:
    rows = NeighborRows(store=instance.service.context.store, database=instance.database)
    await rows.insert(LATE)
    return rows


async def pause(instance: Instance) -> None:
    context, until = instance.service.context, instance.clock() + MINUTE

    def close(transaction: Transaction) -> None:
        context.jobs.pause_lane(LATE.lane, within=transaction, until=until)

    await context.store.write(close)


async def wait_for(answer: asyncio.Event) -> None:
    await answer.wait()


async def pause_left(instance: Instance) -> timedelta:
    opens_at = await instance.service.context.store.read(lanes.opens_at, LATE.lane, instance.clock())
    return opens_at - instance.clock() if opens_at else timedelta()


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("is_late", [True, False])
async def test_end_of_a_late_send_opens_its_lane_and_that_of_another_leaves_a_pause(
    instance: Instance, *, is_late: bool
) -> None:
    context, answered = instance.service.context, asyncio.Event()
    if is_late:
        context.late_sends.add(last_attempt(LATE), wait_for(answered))
    await pause(instance)

    await context.store.write(end_lease, context, LATE)

    answered.set()
    assert await pause_left(instance) == (timedelta() if is_late else MINUTE)


async def test_lease_keeps_notification_and_lane_and_leaves_the_job_to_whoever_is_there_after_it(
    instance: Instance, rows: NeighborRows
) -> None:
    context = instance.service.context

    await context.store.write(lease, context, last_attempt(LATE), LATE)

    assert await pause_left(instance) == LEASE
    found = await context.store.read(notifications.find, LATE.id)
    assert found.next_attempt_at == instance.clock() + LEASE
    assert [(kind, lane) for kind, _, lane in rows.database.jobs()] == [("send", LATE.lane)]


async def test_lease_of_an_attempt_that_another_replaced_is_not_extended(
    instance: Instance, rows: NeighborRows
) -> None:
    context, before = instance.service.context, rows.rows()
    other = a_notification(NotificationState.SENDING, id=LATE.id, attempts=1)

    await context.store.write(extend_lease, context, last_attempt(other), LATE.lane)

    assert await pause_left(instance) == timedelta()
    assert rows.changed(before) == set()


async def test_send_that_is_cut_off_is_interrupted_and_its_lane_goes_on_with_it(
    instance: Instance, rows: NeighborRows
) -> None:
    context = instance.service.context
    await context.store.write(lease, context, last_attempt(LATE), LATE)
    context.late_sends.add(last_attempt(LATE), wait_for(asyncio.Event()))
    context.late_sends.stop(grace=timedelta())
    rows.database.lose_jobs()

    await finish_sends(context)

    found = await context.store.read(notifications.find, LATE.id)
    assert (found.state, found.next_attempt_at) == (NotificationState.PENDING, instance.clock())
    assert await pause_left(instance) == timedelta()
    assert [(kind, lane) for kind, _, lane in rows.database.jobs()] == [("send", LATE.lane)]


async def test_without_sends_to_cut_off_nothing_is_recorded(instance: Instance, rows: NeighborRows) -> None:
    instance.service.context.late_sends.stop(grace=timedelta())

    with rows.unchanged():
        await finish_sends(instance.service.context)

    assert rows.database.jobs() == []
