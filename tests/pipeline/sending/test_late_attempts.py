"""The time by which an attempt was late is no fault of the channel: it counts neither for nor against its hour."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from service.errors import Temporary
from service.model import FetchPurpose
from service.store.notifications import notifications
from tests.support.app_fixture import RED, Instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

AWAY = Temporary("web (json) answered 503")
LATE_BY = timedelta(minutes=20)
RETRY_AFTER_S = 5


async def give_up_at(instance: Instance) -> datetime:
    """Return the time after which the only notification is tried no more."""
    [(notification_id,)] = instance.rows("SELECT id FROM notifications")
    found = await instance.service.context.store.read(notifications.find, UUID(str(notification_id)))
    return found.give_up_at


async def due(instance: Instance) -> datetime:
    """Have one message due, of a channel that is away; return the time after which it is tried no more."""
    instance.channels.plan["web (json)"] = [AWAY] * 3
    delivery = await instance.finish(RED)
    await instance.process()
    await instance.fetch(delivery, FetchPurpose.MESSAGE)
    return await give_up_at(instance)


@pytest.mark.parametrize("late_by", [timedelta(), LATE_BY], ids=["in-time", "late"])
async def test_first_attempt_begins_the_hour_of_its_channel(instance: Instance, late_by: timedelta) -> None:
    before = await due(instance)

    await instance.drain(seconds=late_by.total_seconds())

    assert await give_up_at(instance) - before == late_by
    assert len(instance.channels.tried) == 1


@pytest.mark.parametrize("late_by", [timedelta(), LATE_BY, timedelta(hours=2)], ids=["in-time", "late", "beyond-it"])
async def test_late_retry_extends_the_hour_by_as_much(instance: Instance, late_by: timedelta) -> None:
    before = await due(instance)
    await instance.drain()

    await instance.drain(seconds=RETRY_AFTER_S + late_by.total_seconds())

    assert await give_up_at(instance) - before == late_by
    assert instance.rows("SELECT state FROM notifications") == [("pending",)]
    assert len(instance.channels.tried) == 2
