"""A message to a channel that a worker does not know is left to others for a time, and no attempt is counted."""

from datetime import datetime, timedelta

import pytest

from service.errors import Permanent, Temporary
from service.model import Notification, NotificationState, Process, Role
from service.pipeline.sending.unknown_channels import (
    SENDER_ALIVE_WITHIN,
    leave_to_other_workers,
    retry_if_others_differ,
)
from service.store.notifications import notifications
from service.store.upkeep import heartbeats
from tests.support.app_fixture import NINE, Instance
from tests.support.neighbor_rows import NeighborRows

pytestmark = pytest.mark.databases("sqlite", "postgres")

PENDING, SENDING, SENT, DEAD, DISMISSED, DROPPED = NotificationState
REFUSED = Permanent("web (json) refused our token")
REFUSED.was_not_taken = True


@pytest.fixture
async def neighbors(instance: Instance) -> NeighborRows:
    neighbors = NeighborRows(store=instance.service.context.store, database=instance.database)
    await neighbors.fill()
    return neighbors


async def leave(instance: Instance, notification: Notification) -> bool:
    context = instance.service.context
    return await context.store.write(leave_to_other_workers, context, notification)


async def current(instance: Instance, notification: Notification) -> Notification:
    return await instance.service.context.store.read(notifications.find, notification.id)


def at(seconds: float) -> datetime:
    return NINE + timedelta(seconds=seconds)


async def test_message_is_put_off_in_pauses_until_its_time_is_over(instance: Instance, neighbors: NeighborRows) -> None:
    subject = await neighbors.notification(next_attempt_at=NINE, give_up_at=at(3600))
    left = []
    for seconds in (0, 899, 900):
        instance.clock.now = at(seconds)
        with neighbors.unchanged(subject):
            left.append((await leave(instance, subject), (await current(instance, subject)).next_attempt_at))

    assert left == [(True, at(30)), (True, at(929)), (False, at(929))]
    found = await current(instance, subject)
    where = "is not in this worker's" if instance.service.context.store.is_shared else "is no longer in"
    assert found.reason is not None
    assert found.reason.startswith(f"web (json) {where} roundsman.yaml")
    assert "it waits until 09:45:00 UTC" in found.reason
    assert (found.state, found.attempts) == (PENDING, 2)


async def test_interrupted_message_is_put_off_too(instance: Instance, neighbors: NeighborRows) -> None:
    subject = await neighbors.notification(SENDING)

    assert await leave(instance, subject)

    found = await current(instance, subject)
    assert (found.state, found.next_attempt_at) == (PENDING, at(30))
    [*_, last] = await instance.service.context.store.read(notifications.attempts_of, [subject.id])
    assert (last.outcome, last.ended_at) == ("interrupted", NINE)


@pytest.mark.parametrize("state", [SENT, DEAD, DISMISSED, DROPPED])
async def test_message_that_is_no_longer_to_be_sent_stays_as_it_is(
    instance: Instance, neighbors: NeighborRows, state: NotificationState
) -> None:
    subject = await neighbors.notification(state)

    with neighbors.unchanged():
        assert await leave(instance, subject)


@pytest.mark.parametrize(
    ("role", "channels", "since_s", "differs"),
    [
        (Role.WORKER, "others", 0, True),
        (Role.WORKER, None, 0, False),
        (Role.WEB, "others", 0, False),
        (Role.WORKER, "others", 1, False),
    ],
)
async def test_refusal_is_tried_again_only_while_another_sender_has_other_channels(
    instance: Instance, role: Role, channels: str | None, since_s: int, *, differs: bool
) -> None:
    context = instance.service.context
    process = Process(role=role, channels=channels or context.channels)
    beat_at = instance.clock() - SENDER_ALIVE_WITHIN - timedelta(seconds=since_s)
    await context.store.write(heartbeats.beat, process, beat_at)

    error = await retry_if_others_differ(context, REFUSED)

    if not (context.store.is_shared and differs):
        assert error is REFUSED
        return
    assert isinstance(error, Temporary)
    assert error.was_not_taken
    assert str(error).startswith(f"{REFUSED}; a worker that has another roundsman.yaml")
