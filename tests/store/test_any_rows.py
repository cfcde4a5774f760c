"""Statements concern the rows that they name, and no other: rows have any combination of values."""

from collections.abc import AsyncIterator, Callable, Collection, Iterable
from typing import Any

import pytest
from sqlalchemy import Table

from service.db.database import Store
from service.db.tables import (
    Transaction,
    actions,
    alarms,
    fetches,
    heartbeats,
    holds,
    incidents,
    insights,
    sessions,
    silences,
    spans,
    told,
    tracks,
)
from service.model import Color, FetchPurpose, Role
from service.model.spans import SpanLevel
from service.store.audit import actions as stored_actions
from service.store.circleci import holds as stored_holds
from service.store.circleci import insights as stored_insights
from service.store.circleci import project_questions
from service.store.circleci import spans as stored_spans
from service.store.events import fetches as stored_fetches
from service.store.incidents import incident_search, outbreaks
from service.store.incidents import silences as stored_silences
from service.store.notifications import told as stored_told
from service.store.people import sessions as stored_sessions
from service.store.reports import health_rows
from service.store.runs import project_tracks, track_search
from service.store.runs import tracks as stored_tracks
from service.store.runs.project_tracks import ProjectKey
from service.store.upkeep import alarms as stored_alarms
from service.store.upkeep import heartbeats as stored_heartbeats
from tests.support.databases import Database
from tests.support.random_rows import IDS, NOW, TIMES
from tests.support.random_tables import Row, fill, key_of, keys_of, rows_of

pytestmark = pytest.mark.databases("sqlite", "postgres")

Is = Callable[[Row], bool]
PROJECT = ProjectKey(slug="gh/a/x", name="x")
NAMELESS = ProjectKey(slug=None, name="x")


def is_of_project(row: Row) -> bool:
    return row.project_slug in {"gh/a/x", "github/a/x"}


def is_open_session(row: Row) -> bool:
    return row.ended_at is None and row.expires_at >= NOW


def track_ids(found: Iterable[stored_tracks.StoredTrack]) -> list[int]:
    return [one.track.id for one in found]


