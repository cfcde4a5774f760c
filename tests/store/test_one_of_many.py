"""Statements about one row find and change that one among others, and say so where it is gone."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert

from service.db.database import Store
from service.db.tables import Transaction, holds, incidents, notifications, silences, tracks
from service.errors import NotFound
from service.model import News, NotificationState
from service.store.circleci import holds as stored_holds
from service.store.cursors import SortKey
from service.store.incidents import outbreaks
from service.store.incidents import silences as stored_silences
from tests.support.databases import Database
from tests.support.neighbor_rows import a_notification
from tests.support.random_rows import NOW, TIMES, RandomRows
from tests.support.random_tables import fill, rows_of

pytestmark = pytest.mark.databases("sqlite", "postgres")


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = Store(database.url)
    await store.write(fill)
    yield store
    await store.close()


async def test_hold_is_found_and_ended_once_and_alone(store: Store) -> None:
    before = await store.read(rows_of, holds)
    waiting = next(row for row in before if row.ended_at is None)
    ended = next(row for row in before if row.ended_at is not None)
    for row in (waiting, ended):
        hold = await store.read(stored_holds.get, row.job_id)
        assert hold is not None
        assert hold.job_id == row.job_id
        await store.write(stored_holds.end, replace(hold, ended_at=TIMES[4], ended_as="approved", approved_by="ada"))

    changed = [row for row in await store.read(rows_of, holds) if row not in before]
    assert [(row.job_id, row.ended_at, row.approved_by) for row in changed] == [(waiting.job_id, TIMES[4], "ada")]
    assert await store.read(stored_holds.known, [waiting.job_id, "another"]) == {waiting.job_id}
    assert await store.read(stored_holds.get, "another") is None


async def test_silence_is_found_and_expired_alone_unless_it_has_ended(store: Store) -> None:
    before = await store.read(rows_of, silences)
    for row in (next(one for one in before if one.ends_at > NOW), next(one for one in before if one.ends_at <= NOW)):
        there = await store.read(rows_of, silences)
        assert (await store.read(stored_silences.find, row.id)).ends_at == row.ends_at
        assert await store.write(stored_silences.expire, row.id, NOW, who="ada") is (row.ends_at > NOW)

        changed = [one.id for one in await store.read(rows_of, silences) if one not in there]
        assert changed == ([row.id] if row.ends_at > NOW else [])
    with pytest.raises(NotFound):
        await store.read(stored_silences.find, UUID(int=0))


async def test_list_of_silences_goes_on_where_it_stopped(store: Store) -> None:
    whole = await store.read(stored_silences.expired, NOW, limit=99)
    last = SortKey(at=whole[4].ends_at, id=whole[4].id)

    assert await store.read(stored_silences.expired, NOW, limit=5) == whole[:5]
    assert await store.read(stored_silences.expired, NOW, limit=99, beyond=last) == whole[5:]


async def test_opened_incident_is_of_the_id_of_its_project_or_else_its_slug(store: Store) -> None:
    of_tracks = {row.id: row.project_id or row.project_slug or "" for row in await store.read(rows_of, tracks)}
    of_incidents = {row.id: of_tracks[row.track_id] for row in await store.read(rows_of, incidents)}

    found = await store.read(outbreaks.opened_between, TIMES[0], TIMES[4])
    assert {one.id: one.project for one in found} == {one.id: of_incidents[one.id] for one in found}


async def test_last_message_of_a_cause_is_a_summary_of_its_channel_that_was_not_dropped(store: Store) -> None:
    summary = a_notification(
        NotificationState.SENT, news=News.SUMMARY, topic="cause:1", channel_key="a", channel_label="a"
    )
    others: list[dict[str, Any]] = [
        {"news": News.BROKE},
        {"state": NotificationState.DROPPED},
        {"channel_key": "b"},
        {"channel_label": "b"},
        {"topic": "another:1"},
        {"created_at": summary.created_at - timedelta(hours=1)},
    ]
    rows = [replace(summary, id=RandomRows(number).id(), topic=f"cause:{number + 2}") for number in range(len(others))]
    after = summary.created_at + timedelta(minutes=1)
    later = [replace(row, **{"created_at": after, **change}) for row, change in zip(rows, others, strict=True)]

    def write(transaction: Transaction) -> None:
        transaction.execute(insert(notifications), [vars(one) for one in [summary, *later]])

    await store.write(write)

    found = await store.read(outbreaks.last_message, summary, ["cause:"], summary.created_at)
    assert found == summary
