"""What was judged and learned of a year of tests, as it stands in the database, and as an oracle judges it."""

from collections import defaultdict
from typing import Any

from sqlalchemy import select

from service.db.tables import Transaction, incidents, runs, test_days, test_results, tests, tracks
from tests.year.invented_runs import InventedRun, payload
from tests.year.invented_tests import YearOfTests
from tests.year.oracle import Opinion, opinions


def judged(transaction: Transaction) -> dict[str, Opinion]:
    """Return what was judged of each run."""
    wanted = select(runs.c.id, runs.c.transition, runs.c.streak, incidents.c.opened_by).outerjoin(
        incidents, incidents.c.id == runs.c.incident_id
    )
    return {
        str(row.id): Opinion(row.transition, row.streak, str(row.opened_by) if row.opened_by else None)
        for row in transaction.execute(wanted)
    }


def expected(year: YearOfTests) -> dict[str, Opinion]:
    """Return what an oracle judges of each run."""
    of_projects: dict[str, list[InventedRun]] = defaultdict(list)
    for run in year.runs:
        of_projects[run.project].append(run)
    found: dict[str, Opinion] = {}
    for some in of_projects.values():
        found |= opinions([payload(run) for run in some])
    return found


def rows(transaction: Transaction) -> dict[str, list[tuple[Any, ...]]]:
    """Return all that was judged and learned; ids that were made up are left out."""
    digests = {row.id: row.digest for row in transaction.execute(select(tests.c.id, tests.c.digest))}
    places = {row.id: row.digest for row in transaction.execute(select(tracks.c.id, tracks.c.digest))}
    own: dict[str, Any] = {"test_id": digests.get, "track_id": places.get}

    def read(table: Any) -> list[tuple[Any, ...]]:
        names = [one.name for one in table.columns if one.name not in {"id", "incident_id", "merged_into"}]
        found = (row._mapping for row in transaction.execute(select(table)))
        return sorted((tuple(own.get(name, lambda one: one)(row[name]) for name in names) for row in found), key=repr)

    tables = (runs, incidents, tracks, tests, test_results, test_days)
    return {table.name: read(table) for table in tables} | {"judged": sorted(judged(transaction).items(), key=repr)}
