"""The rows that digests are made of: runs of a time, and what is red."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from service.db.tables import Transaction, events, tests, tracks
from service.model import Color, Event, EventKind, Incident
from service.store.events import events as stored_events
from service.store.incidents import incidents
from service.store.rows import Row, to_event
from service.store.runs import runs
from service.store.search.places import first_place

STEP = 500
MAX_EVENTS = 50_000
MAX_LOOKED_AT = 5_000  # red branches, and failed tests
TESTS_STEP = 200  # a test has up to 500 results

_IS_WORKFLOW = events.c.kind == EventKind.WORKFLOW_COMPLETED
_IS_RED = (tracks.c.color == Color.RED, tracks.c.incident_id.is_not(None))


def walk_runs(transaction: Transaction, since: datetime, until: datetime) -> Iterator[Sequence[Event]]:
    """Yield the workflows that ended in a time, newest first, each run once.

    At most MAX_EVENTS are read: ``is_too_long`` says whether there are more.
    """
    low, high = first_place(since), first_place(until)
    for _ in range(0, MAX_EVENTS, STEP):
        wanted = (
            select(events)
            .where(events.c.place >= low, events.c.place < high, _IS_WORKFLOW)
            .order_by(events.c.place.desc())
            .limit(STEP)
        )
        rows = transaction.execute(wanted).mappings().all()
        judged = runs.with_runs(transaction, [to_event(row) for row in rows])
        yield [event for event in judged if event.run is not None and event.run.event_id == event.id]
        if len(rows) < STEP:
            return
        high = rows[-1]["place"]


def is_too_long(transaction: Transaction, since: datetime, until: datetime) -> bool:
    """Return whether a time has more workflows than are read."""
    wanted = (
        select(events.c.place)
        .where(events.c.place >= first_place(since), events.c.place < first_place(until), _IS_WORKFLOW)
        .order_by(events.c.place.desc())
        .offset(MAX_EVENTS)
        .limit(1)
    )
    return transaction.execute(wanted).first() is not None


def red_now(transaction: Transaction, *, limit: int = MAX_LOOKED_AT) -> list[tuple[Event, Incident]]:
    """Return the newest run of each red track with its incident, the oldest first.

    At most ``limit``: ``count_red`` says how many there are.
    """
    wanted = select(tracks.c.incident_id).where(*_IS_RED).order_by(tracks.c.since, tracks.c.id).limit(limit)
    ids = list(transaction.execute(wanted).scalars())
    found: dict[UUID, Incident] = {}
    for start in range(0, len(ids), STEP):
        found |= incidents.find_all(transaction, set(ids[start : start + STEP]))
    open_ = sorted((one for one in found.values() if one.is_open), key=lambda one: (one.opened_at, one.id))
    steps = (open_[start : start + STEP] for start in range(0, len(open_), STEP))
    return [pair for some in steps for pair in _last_reds(transaction, some)]


def _last_reds(transaction: Transaction, opened: Sequence[Incident]) -> list[tuple[Event, Incident]]:
    last = runs.find_all(transaction, {one.last_red for one in opened})
    of_runs = stored_events.find_all(transaction, {run.event_id for run in last.values()})
    pairs = ((last.get(one.last_red), one) for one in opened)
    return [(of_runs[run.event_id], one) for run, one in pairs if run is not None and run.event_id in of_runs]


def count_red(transaction: Transaction) -> int:
    """Return the number of red tracks."""
    return transaction.execute(select(func.count()).select_from(tracks).where(*_IS_RED)).scalar_one()


def closed_by(transaction: Transaction, fixed: Sequence[Event]) -> dict[UUID, Incident]:
    """Return the incidents that runs closed, by their ids."""
    ids = {event.run.incident_id for event in fixed if event.run and event.run.incident_id}
    return incidents.find_all(transaction, ids)


def walk_failed_tests(
    transaction: Transaction, since: datetime, until: datetime, *, limit: int = MAX_LOOKED_AT
) -> Iterator[Sequence[Row]]:
    """Yield the tests, and jobs without tests, that failed last in or after a time.

    At most ``limit``, the latest to fail first, in steps; those that failed first after it are left out.
    """
    wanted = (
        select(tests)
        .where(tests.c.last_failed_at >= since, tests.c.first_failed_at < until)
        .order_by(tests.c.last_failed_at.desc(), tests.c.id.desc())
        .limit(limit)
    )
    rows = transaction.execute(wanted).mappings().all()
    for start in range(0, len(rows), TESTS_STEP):
        yield rows[start : start + TESTS_STEP]


def count_failed_tests(transaction: Transaction, since: datetime, until: datetime) -> int:
    """Return the number of these tests."""
    counting = select(func.count()).where(tests.c.last_failed_at >= since, tests.c.first_failed_at < until)
    return transaction.execute(counting).scalar_one()


def events_of_runs(transaction: Transaction, run_ids: Collection[UUID]) -> Mapping[UUID | None, Event]:
    """Return the events of runs that are kept, by the ids of the runs."""
    found = runs.find_all(transaction, run_ids)
    of_runs = stored_events.find_all(transaction, {run.event_id for run in found.values()})
    return {run_id: of_runs[run.event_id] for run_id, run in found.items() if run.event_id in of_runs}
