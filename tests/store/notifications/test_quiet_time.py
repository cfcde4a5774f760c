"""The news of one summary: those that waited for the same hours, and none that is like them but for one thing."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from service.db.database import Store
from service.model import Notification, NotificationState, WaitsFor
from service.store.notifications import kept_back, notifications
from tests.support.app_fixture import NINE
from tests.support.databases import Database
from tests.support.neighbor_rows import a_notification

pytestmark = pytest.mark.databases("sqlite", "postgres")

UNTIL = NINE
SECOND = timedelta(seconds=1)
SUMMARY = a_notification(channel_label="web (json)", channel_key="k", created_at=UNTIL - timedelta(hours=8))
OLDEST = SUMMARY.created_at - timedelta(days=31)
ALIKE: list[dict[str, Any]] = [
    {"created_at": OLDEST},
    {"created_at": UNTIL - SECOND, "next_attempt_at": UNTIL + SECOND},
    {"created_at": UNTIL - SECOND, "state": NotificationState.SENT},
    {"created_at": UNTIL, "state": NotificationState.DROPPED},
]
UNLIKE: list[dict[str, Any]] = [
    {"channel_label": "ops (json)"},
    {"channel_key": "another"},
    {"created_at": OLDEST - SECOND},
    {"created_at": UNTIL + SECOND},
    {"waits_for": WaitsFor.SILENCE},
    {"waits_for": None},
    {"event_id": None},
    {"next_attempt_at": UNTIL - SECOND},
    {"state": NotificationState.DROPPED, "next_attempt_at": UNTIL + SECOND},
]


def waiting(facts: dict[str, Any]) -> Notification:
    usual: dict[str, Any] = {
        "created_at": UNTIL - timedelta(hours=1),
        "next_attempt_at": UNTIL,
        "waits_for": WaitsFor.HOURS,
    }
    return a_notification(**(usual | facts))


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = Store(database.url)
    yield store
    await store.close()


async def test_a_summary_has_the_news_of_its_hours_in_their_order(store: Store) -> None:
    own = [waiting(facts) for facts in ALIKE]
    twins = sorted(own[1:3], key=lambda one: one.id)
    await store.write(notifications.insert_or_get, [*reversed(own), *map(waiting, UNLIKE)])

    found = await store.read(kept_back.of_quiet_time, SUMMARY, until=UNTIL)

    assert [one.id for one in found] == [one.id for one in (own[0], *twins, own[3])]