# the rows of a table that a statement returns the keys of, and their order
READ: dict[str, tuple[Table, Callable[[Transaction], Collection[object]], Is, Callable[[Row], Any] | None]] = {
    "silences that have not ended": (
        silences,
        lambda t: [one.id for one in stored_silences.unexpired(t, NOW)][::-1],
        lambda row: row.ends_at > NOW,
        lambda row: (row.ends_at, row.id),
    ),
    "silences that have ended": (
        silences,
        lambda t: [one.id for one in stored_silences.expired(t, NOW, limit=99)][::-1],
        lambda row: row.ends_at <= NOW,
        lambda row: (row.ends_at, row.id),
    ),
    "open sessions": (
        sessions,
        lambda t: [one.id for one in stored_sessions.open_sessions(t, NOW)],
        is_open_session,
        lambda row: (-row.begun_at.timestamp(), row.id),
    ),
    "holds": (
        holds,
        lambda t: [one.job_id for one in stored_holds.find(t)],
        lambda row: row.ended_at is None,
        lambda row: (row.since, row.job_id),
    ),
    "holds that ended": (
        holds,
        lambda t: [one.job_id for one in stored_holds.find(t, is_ended=True)],
        lambda row: row.ended_at is not None,
        lambda row: (-row.ended_at.timestamp(), row.job_id),
    ),
    "holds of a pipeline": (
        holds,
        lambda t: [one.job_id for one in stored_holds.of_pipeline(t, "a")],
        lambda row: row.pipeline_id == "a" and row.ended_at is None,
        lambda row: row.job_id,
    ),
    "questions that were tried": (
        insights,
        lambda t: stored_insights.tried_since(t, NOW),
        lambda row: row.tried_at > NOW,
        None,
    ),
    "newest acts": (
        actions,
        lambda t: [one.at for one in stored_actions.newest_of(t, "replay", limit=99)],
        lambda row: row.verb == "replay",
        lambda row: -row.at.timestamp(),
    ),
    "acts on subjects": (
        actions,
        lambda t: [one.at for one in stored_actions.of_subjects(t, IDS[:2])],
        lambda row: row.subject_id in IDS[:2],
        lambda row: row.at,
    ),
    "alarms": (alarms, lambda t: [one.key for one in stored_alarms.find_all(t)], lambda row: True, lambda row: row.key),
    "default branches": (
        tracks,
        lambda t: track_ids(project_tracks.of_default_branch(t, PROJECT)),
        lambda row: is_of_project(row) and row.branch is not None and row.branch == default_of(row),
        None,
    ),
    "tracks of a workflow": (
        tracks,
        lambda t: track_ids(project_tracks.of_workflow(t, PROJECT, "build")),
        lambda row: is_of_project(row) and row.workflow == "build",
        None,
    ),
    "red tracks": (
        tracks,
        lambda t: track_ids(project_tracks.red_ones(t, PROJECT)),
        lambda row: is_of_project(row) and row.color == Color.RED,
        None,
    ),
    "red tracks of a project without a slug": (
        tracks,
        lambda t: track_ids(project_tracks.red_ones(t, NAMELESS)),
        lambda row: row.project_slug is None and row.project_name == "x" and row.color == Color.RED,
        None,
    ),
    "tracks of branches": (
        tracks,
        lambda t: track_ids(track_search.find(t, ["gh/a/x"], branches=["dev", "main"], workflow="lint")),
        lambda row: row.project_slug == "gh/a/x" and row.branch in {"dev", "main"} and row.workflow == "lint",
        lambda row: (row.branch, row.id),
    ),
    "tracks of a branch and workflow": (
        tracks,
        lambda t: track_ids(track_search.find_everywhere(t, branch="dev", workflow="lint")),
        lambda row: row.branch == "dev" and row.workflow == "lint" and row.project_slug is not None,
        lambda row: (row.project_slug, row.id),
    ),
    "silent tracks": (
        tracks,
        lambda t: stored_tracks.find_silent(t, before=NOW, beyond=30, limit=99),
        lambda row: row.color == Color.RED and row.last_at is not None and row.last_at < NOW and row.id > 30,
        lambda row: row.id,
    ),
    "silent reds of branches": (
        tracks,
        lambda t: [one for found in project_questions.find_silent_reds(t, NOW).values() for one in found],
        lambda row: (
            row.color == Color.RED
            and row.last_at is not None
            and row.last_at < NOW
            and row.project_slug is not None
            and row.branch not in {None, "main", "master", row.posted_default, row.own_default}
        ),
        None,
    ),
    "open incidents": (
        incidents,
        lambda t: [one.id for one in outbreaks.opened_between(t, TIMES[1], TIMES[3])][::-1],
        lambda row: TIMES[1] <= row.opened_at <= TIMES[3] and row.closed_because is None and row.merged_into is None,
        lambda row: (row.opened_at, row.id),
    ),
    "fetches for decisions and messages": (
        fetches,
        lambda t: stored_fetches.awaited(t, keys_of(t, fetches)),
        lambda row: row.purpose == FetchPurpose.MESSAGE,
        None,
    ),
}
# the rows of a table that a statement changes or deletes
WRITE: dict[str, tuple[Table, Callable[[Transaction], object], Is]] = {
    "delete silences": (
        silences,
        lambda t: stored_silences.prune(t, before=NOW),
        lambda row: row.ends_at < NOW,
    ),
    "delete sessions": (sessions, lambda t: stored_sessions.prune(t, now=NOW), lambda row: row.expires_at < NOW),
    "end sessions": (sessions, lambda t: stored_sessions.end(t, None, NOW), is_open_session),
    "delete holds": (
        holds,
        lambda t: stored_holds.forget_old(t, before=NOW),
        lambda row: row.ended_at is not None and row.ended_at < NOW,
    ),
    "end leases": (
        fetches,
        lambda t: stored_fetches.end_leases(t, now=TIMES[1], until=TIMES[3]),
        lambda row: TIMES[1] < row.due_at <= TIMES[3],
    ),
    "withdraw fetches": (
        fetches,
        lambda t: stored_fetches.withdraw(t, keys_of(t, fetches)),
        lambda row: row.purpose == FetchPurpose.DECISION,
    ),
    "class incidents": (
        incidents,
        lambda t: outbreaks.classify(t, keys_of(t, incidents), by="a rule"),
        lambda row: row.klass is None,
    ),
    "delete spans": (
        spans,
        lambda t: stored_spans.prune(t, before=NOW, limit=999),
        lambda row: row.received_at < NOW,
    ),
    "delete steps that passed": (
        spans,
        lambda t: stored_spans.prune_passed_steps(t, before=NOW, limit=999),
        lambda row: row.level == SpanLevel.STEP and row.result == "success" and row.received_at < NOW,
    ),
    "forget what was told": (
        told,
        lambda t: stored_told.forget(t, [1, 2]),
        lambda row: row.track_id in {1, 2},
    ),
    "forget what a channel was told": (
        told,
        lambda t: stored_told.forget_channel(t, 1, "key 1"),
        lambda row: row.track_id == 1 and row.channel_key == "key 1",
    ),
    "note a default branch": (
        tracks,
        lambda t: project_questions.put_default(t, "gh/a/x", "trunk"),
        lambda row: row.project_slug == "gh/a/x" and row.posted_default is None,
    ),
}


