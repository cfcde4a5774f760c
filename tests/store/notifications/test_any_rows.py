"""Statements about notifications concern those that they name, and no other: rows have any combination of values."""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import product
from operator import attrgetter
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, select

from service.db.database import Store
from service.db.tables import Transaction, incidents, notifications
from service.model import Channel, News, Notification, NotificationState, WaitsFor
from service.store.deliveries import dead_causes
from service.store.incidents import reminders
from service.store.notifications import kept_back, summaries, told_news
from service.store.notifications import notifications as stored
from service.store.rows import to_notification
from tests.support.databases import Database
from tests.support.neighbor_rows import a_notification
from tests.support.random_rows import IDS, NOW, TIMES, WORDS, RandomRows

pytestmark = pytest.mark.databases("sqlite", "postgres")

PENDING, SENDING, SENT, DEAD, DISMISSED, DROPPED = NotificationState
RED = (News.BROKE, News.STILL_BROKEN)
HELD = (WaitsFor.HOURS, WaitsFor.SILENCE, WaitsFor.MUTE, WaitsFor.RERUN)
VALUES = {
    "state": (PENDING, PENDING, PENDING, SENDING, SENT, DEAD, DROPPED, DROPPED),
    "news": (*RED, News.FIXED, News.SUMMARY),
    "waits_for": (None, WaitsFor.DETAILS, WaitsFor.GROUP, *HELD),
    "attempts": (0, 0, 1),
    "channel_key": ("a", "b"),
    "server_lane": (None, None, "lane"),
    "track_id": (None, 1, 2),
    "topic": [f"topic {number}" for number in range(10_000)],
    "incident_id": (None, *IDS[:2]),
    "told_in": (None, *IDS),
    "reason": (None, "a", "b"),
}
COUNT = 400
LIKE = a_notification(channel_key="a", channel_label="a")
IN_LANE = a_notification(channel_key="a", channel_label="a", server_lane="lane")
SUMMARY = replace(LIKE, created_at=TIMES[1] + timedelta(days=31))

Is = Callable[[Notification], bool]
Found = Iterable[Notification | UUID]
OLDEST_FIRST = ("created_at", "id")


def is_untried(one: Notification) -> bool:
    return one.lane == one.channel_key == "a" and one.state is PENDING and not one.attempts and bool(one.event_id)


def is_due(one: Notification) -> bool:
    return one.next_attempt_at <= NOW


