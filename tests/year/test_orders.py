"""The posts of a year in another order, some of them repeated: what is judged is the same, and late runs are silent."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from service.db.tables import Transaction, incidents, notifications, runs, told, tracks
from service.model import Event
from service.operations.simulation.simulated_steps import SimulatedSteps
from service.operations.simulation.simulation import SimulatedClock, Simulation, simulated
from tests.support.app_fixture import Clock, an_instance
from tests.year.invented import NEW_YEAR, Payload, arrivals, invent_year
from tests.year.test_told import ROUTES, received


@dataclass(kw_only=True)
class Played:
    """What is on record when all was posted.

    judged     each run with its incident, each incident, each track with its color
    known      the tracks that each channel knows to be red; a green one it may know or never have heard of
    told       the runs of which the receiver ``web`` was told
    late       the runs that came late, each with its track
    tracks     of all runs
    """

    judged: list[Any]
    known: set[tuple[str, str]]
    told: set[str]
    late: dict[str, int]
    tracks: dict[str, int]


async def play(folder: Path, posts: Sequence[Event]) -> Played:
    """Play posts in their order, each at its own time."""
    async with an_instance(folder, ROUTES, clock=Clock(now=NEW_YEAR)) as instance:
        ours = SimulatedClock(now=NEW_YEAR)
        simulation = Simulation(
            context=replace(instance.service.context, clock=ours), clock=ours, steps=SimulatedSteps()
        )
        for start in range(0, len(posts), 25):
            await simulation.play([simulated(event) for event in posts[start : start + 25]])
        await simulation.finish(posts[-1].received_at + timedelta(days=1))
        return await instance.service.context.store.read(_played)


def _played(transaction: Transaction) -> Played:
    place = {row.id: (row.project_id, row.branch, row.workflow) for row in transaction.execute(select(tracks))}
    opened = {row.id: str(row.opened_by) for row in transaction.execute(select(incidents))}
    of_event = {row.event_id: str(row.id) for row in transaction.execute(select(runs))}
    names = ("opened_by", "last_red", "streak", "opened_at", "closed_at", "closed_by", "closed_because")
    ended = select(incidents).where(incidents.c.merged_into.is_(None))
    judged: list[Any] = [
        *((str(row.id), row.transition, row.streak, opened.get(row.incident_id)) for row in _all(transaction, runs)),
        *(tuple(str(row._mapping[name]) for name in names) for row in transaction.execute(ended)),
        *((place[row.id], row.color, row.streak, str(row.since)) for row in _all(transaction, tracks)),
    ]
    sent = [row for row in _all(transaction, notifications) if row.sent_at and row.receiver == "web"]
    return Played(
        judged=sorted(judged, key=repr),
        known={(repr(place[row.track_id]), row.channel_key) for row in _all(transaction, told) if row.color == "red"},
        told={of_event[row.event_id] for row in sent if row.event_id in of_event},
        late={str(row.id): row.track_id for row in _all(transaction, runs) if row.is_late},
        tracks={str(row.id): row.track_id for row in _all(transaction, runs)},
    )


def _all(transaction: Transaction, table: Any) -> Any:
    return transaction.execute(select(table))


def in_order(posts: Sequence[Payload]) -> list[Payload]:
    """Return the posts in the order of their tracks, as if none were late."""
    by_place = ("number", "created_at")
    return sorted(
        posts, key=lambda post: (post["pipeline"][by_place[0]], post["workflow"][by_place[1]], post["happened_at"])
    )


def copy(migrated: Path, folder: Path) -> Path:
    folder.mkdir()
    shutil.copy(migrated, folder / "roundsman.db")
    return folder


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 6))
async def test_any_order_ends_alike_and_late_runs_alone_are_not_told(migrated: Path, tmp_path: Path, seed: int) -> None:
    year = invent_year(seed, projects=1, runs=60, has_expired=False)
    ordered = await play(copy(migrated, tmp_path / "ordered"), received(in_order(year.posts), seed))

    for nth in range(2):
        posts = arrivals(year, seed + nth, late=None if nth else 8)
        other = await play(copy(migrated, tmp_path / f"other-{nth}"), received(posts, seed))

        assert other.judged == ordered.judged
        assert other.known == ordered.known
        silent = ordered.told - other.told - other.late.keys()
        # they were no change until a late run made them one
        assert {other.tracks[run] for run in silent} <= set(other.late.values())
        assert other.late
    assert not ordered.late