def default_of(row: Row) -> str | None:
    return row.own_default or row.posted_default or (row.branch if row.branch in {"main", "master"} else None)


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = Store(database.url)

    await store.write(fill)
    yield store
    await store.close()


async def test_reads_return_the_rows_that_are_meant_in_order(store: Store) -> None:
    for name, (table, read, is_meant, order) in READ.items():
        meant = list(filter(is_meant, await store.read(rows_of, table)))
        shown = "at" if table is actions else key_of(table)
        found = list(await store.read(read))

        assert meant, name
        if order is None:
            assert sorted(found, key=str) == sorted([getattr(row, shown) for row in meant], key=str), name
        else:
            assert found == [getattr(row, shown) for row in sorted(meant, key=order)], name


@pytest.mark.parametrize("name", WRITE)
async def test_write_changes_the_rows_that_are_meant_and_no_other(store: Store, name: str) -> None:
    table, write, is_meant = WRITE[name]
    before = await store.read(rows_of, table)

    await store.write(write)

    after = await store.read(rows_of, table)
    meant = list(filter(is_meant, before))
    assert meant
    assert sorted(map(repr, meant)) == sorted(repr(row) for row in before if row not in after)
    assert len(after) in {len(before), len(before) - len(meant)}


async def test_counts_are_of_the_rows_that_are_meant(store: Store) -> None:
    of_incidents = await store.read(rows_of, incidents)
    of_fetches = await store.read(rows_of, fetches)

    assert await store.read(incident_search.count_open) == sum(
        row.closed_because is None and row.merged_into is None for row in of_incidents
    )
    backlog = await store.read(stored_fetches.backlog, NOW)
    due = [row.due_at for row in of_fetches if row.purpose != FetchPurpose.TESTS and row.due_at <= NOW]
    assert (backlog.depth, backlog.oldest_age_s) == (len(due), (NOW - min(due)).total_seconds())


async def test_last_runs_are_of_projects_with_a_slug(store: Store) -> None:
    last: dict[str, Any] = {}
    for row in await store.read(rows_of, tracks):
        if row.project_slug is not None and row.last_at is not None:
            last[row.project_slug] = max(row.last_at, last.get(row.project_slug, row.last_at))

    assert await store.read(health_rows.last_runs) == last


async def test_branches_of_a_project_are_those_with_a_run(store: Store) -> None:
    last: dict[str, Any] = {}
    for row in filter(is_of_project, await store.read(rows_of, tracks)):
        if row.branch is not None and row.last_at is not None:
            last[row.branch] = max(row.last_at, last.get(row.branch, row.last_at))

    found = await store.read(project_tracks.branches_of, PROJECT)
    assert found == last
    assert list(found.values()) == sorted(last.values(), reverse=True)


async def test_last_reds_are_of_incidents_that_stand_for_themselves(store: Store) -> None:
    last: dict[int, Any] = {}
    for row in await store.read(rows_of, incidents):
        at = row.closed_at or row.opened_at
        if row.track_id in {1, 2} and row.merged_into is None:
            last[row.track_id] = max(at, last.get(row.track_id, at))

    assert await store.read(project_tracks.last_reds, [1, 2]) == last


async def test_heartbeats_count_by_role_age_and_channels(store: Store) -> None:
    beats = await store.read(rows_of, heartbeats)

    assert await store.read(stored_heartbeats.latest, [Role.WEB]) == max(
        row.beat_at for row in beats if row.role == Role.WEB
    )
    accepted = [row.secrets for row in beats if row.role != Role.WORKER and row.beat_at >= NOW]
    found = await store.read(stored_heartbeats.accepted_secrets, since=NOW)
    assert sorted(map(str, found)) == sorted(str(None if one is None else frozenset(one)) for one in accepted)


async def test_session_is_found_until_it_ends_or_expires(store: Store) -> None:
    there = await store.read(rows_of, sessions)

    found = await store.read(lambda t: [one for row in there if (one := stored_sessions.find(t, row.id, NOW))])
    assert [one.id for one in found] == [row.id for row in there if is_open_session(row)]


async def test_told_colors_are_of_these_tracks(store: Store) -> None:
    there = await store.read(rows_of, told)

    assert await store.read(stored_told.find, [1, 2]) == {
        (row.track_id, row.channel_key): row.color for row in there if row.track_id in {1, 2}
    }


async def test_red_channels_are_those_that_were_told_red_of_these_tracks(store: Store) -> None:
    meant: dict[int, set[str]] = {}
    for row in await store.read(rows_of, told):
        if row.track_id in {1, 2, 3} and row.color == Color.RED:
            meant.setdefault(row.track_id, set()).add(row.channel_key)

    assert await store.read(stored_told.red_channels, [1, 2, 3]) == meant