READ: dict[str, tuple[Callable[[Transaction], Found], Is, Sequence[str]]] = {
    "notifications of events": (lambda t: stored.of_events(t, IDS[:2]), lambda n: n.event_id in IDS[:2], ()),
    "notifications of topics": (
        lambda t: stored.of_topics(t, VALUES["topic"][:5000]),  # type: ignore[arg-type]  # reason: they are texts
        lambda n: n.topic in VALUES["topic"][:5000],
        (),
    ),
    "unfinished ones of tracks": (
        lambda t: stored.unfinished_of_tracks(t, [1]),
        lambda n: n.track_id == 1 and n.state in {PENDING, SENDING},
        OLDEST_FIRST,
    ),
    "waiting ones of some news": (
        lambda t: reminders.find_waiting(t, RED),
        lambda n: n.state is PENDING and n.news in RED,
        OLDEST_FIRST,
    ),
    "kept back and due": (
        lambda t: kept_back.find_due(t, "a", NOW),
        lambda n: (
            n.state is PENDING
            and n.channel_key == "a"
            and is_due(n)
            and not n.attempts
            and n.waits_for in {WaitsFor.HOURS, WaitsFor.SILENCE, WaitsFor.MUTE}
        ),
        OLDEST_FIRST,
    ),
    "of a quiet time": (
        lambda t: kept_back.of_quiet_time(t, SUMMARY, until=TIMES[3]),
        lambda n: (
            n.channel_label == n.channel_key == "a"
            and TIMES[1] <= n.created_at <= TIMES[3]
            and n.waits_for is WaitsFor.HOURS
            and n.event_id is not None
            and (n.next_attempt_at == TIMES[3] or (n.next_attempt_at > TIMES[3] and n.state is not DROPPED))
        ),
        OLDEST_FIRST,
    ),
    "to be grouped": (
        lambda t: summaries.find_held(t, LIKE, NOW),
        lambda n: is_untried(n) and (n.waits_for is WaitsFor.GROUP or (n.waits_for in HELD and is_due(n))),
        OLDEST_FIRST,
    ),
    "untried": (
        lambda t: summaries.find_untried(t, LIKE, NOW),
        lambda n: is_untried(n) and (n.waits_for not in HELD or is_due(n)),
        OLDEST_FIRST,
    ),
    "due of a channel": (
        lambda t: summaries.find_due(t, LIKE, NOW),
        lambda n: is_untried(n) and is_due(n),
        OLDEST_FIRST,
    ),
    "due of a channel in the lane of its server": (
        lambda t: summaries.find_due(t, IN_LANE, NOW),
        lambda n: is_untried(replace(n, server_lane=None)) and n.server_lane == "lane" and is_due(n),
        OLDEST_FIRST,
    ),
    "told by a message": (lambda t: summaries.members(t, IDS[0]), lambda n: n.told_in == IDS[0], OLDEST_FIRST),
    "dead": (
        lambda t: reversed(stored.find_dead(t, limit=COUNT)),
        lambda n: n.state is DEAD,
        ("next_attempt_at", "id"),
    ),
    "dead of a cause": (
        lambda t: dead_causes.find_ids(t, dead_causes.digest_of(("a", None)), limit=COUNT),
        lambda n: n.state is DEAD and n.channel_label == "a" and n.reason is None,
        ("next_attempt_at", "id"),
    ),
}
WRITE: dict[str, tuple[Callable[[Transaction, Collection[UUID]], Found | None], Is, dict[str, object]]] = {
    "drop": (
        lambda t, ids: stored.drop(t, ids, reason="x"),
        lambda n: is_chosen(n) and n.state is PENDING,
        {"state": DROPPED, "reason": "x"},
    ),
    "end the wait for details": (
        lambda t, ids: stored.release(t, ids, NOW),
        lambda n: is_chosen(n) and n.state is PENDING and not n.attempts and n.waits_for in {None, WaitsFor.DETAILS},
        {"next_attempt_at": NOW},
    ),
    "tell in a message": (
        lambda t, ids: summaries.tell_in(t, IDS[3], ids, reason="x"),
        lambda n: is_chosen(n) and n.state is PENDING,
        {"state": DROPPED, "told_in": IDS[3], "reason": "x"},
    ),
    "take out of a message that waits": (
        lambda t, _: summaries.take_out(t, list(filter(is_chosen, all_of(t))), reason="x"),
        lambda n: is_chosen(n) and n.told_in == IDS[0] and n.state is DROPPED,
        {"told_in": None, "reason": "x"},
    ),
    "end silences": (
        lambda t, _: kept_back.end_silences(t, NOW),
        lambda n: n.state is PENDING and n.waits_for is WaitsFor.SILENCE,
        {"next_attempt_at": NOW},
    ),
    "end mutes": (
        lambda t, _: kept_back.end_mutes(t, NOW),
        lambda n: (
            n.state is PENDING and n.waits_for is WaitsFor.MUTE and n.next_attempt_at > NOW and n.incident_id == IDS[1]
        ),
        {"next_attempt_at": NOW},
    ),
    "drop of ended incidents": (
        lambda t, _: kept_back.drop_of_ended(t, [IDS[0]], reason="x"),
        lambda n: (
            n.state is PENDING
            and n.incident_id == IDS[0]
            and not n.attempts
            and n.news in RED
            and n.waits_for is not None
        ),
        {"state": DROPPED, "reason": "x"},
    ),
    "note that a message is dead": (
        lambda t, _: summaries.note_dead(t, IDS[0]),
        lambda n: n.told_in == IDS[0] and n.state is DROPPED,
        {"reason": summaries.UNTOLD},
    ),
    "record that a message was accepted": (
        lambda t, _: summaries.record_told(t, IDS[0], NOW),
        lambda n: n.told_in == IDS[0] and n.state in {DROPPED, SENT},
        {"state": SENT, "reason": None, "sent_at": NOW},
    ),
}


