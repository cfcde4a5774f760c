"""Living messages as rows: known after a restart, and unsure from the begin of an attempt to its outcome."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from service.model import Color, Incident, LivingMessage, News, Notification, NotificationState
from service.store.notifications import living_messages
from tests.support.app_fixture import NINE, Instance

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

pytestmark = pytest.mark.databases("sqlite", "postgres")


async def begin(instance: Instance) -> LivingMessage:
    return await instance.service.context.store.write(living_messages.begin, BROKE, instance.clock())


async def test_attempt_sees_the_message_as_it_was_before(instance: Instance) -> None:
    first = await begin(instance)
    instance.clock.tick(minutes=1)
    second = await begin(instance)
    instance.clock.tick(minutes=1)

    assert (first, second, await begin(instance)) == (NEVER, *[replace(NEVER, unsure_since=NINE)] * 2)


async def test_posted_message_is_known_and_sure(instance: Instance) -> None:
    living = replace(await begin(instance), color=Color.RED, slack_channel="C1", ts="1.2")

    await instance.service.context.store.write(living_messages.record, living)

    assert await begin(instance) == living
    [kept] = await instance.service.context.store.read(living_messages.find, INCIDENT)
    assert (kept.ts, kept.unsure_since) == ("1.2", NINE)


async def test_attempt_that_surely_posted_nothing_leaves_it_as_it_was(instance: Instance) -> None:
    await instance.service.context.store.write(living_messages.settle, await begin(instance))

    assert await begin(instance) == NEVER


async def test_earlier_doubt_outlives_a_sure_refusal(instance: Instance) -> None:
    await begin(instance)
    await instance.service.context.store.write(living_messages.settle, await begin(instance))

    assert (await begin(instance)).unsure_since == NINE


async def posted(instance: Instance, incident_id: UUID, channel_key: str = "k") -> LivingMessage:
    """The message of an incident, posted and sure."""
    store, news = instance.service.context.store, replace(BROKE, incident_id=incident_id, channel_key=channel_key)
    begun = await store.write(living_messages.begin, news, instance.clock())
    living = replace(begun, color=Color.RED, slack_channel="C1", ts="1.2")
    await store.write(living_messages.record, living)
    return living


def merged(older: UUID, younger: UUID) -> Incident:
    return Incident(
        id=older, track_id=1, opened_at=NINE, opened_by=older, last_red=older, streak=1, merged_into=younger
    )


async def test_message_of_an_incident_that_became_part_of_another_is_the_others(instance: Instance) -> None:
    store, younger = instance.service.context.store, UUID(int=9)
    await posted(instance, INCIDENT)

    await store.write(living_messages.follow, [merged(INCIDENT, younger)], NINE)

    [moved] = await store.read(living_messages.find, younger)
    assert (moved.ts, await store.read(living_messages.find, INCIDENT)) == ("1.2", [])


async def test_incidents_that_become_one_keep_their_messages_and_both_are_edited(instance: Instance) -> None:
    store, younger = instance.service.context.store, UUID(int=9)
    older = [await posted(instance, INCIDENT), await posted(instance, younger)]

    await store.write(living_messages.follow, [merged(INCIDENT, younger)], NINE)

    claimed = await store.write(living_messages.claim_edits, NINE, NINE + timedelta(minutes=5), 10)
    assert {one.incident_id for one in claimed} == {one.incident_id for one in older}
    assert await store.write(living_messages.claim_edits, NINE, NINE + timedelta(minutes=5), 10) == []
