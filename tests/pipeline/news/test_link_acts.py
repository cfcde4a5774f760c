"""Links that act: in the message of news, in one of several, and in an edit, as long as those that were sent."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from service.message.blocks import plain_text
from service.model import Event, Message, Notification, NotificationState
from service.pipeline.news.link_acts import MAX_LINKED, with_act_links, with_joint_links, with_links_of_sent
from tests.support.app_fixture import NINE, RED_TO_WEB, Instance, an_instance
from tests.support.example_events import FAILED
from tests.support.neighbor_rows import NeighborRows, a_notification

pytestmark = pytest.mark.databases("sqlite", "postgres")

PENDING, SENDING, SENT, DEAD, DISMISSED, DROPPED = NotificationState
LINKING = RED_TO_WEB.replace("receiver: web", "receiver: web\n    act_links: 12h")
MESSAGE = Message(title="t", text="w", markdown="", html="", severity="failure")
EVENT = replace(FAILED, workflow=replace(FAILED.workflow, id=str(UUID(int=7))))
GREEN = replace(EVENT, status="success")
TOLD = a_notification(SENT, route="red", event_id=EVENT.id, sent_at=NINE)
TWELVE_HOURS = 12 * 3600


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, LINKING, ROUNDSMAN_PUBLIC_URL="https://ci.example.com") as instance:
        yield instance


@pytest.fixture
async def without_links(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, LINKING) as instance:
        yield instance


def joint(instance: Instance, *told: tuple[Notification, Event]) -> list[str]:
    message = with_joint_links(instance.service.context, told, MESSAGE)
    return [plain_text(one.words) for one in message.buttons]


@pytest.mark.parametrize(
    ("route", "event", "count"),
    [("red", EVENT, 1), ("red", GREEN, 0), ("gone", EVENT, 0)],
    ids=["red", "green", "gone"],
)
def test_message_has_a_link_where_its_route_and_its_event_ask_for_one(
    instance: Instance, route: str, event: Event, count: int
) -> None:
    message = with_act_links(instance.service.context, replace(TOLD, route=route), event, MESSAGE)

    assert len(message.buttons) == count


def test_message_of_several_news_has_links_of_the_first_that_ask_for_one(instance: Instance) -> None:
    news = [(a_notification(SENT, route="red"), replace(EVENT, branch=f"b{number}")) for number in range(9)]
    gone, green = (a_notification(SENT, route="gone"), EVENT), (a_notification(SENT, route="red"), GREEN)

    assert joint(instance, gone, green) == []
    labels = joint(instance, gone, green, *news)
    assert [label.split()[-2:] for label in labels] == [[f"b{number}", "build"] for number in range(MAX_LINKED)]


async def edited(instance: Instance, *sent: Notification, channel_key: str = "k") -> Message:
    context = instance.service.context
    await NeighborRows(store=context.store, database=instance.database).insert(*sent)
    return await context.store.read(with_links_of_sent, context, MESSAGE, event=EVENT, channel_key=channel_key)


@pytest.mark.parametrize("state", [PENDING, SENDING, DEAD, DISMISSED, DROPPED])
async def test_edit_has_the_link_that_was_sent_and_none_of_another_state(
    instance: Instance, state: NotificationState
) -> None:
    others = a_notification(state, route="red", event_id=EVENT.id, sent_at=NINE)

    assert (await edited(instance, others)).buttons == ()
    sent = await edited(instance, TOLD)
    assert sent.buttons == with_act_links(instance.service.context, TOLD, EVENT, MESSAGE).buttons


async def test_edit_has_no_link_that_another_channel_or_no_message_has(instance: Instance) -> None:
    unsent = replace(TOLD, sent_at=None)

    assert (await edited(instance, unsent)).buttons == ()
    assert (await edited(instance, a_notification(SENT, event_id=EVENT.id, route="red", sent_at=NINE))).buttons
    assert (await edited(instance, channel_key="another")).buttons == ()


@pytest.mark.parametrize(("seconds", "count"), [(TWELVE_HOURS - 1, 1), (TWELVE_HOURS, 0)])
async def test_edit_has_a_link_no_longer_than_what_was_sent(instance: Instance, seconds: int, count: int) -> None:
    instance.clock.now = NINE + timedelta(seconds=seconds)

    assert len((await edited(instance, TOLD)).buttons) == count


async def test_without_an_address_of_ours_there_are_no_links(without_links: Instance) -> None:
    context = without_links.service.context

    assert with_act_links(context, TOLD, EVENT, MESSAGE) is MESSAGE
    assert with_joint_links(context, [(TOLD, EVENT)], MESSAGE) is MESSAGE
    assert await edited(without_links, TOLD) is MESSAGE