def is_chosen(one: Notification) -> bool:
    return one.id.int % 2 == 0


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = Store(database.url)
    rows = RandomRows().rows(notifications, COUNT, **VALUES)
    distinct = {row["topic"]: row for row in rows}
    for row, message_id, state in zip(rows, IDS, (PENDING, SENDING, SENT, DEAD), strict=False):  # that tell others
        row |= {"id": message_id, "state": state, "told_in": None}

    def fill(transaction: Transaction) -> None:
        transaction.execute(insert(notifications), list(distinct.values()))
        muted = RandomRows().rows(incidents, 2, closed_because=[None], klass=[None])
        for incident_id, until, row in zip(IDS, (TIMES[3], NOW), muted, strict=False):
            transaction.execute(insert(incidents), row | {"id": incident_id, "muted_until": until})

    await store.write(fill)
    yield store
    await store.close()


def all_of(transaction: Transaction) -> list[Notification]:
    return [to_notification(row) for row in transaction.execute(select(notifications)).mappings()]


def ids_of(found: Found) -> list[UUID]:
    return [one.id if isinstance(one, Notification) else one for one in found]


async def test_reads_return_the_rows_that_are_meant_in_order(store: Store) -> None:
    there = await store.read(all_of)
    for name, (read, is_meant, order) in READ.items():
        meant = sorted(filter(is_meant, there), key=attrgetter(*order) if order else id)
        found = ids_of(await store.read(read))

        assert meant, name
        assert found == ids_of(meant) if order else sorted(found) == sorted(ids_of(meant)), name


async def test_last_notification_of_a_track_at_a_channel_is_the_newest_that_was_not_dropped(store: Store) -> None:
    there = await store.read(all_of)
    told = [one for one in there if one.news is not News.SUMMARY and one.state is not DROPPED]
    for track, key, label in product((1, 2), ("a", "b"), WORDS):
        channel = Channel(key=key, label=label, kind="json", url="")
        own = [one for one in told if (one.track_id, one.channel_key, one.channel_label) == (track, key, label)]

        assert await store.read(told_news.find_last, track, channel) == max(own, key=attrgetter(*OLDEST_FIRST))


async def test_due_of_a_channel_are_counted_up_to_a_limit(store: Store) -> None:
    in_lane = [one for one in await store.read(all_of) if one.lane == one.channel_key == "a" and one.state is PENDING]
    count = sum(map(is_due, in_lane))

    assert await store.read(partial(summaries.count_due, limit=COUNT), LIKE, NOW) == count
    assert await store.read(partial(summaries.count_due, limit=count - 1), LIKE, NOW) == count - 1


async def test_told_with_others_are_those_whose_message_was_sent(store: Store) -> None:
    there = await store.read(all_of)

    assert await store.read(summaries.count_told) == sum(one.told_in is not None and one.state is SENT for one in there)


async def test_untold_news_of_tracks_are_those_of_messages_that_are_not_finished(store: Store) -> None:
    there = {one.id: one for one in await store.read(all_of)}
    dropped = [one for one in there.values() if one.track_id == 1 and one.state is DROPPED]
    untold = [one for one in dropped if one.told_in in {IDS[0], IDS[1]}]

    found = await store.read(summaries.untold_of_tracks, [1])
    assert found == [(one, there[one.told_in]) for one in sorted(untold, key=attrgetter(*OLDEST_FIRST)) if one.told_in]


@pytest.mark.parametrize(("write", "is_meant", "new"), WRITE.values(), ids=WRITE)
async def test_write_changes_the_rows_that_are_meant_and_no_other(
    store: Store,
    write: Callable[[Transaction, Collection[UUID]], Found | None],
    is_meant: Is,
    new: dict[str, object],
) -> None:
    before = {one.id: one for one in await store.read(all_of)}

    changed = await store.write(write, [one.id for one in before.values() if is_chosen(one)])

    after = {one.id: one for one in await store.read(all_of)}
    meant = list(filter(is_meant, before.values()))
    assert meant
    assert changed is None or sorted(ids_of(changed)) == sorted(ids_of(meant))
    assert after == {key: replace(one, **_of(one, new)) if is_meant(one) else one for key, one in before.items()}


def _of(one: Notification, new: dict[str, object]) -> dict[str, Any]:
    """The new values; the time when it was first sent stays."""
    return new | ({"sent_at": one.sent_at} if one.was_sent else {})
