"""Living messages as rows: known after a restart, and unsure from the begin of an attempt to its outcome."""

from dataclasses import replace
from uuid import UUID

import pytest

from service.model import Color, LivingMessage, News, Notification, NotificationState
from service.store import living_messages
from tests.app_fixture import NINE, House

INCIDENT = UUID(int=7)
BROKE = Notification(
    id=UUID(int=1),
    event_id=UUID(int=2),
    topic="t",
    route="r",
    receiver="web",
    channel_key="k",
    channel_label="web (#web)",
    channel_kind="slack-bot",
    state=NotificationState.SENDING,
    attempts=1,
    created_at=NINE,
    next_attempt_at=NINE,
    give_up_at=NINE,
    news=News.BROKE,
    incident_id=INCIDENT,
)
NEVER = LivingMessage(incident_id=INCIDENT, channel_key="k")

pytestmark = pytest.mark.databases("sqlite", "postgres", long_on=["postgres"])


async def begin(house: House) -> LivingMessage:
    return await house.service.context.store.write(living_messages.begin, BROKE, house.clock())


async def test_attempt_sees_the_message_as_it_was_before(house: House) -> None:
    first = await begin(house)
    house.clock.tick(minutes=1)
    second = await begin(house)
    house.clock.tick(minutes=1)

    assert (first, second, await begin(house)) == (NEVER, *[replace(NEVER, unsure_since=NINE)] * 2)


async def test_posted_message_is_known_and_sure(house: House) -> None:
    living = replace(await begin(house), color=Color.RED, slack_channel="C1", ts="1.2")

    await house.service.context.store.write(living_messages.record, living)

    assert await begin(house) == living
    [kept] = await house.service.context.store.read(living_messages.find, INCIDENT)
    assert (kept.ts, kept.unsure_since) == ("1.2", NINE)


async def test_attempt_that_surely_posted_nothing_leaves_it_as_it_was(house: House) -> None:
    await house.service.context.store.write(living_messages.settle, await begin(house))

    assert await begin(house) == NEVER


async def test_earlier_doubt_outlives_a_sure_refusal(house: House) -> None:
    await begin(house)
    await house.service.context.store.write(living_messages.settle, await begin(house))

    assert (await begin(house)).unsure_since == NINE
