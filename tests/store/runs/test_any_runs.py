"""Statements about runs concern those that they name: runs, events, tracks and notifications of any combination."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from itertools import product
from operator import attrgetter
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Table, delete, insert

from service.db.database import Store
from service.db.tables import Transaction, details, events, incidents, notifications, runs, tracks
from service.model import Closing, Color, EventKind, Incident, News, NotificationState, Run, Track, Transition, Via
from service.store.incidents import outbreaks, red_rows, reminders, tellers
from service.store.runs import run_history, run_neighbors, track_runs
from service.store.runs import runs as stored_runs
from service.store.runs.project_tracks import ProjectKey
from tests.support.databases import Database
from tests.support.example_events import FAILED
from tests.support.random_rows import IDS, NOW, TIMES, RandomRows
from tests.support.random_tables import Row, rows_of

pytestmark = pytest.mark.databases("sqlite", "postgres")

COUNT, TRACKS = 240, 6
RED, GREEN, GREY = Color
OF_RED = {News.BROKE, News.STILL_BROKEN, News.REMINDER, News.ESCALATION}
GREEN_POINTS = {str(one) for one in stored_runs.GREEN_POINTS}

VALUES: dict[Table, dict[str, Any]] = {
    runs: {
        "track_id": range(1, TRACKS + 1),
        "color": [*Color],
        "transition": [*Transition],
        "incident_id": [None, *IDS],
        "setup_color": [None],
    },
    tracks: {
        "project_slug": ["gh/a/x", "gh/a/y"],
        "branch": ["main"],
        "posted_default": ["main", "dev"],
        "own_default": [None],
    },
    incidents: {
        "track_id": range(1, TRACKS + 1),
        "closed_because": [None, *Closing],
        "klass": [None],
        "merged_into": [None],
    },
    notifications: {
        "news": [News.BROKE, News.STILL_BROKEN, News.REMINDER, News.FIXED],
        "state": [NotificationState.SENT, NotificationState.PENDING],
        "route": ["r", "s"],
        "channel_key": ["a", "b"],
        "waits_for": [None],
        "incident_id": IDS,
    },
}


def fill(transaction: Transaction) -> None:
    """Put rows into the tables: each run has an event, and most have a notification."""
    source = RandomRows()
    of_events = source.rows(events, COUNT, kind=[*EventKind], via=[*Via], terms=[None])
    ids = [row["id"] for row in of_events]
    of_runs = source.rows(runs, COUNT, **VALUES[runs])
    of_tracks = source.rows(tracks, TRACKS, **VALUES[tracks])
    of_incidents = source.rows(incidents, 40, **VALUES[incidents])
    of_notifications = source.rows(notifications, 3 * COUNT, event_id=ids, **VALUES[notifications])
    for number, row in enumerate(of_events):
        row["place"] = number
    for row, event_id in zip(of_runs, ids, strict=True):
        row["event_id"] = event_id
    for row in of_tracks:
        color = GREEN if row["id"] == 1 else RED
        row |= {"digest": source.id(), "incident_id": IDS[row["id"] % len(IDS)], "color": color}
    for row, run in zip(of_incidents, of_runs, strict=False):
        row["last_red"] = run["id"]
    for row, incident_id in zip(of_incidents, IDS, strict=False):  # those of the tracks: one is closed
        row |= {"id": incident_id, "closed_because": Closing.GREEN if incident_id == IDS[2] else None}
    for number, row in enumerate(of_notifications):
        row["topic"] = str(number)
    of_details = [
        {"event_id": event_id, "rounds": 1, "body": {}, "has_tests": has}
        for event_id, has in zip(ids[: COUNT // 2], [True, False, None] * COUNT, strict=False)
    ]
    tables = (events, runs, tracks, incidents, notifications, details)
    for table, rows in zip(
        tables, (of_events, of_runs, of_tracks, of_incidents, of_notifications, of_details), strict=True
    ):
        transaction.execute(insert(table), rows)


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = Store(database.url)
    await store.write(fill)
    yield store
    await store.close()


async def runs_with_events(store: Store) -> list[tuple[Row, Row]]:
    """Return each run with its event."""
    by_id = {row.id: row for row in await store.read(rows_of, events)}
    return [(row, by_id[row.event_id]) for row in await store.read(rows_of, runs)]


def to_run(row: Row) -> Run:
    known = {name: value for name, value in vars(row).items() if name in Run.__dataclass_fields__}
    return Run(**known | {"color": Color(row.color), "transition": Transition(row.transition)})


async def test_greens_of_tracks_are_those_since_a_time_newest_first(store: Store) -> None:
    meant = [
        (one.id, event.revision)
        for one, event in await runs_with_events(store)
        if one.track_id in {1, 2} and one.color == GREEN and one.stopped_at >= NOW
    ]

    found = await store.read(run_history.greens_of, [1, 2], since=NOW)
    assert sorted((row["id"], str(row["revision"])) for row in found) == sorted((one, str(at)) for one, at in meant)
    assert [row["stopped_at"] for row in found] == sorted((row["stopped_at"] for row in found), reverse=True)


@pytest.mark.parametrize("is_queued", [False, True])
async def test_timed_greens_are_those_before_a_run_with_a_duration(store: Store, *, is_queued: bool) -> None:
    pairs = await runs_with_events(store)
    own = to_run(next(one for one, _ in pairs if one.track_id == 1 and one.color == GREEN and one.stopped_at == NOW))
    took = {
        one.id: event.duration_ms - (event.queue_ms if is_queued else 0)
        for one, event in pairs
        if one.track_id == 1 and one.color == GREEN and one.stopped_at <= NOW and one.id != own.id
        if event.duration_ms is not None and not (is_queued and event.queue_ms is None)
    }

    read = run_history.run_times if is_queued else run_history.timed_greens
    assert took
    assert dict(await store.read(read, 1, before=own)) == took


async def test_share_of_reds_with_tests_is_of_each_track_since_a_time(store: Store) -> None:
    known = {row.event_id: row.has_tests for row in await store.read(rows_of, details)}
    reds = [one for one in await store.read(rows_of, runs) if one.color == RED and one.stopped_at >= NOW]
    all_of, tested = (
        Counter(one.track_id for one in reds),
        Counter(one.track_id for one in reds if known.get(one.event_id)),
    )

    found = await store.read(red_rows.coverage_by_track, since=NOW)
    assert {track: (one.red_runs, one.known) for track, one in found.items()} == {
        track: (count, tested[track]) for track, count in all_of.items()
    }


async def test_route_that_told_a_channel_of_an_incident_is_the_last_of_its_red_runs(store: Store) -> None:
    there = await store.read(rows_of, runs)
    said = [row for row in await store.read(rows_of, notifications) if row.news in OF_RED and row.channel_key == "a"]
    said.sort(key=lambda row: (row.created_at, row.id))
    for track in range(1, TRACKS + 1):
        of_last = [row for row in there if row.track_id == track and row.pipeline_number == 2]
        opened = of_last[0].id
        incident = Incident(id=IDS[0], track_id=track, opened_at=NOW, opened_by=opened, last_red=opened, streak=1)
        red = {row.event_id for row in of_last if row.color == RED}
        last = [(row.route, row.receiver) for row in said if row.event_id in red][-1:]

        found = await store.read(tellers.find, incident, ["a"])
        assert {key: (one.route, one.receiver) for key, one in found.items()} == dict(zip("a", last, strict=False))


async def test_open_incidents_are_told_of_by_the_first_message_of_each_route_and_channel(store: Store) -> None:
    there = await store.read(rows_of, incidents)
    open_ = {row.id for row in there if row.closed_because is None}
    of_tracks = [row for row in await store.read(rows_of, tracks) if row.color == RED and row.incident_id in open_]
    reds = [row for row in await store.read(rows_of, runs) if row.color == RED]
    said = [
        row
        for row in await store.read(rows_of, notifications)
        if row.news in {News.BROKE, News.STILL_BROKEN} and row.sent_at is not None and row.route == "r"
    ]
    first: dict[Any, Any] = {}
    for track, red, told in product(of_tracks, reds, said):
        is_of_it = track.incident_id in {told.incident_id, red.incident_id}
        if red.track_id == track.id and told.event_id == red.event_id and is_of_it:
            key = (track.incident_id, told.channel_key)
            first[key] = min(told.sent_at, first.get(key, told.sent_at))

    found = await store.read(reminders.find_told, ["r"])
    assert first
    assert {(one.incident.id, one.channel_key): one.told_at for one in found} == first
    places = [(one.incident.id, one.told_at, one.channel_key) for one in found]
    assert places == sorted(places)


async def test_last_reds_of_incidents_are_of_these_incidents(store: Store) -> None:
    there = await store.read(rows_of, incidents)
    of_runs = {row.id: row.event_id for row in await store.read(rows_of, runs)}

    found = await store.read(outbreaks.events_of_last_reds, [row.id for row in there[:9]])
    assert found == {row.id: of_runs[row.last_red] for row in there[:9]}


async def test_runs_before_and_after_one_are_its_neighbors_on_the_track(store: Store) -> None:
    track = sorted(
        (
            to_run(row)
            for row in await store.read(rows_of, runs)
            if row.track_id == 1 and row.pipeline_number is not None
        ),
        key=lambda one: one.place,
    )
    for place in (0, len(track) // 2, len(track) - 1):
        before, after = await store.read(run_neighbors.before_and_after, track[place])

        assert (before.id if before else None) == (track[place - 1].id if place else None)
        assert (after.id if after else None) == (track[place + 1].id if place + 1 < len(track) else None)


async def test_runs_of_a_number_are_those_of_the_project_newest_first(store: Store) -> None:
    of_project = {row.id for row in await store.read(rows_of, tracks) if row.project_slug == "gh/a/x"}
    meant = [row for row in await store.read(rows_of, runs) if row.track_id in of_project and row.pipeline_number == 2]
    meant.sort(key=lambda row: row.id)
    meant.sort(key=lambda row: row.stopped_at, reverse=True)

    found = await store.read(run_neighbors.of_number, ProjectKey(slug="gh/a/x", name=None), 2)
    assert [one.id for one in found] == [row.id for row in meant][:50]


@pytest.mark.parametrize("is_ordered", [True, False])
async def test_last_runs_of_a_track_are_in_its_order(store: Store, *, is_ordered: bool) -> None:
    meant = [row for row in await store.read(rows_of, runs) if row.track_id == 1]
    if is_ordered:
        meant = [row for row in meant if row.pipeline_number is not None]
    meant.sort(
        key=lambda row: (row.pipeline_number, row.created_at, row.id) if is_ordered else (row.stopped_at, row.id)
    )

    found = await store.read(track_runs.latest, 1, is_ordered=is_ordered)
    assert [one.id for one in found] == [row.id for row in meant]


async def test_reds_of_a_track_since_a_time_are_those_that_a_run_ended_or_that_last(store: Store) -> None:
    meant = [
        row
        for row in await store.read(rows_of, incidents)
        if row.track_id == 1 and row.opened_at >= TIMES[1] and row.closed_because != Closing.EXPIRED
    ]

    found = await store.read(track_runs.reds_since, 1, TIMES[1])
    assert meant
    assert sorted(one.id for one in found) == sorted(row.id for row in meant)
    assert [one.opened_at for one in found] == sorted((one.opened_at for one in found), reverse=True)


async def test_pipelines_and_incidents_of_a_track_have_its_runs_and_no_others(store: Store) -> None:
    its = [row for row in await store.read(rows_of, runs) if row.track_id == 1]
    numbered = [row for row in its if row.pipeline_number is not None]

    assert await ids(store, stored_runs.between, 1, None, None) == ids_of(numbered)
    assert await ids(store, stored_runs.between, 1, 1, 1) == ids_of(row for row in numbered if row.pipeline_number == 1)
    assert await ids(store, stored_runs.of_pipelines, 1, [0, 2]) == ids_of(
        row for row in numbered if row.pipeline_number in {0, 2}
    )
    assert await ids(store, stored_runs.of_incident, 1, IDS[0]) == ids_of(
        row for row in its if row.incident_id == IDS[0]
    )


async def test_nearest_green_and_the_newest_colored_pipeline_are_those_of_the_track(store: Store) -> None:
    its = [row for row in await store.read(rows_of, runs) if row.track_id == 1 and row.pipeline_number is not None]
    left = [row for row in its if row.pipeline_number != 2 or row.transition not in GREEN_POINTS]
    greens = [row.pipeline_number for row in left if row.transition in GREEN_POINTS]
    await store.write(
        lambda t: t.execute(delete(runs).where(runs.c.id.in_([row.id for row in its if row not in left])))
    )

    assert await store.read(stored_runs.green_before, 1, 2) == max(one for one in greens if one < 2)
    assert await store.read(stored_runs.green_after, 1, 0) == min(one for one in greens if one > 0)
    assert await store.read(stored_runs.green_after, 1, 1) is None
    but = [row.id for row in left if row.pipeline_number == 2]
    assert await store.read(stored_runs.newest_colored, 1, but=but) == max(
        row.pipeline_number for row in left if row.color != GREY and row.id not in but
    )


async def test_red_before_a_run_is_the_last_of_its_incident_that_stands_before_it(store: Store) -> None:
    there = [to_run(row) for row in await store.read(rows_of, runs)]
    meant: dict[UUID, Run | None] = {}
    for own in there:
        its = [one for one in there if (one.track_id, one.incident_id) == (own.track_id, own.incident_id)]
        reds = [one for one in its if one.color is RED and one.pipeline_number is not None and one.place < own.place]
        is_placed = own.incident_id is not None and own.pipeline_number is not None
        meant[own.id] = max(reds, key=attrgetter("place"), default=None) if is_placed else None

    assert any(meant.values())
    assert meant == await store.read(
        lambda t: {own.id: stored_runs.red_before(t, own.state(None, None)) for own in there}
    )


async def test_history_until_a_run_has_its_track_up_to_it_in_order_with_revisions(store: Store) -> None:
    pairs = [(to_run(row), event.revision) for row, event in await runs_with_events(store)]
    placed = sorted((one for one in pairs if one[0].pipeline_number is not None), key=lambda one: one[0].place)
    for own, _ in placed[:: len(placed) // 9]:
        meant = [
            (one.id, revision) for one, revision in placed if one.track_id == own.track_id and one.place <= own.place
        ]
        found = await store.read(run_history.until, own)

        assert [(one.run_id, one.revision) for one in found] == meant


async def test_event_has_its_run_with_its_track_and_the_start_of_its_incident(store: Store) -> None:
    of_incidents = {row.id: row.opened_at for row in await store.read(rows_of, incidents)}
    names = Track.__dataclass_fields__
    of_tracks = {
        row.id: Track(**{name: value for name, value in vars(row).items() if name in names})
        for row in await store.read(rows_of, tracks)
    }
    there = [to_run(row) for row in await store.read(rows_of, runs)]
    ids_of_runs = [*(one.id for one in there), UUID(int=0)]
    posted = [replace(FAILED, id=one, workflow=replace(FAILED.workflow, id=str(one))) for one in ids_of_runs]

    *found, unknown = await store.read(stored_runs.with_runs, posted)
    assert unknown == posted[-1]
    assert {event.run.is_of_default_branch for event in found if event.run} == {True, False}
    assert [event.run for event in found] == [
        one.state(of_incidents[one.incident_id] if one.incident_id else None, of_tracks[one.track_id]) for one in there
    ]


async def ids(store: Store, read: Callable[..., Iterable[Run]], *asked: object) -> list[UUID]:
    return ids_of(await store.read(read, *asked))


def ids_of(rows: Iterable[Any]) -> list[UUID]:
    """Sorted, and not empty: a statement that finds nothing would pass."""
    found = sorted(row.id for row in rows)
    assert found
    return found
