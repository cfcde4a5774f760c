"""Failures of other runs of a project with the same fingerprints."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, select

from service.db.tables import Transaction, events, incidents, runs, test_results, tests, tracks
from service.model import Color, Run
from service.routing.red_elsewhere import SEEN_WITHIN, Sighting
from service.store.rows import Row

MAX_SIGHTINGS = 500


def sightings_of(
    transaction: Transaction,
    run: Run,
    fingerprints: Collection[str],
    default_branches: Collection[str],
    *,
    now: datetime,
) -> list[Sighting]:
    """Return the failures of other branches with these fingerprints, newest first."""
    if not fingerprints:
        return []
    asked = {
        "track_id": run.track_id,
        "fingerprints": list(fingerprints),
        "since": now - SEEN_WITHIN,
        "branches": list(default_branches),
    }
    return [_to_sighting(row, default_branches) for row in transaction.execute(_SIGHTINGS, asked).mappings()]


def _sightings() -> Select[Any]:
    """Build the statement of ``sightings_of``, once: that takes longer than to run it."""
    own_slug = select(tracks.c.project_slug).where(tracks.c.id == bindparam("track_id")).scalar_subquery()
    is_recent = test_results.c.at >= bindparam("since")
    return (
        select(test_results.c.fingerprint, test_results.c.run_id, test_results.c.at, tests.c.job, tests.c.project_slug)
        .add_columns(tracks.c.branch, tracks.c.color, tracks.c.since, incidents.c.last_red)
        .add_columns(events.c.commit_author_name, events.c.commit_author_email)
        .join(tests, tests.c.id == test_results.c.test_id)
        .join(tracks, tracks.c.id == test_results.c.track_id)
        .join(runs, runs.c.id == test_results.c.run_id)
        .join(events, events.c.id == runs.c.event_id)
        .outerjoin(incidents, incidents.c.id == tracks.c.incident_id)
        .where(
            test_results.c.fingerprint.in_(bindparam("fingerprints", expanding=True)),
            test_results.c.track_id != bindparam("track_id"),
            tracks.c.branch.is_not(None),
            is_recent | tracks.c.branch.in_(bindparam("branches", expanding=True)),
            tracks.c.project_slug.is_not_distinct_from(own_slug),
        )
        .order_by(test_results.c.at.desc())
        .limit(MAX_SIGHTINGS)
    )


_SIGHTINGS = _sightings()


def _to_sighting(row: Row, default_branches: Collection[str]) -> Sighting:
    is_red = row["color"] == Color.RED and row["last_red"] == row["run_id"]
    return Sighting(
        failure=(row["job"], row["fingerprint"]),
        branch=row["branch"],
        author=row["commit_author_email"] or row["commit_author_name"],
        at=row["at"],
        since=row["since"] if is_red and row["since"] else row["at"],
        is_newest_default=is_red and row["branch"] in default_branches,
        run_id=row["run_id"],
    )
