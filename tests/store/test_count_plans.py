"""Counts and lists of long histories of runs: each is answered by an index of its own, and by few statements."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from service.db.database import Store, make_engine
from service.db.tables import Transaction, incidents, runs, tracks
from service.model import Run, TestCoverage
from service.store.incidents import incident_search
from service.store.incidents.incident_search import Wanted
from service.store.runs import default_tracks, project_names, project_tracks, track_search
from service.store.runs.runs import to_run
from service.store.test_history import test_coverage
from service.store.test_history.test_list import TestFilter
from tests.bench.past import Row, load
from tests.store.test_query_plans import listening
from tests.support.app_fixture import NINE
from tests.support.databases import Database

pytestmark = pytest.mark.databases("sqlite", "postgres")

OLD = NINE - timedelta(days=100)
SINCE = NINE - timedelta(days=90)
FEATURES = 40
"""The branches of the large project beside main, each with a red run; the small one has main alone."""


def _rows() -> dict[str, list[Row]]:
    """Two projects: each run is red, every second one's tests are known, and one is too old."""
    found: dict[str, list[Row]] = {"tracks": [], "runs": [], "incidents": [], "details": []}
    places = [("large", f"feature/{n}") for n in range(FEATURES)] + [("large", "main"), ("small", "main")]
    for nth, (project, branch) in enumerate(places, start=1):
        _add(found, nth, project, branch)
    return found


def _add(found: dict[str, list[Row]], track_id: int, project: str, branch: str) -> None:
    incident_id, names = uuid4(), {"project_id": project, "project_slug": f"gh/acme/{project}", "branch": branch}
    state = {"color": "red", "streak": 2, "incident_id": incident_id, "posted_default": "main", "workflow": "build"}
    own = {"id": track_id, "digest": uuid4(), "project_name": f"acme/{project}", "last_at": NINE}
    found["tracks"].append(dict.fromkeys(tracks.c.keys()) | names | state | own)
    for number, at in enumerate((OLD, NINE)):
        run = _run(track_id, incident_id, number, at + timedelta(minutes=track_id))
        found["runs"].append(run)
        details = {"event_id": run["event_id"], "rounds": 1, "asked_at": NINE, "body": "{}"}
        found["details"].append(details | {"has_tests": track_id % 2 == 0})
    found["incidents"].append(
        dict.fromkeys(incidents.c.keys())
        | {"id": incident_id, "track_id": track_id, "opened_at": OLD + timedelta(minutes=track_id), "streak": 2}
        | {"opened_by": found["runs"][-2]["id"], "last_red": found["runs"][-1]["id"], "is_found_late": False}
    )


def _run(track_id: int, incident_id: UUID, number: int, at: Any) -> Row:
    return dict.fromkeys(runs.c.keys()) | {
        "id": uuid4(),
        "event_id": uuid4(),
        "track_id": track_id,
        "incident_id": incident_id,
        "pipeline_number": number,
        "created_at": at,
        "stopped_at": at,
        "color": "red",
        "number_in_pipeline": 1,
        "transition": "broke",
        "streak": number + 1,
        "is_late": False,
    }


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    engine = make_engine(database.url)
    with engine.begin() as connection:
        for name, some in _rows().items():
            load(connection, name, some)
        connection.execute(text("ANALYZE"))  # as the housekeeping of each database does
    engine.dispose()
    store = Store(database.url)
    yield store
    await store.close()


def plans_of(transaction: Transaction, ask: Callable[[Transaction], object]) -> list[str]:
    """Return the plan of each statement; Postgres is to use an index also in tables as short as these."""
    with listening(transaction) as said:
        ask(transaction)
    if transaction.dialect.name == "sqlite":
        return ["\n".join(_lines(transaction, f"EXPLAIN QUERY PLAN {sql}", values, -1)) for sql, values in said]
    transaction.execute(text("SET LOCAL enable_seqscan = off"))
    return ["\n".join(_lines(transaction, f"EXPLAIN {sql}", values, 0)) for sql, values in said]


def _lines(transaction: Transaction, statement: str, values: Any, column: int) -> Sequence[str]:
    return [str(row[column]) for row in transaction.exec_driver_sql(statement, values)]


async def test_known_tests_are_counted_by_the_indexes_of_red_runs_and_known_tests(store: Store) -> None:
    def ask(transaction: Transaction) -> None:
        test_coverage.coverage_of(transaction, TestFilter(), since=SINCE)

    [plan] = await store.snapshot(plans_of, ask)

    if "SEARCH runs" in plan:  # of SQLite
        assert plan.count("COVERING INDEX") == 2  # and no row, whose body may be large
    assert "ix_runs_of_reds" in plan
    assert "ix_details_with_tests" in plan
    assert "tracks" not in plan


async def test_red_runs_of_a_project_look_their_track_up_and_no_list_of_tracks_is_made(store: Store) -> None:
    def ask(transaction: Transaction) -> None:
        test_coverage.coverage_of(transaction, TestFilter(project="gh/acme/large"), since=SINCE)

    *_, plan = await store.snapshot(plans_of, ask)

    assert "ix_runs_of_reds" in plan
    assert "LIST SUBQUERY" not in plan
    assert "SCAN tracks" not in plan


async def test_coverage_counts_the_red_runs_that_fit_and_are_not_too_old(store: Store) -> None:
    def ask(transaction: Transaction) -> list[TestCoverage]:
        wanted = (
            TestFilter(),
            TestFilter(project="gh/acme/large"),
            TestFilter(project="gh/acme/small"),
            TestFilter(branch="main"),
            TestFilter(project="gh/acme/large", branch="feature/1"),
            TestFilter(project="gh/acme/none"),
        )
        return [test_coverage.coverage_of(transaction, one, since=SINCE) for one in wanted]

    whole, large, small, main, feature, none = await store.snapshot(ask)

    assert whole == TestCoverage(known=21, red_runs=42)
    assert (large, small) == (TestCoverage(known=20, red_runs=41), TestCoverage(known=1, red_runs=1))
    assert main == TestCoverage(known=1, red_runs=2)
    assert (feature, none) == (TestCoverage(known=1, red_runs=1), TestCoverage(known=0, red_runs=0))
    assert await store.snapshot(_of_newest, "large") == large
    assert await store.snapshot(test_coverage.coverage_of_tracks, [1, 2], since=SINCE) == TestCoverage(
        known=1, red_runs=2
    )


def _of_newest(transaction: Transaction, project: str) -> TestCoverage:
    wanted = runs.select().join(tracks, tracks.c.id == runs.c.track_id).where(tracks.c.project_id == project)
    run: Run = to_run(transaction.execute(wanted.limit(1)).mappings().one())
    return test_coverage.coverage_of_project(transaction, run, since=SINCE)


async def test_tracks_of_default_branches_are_found_by_their_index_and_once(store: Store) -> None:
    def ask(transaction: Transaction) -> None:
        default_tracks.oldest(transaction, 1)

    [plan] = await store.snapshot(plans_of, ask)

    assert "ix_tracks_of_default_branches" in plan


async def test_tracks_of_default_branches_are_the_oldest_and_their_number_is_of_all(store: Store) -> None:
    some, count = await store.snapshot(default_tracks.oldest, 1)
    every, same = await store.snapshot(default_tracks.oldest, 10)

    assert [(one.track.project_id, one.track.branch) for one in every] == [("large", "main"), ("small", "main")]
    assert (some, count, same) == (every[:1], 2, 2)


@pytest.mark.parametrize("max_listed", [1, 1_000])
async def test_incidents_of_a_project_are_the_same_by_either_way(store: Store, max_listed: int) -> None:
    def ask(transaction: Transaction) -> list[list[int]]:
        every = (
            Wanted(slugs=["gh/acme/large"]),
            Wanted(slugs=["gh/acme/small", "github/acme/small"]),
            Wanted(slugs=[]),
            Wanted(slugs=["gh/acme/large"], branches=["main", "feature/3"]),
            Wanted(branches=["main"], is_open=True),
            Wanted(slugs=["gh/acme/small"], is_open=False),
        )
        pages = [incident_search.page(transaction, one, limit=3, beyond=None, max_listed=max_listed) for one in every]
        return [[one.track_id for one in page] for page in pages]

    newest = [FEATURES + 1, FEATURES, FEATURES - 1]
    assert await store.snapshot(ask) == [newest, [42], [], [41, 4], [42, 41], []]


async def test_incidents_of_few_tracks_are_looked_up_by_these(store: Store) -> None:
    def ask(transaction: Transaction) -> None:
        incident_search.page(transaction, Wanted(slugs=["gh/acme/small"]), limit=3, beyond=None)

    tracks_plan, plan = await store.snapshot(plans_of, ask)

    assert "ix_tracks_project_slug" in tracks_plan
    assert "ix_incidents_track_id_opened_at" in plan


async def test_incidents_of_many_tracks_are_walked_newest_first(store: Store) -> None:
    def ask(transaction: Transaction) -> None:
        wanted = Wanted(slugs=["gh/acme/large"], is_open=True)
        incident_search.page(transaction, wanted, limit=3, beyond=None, max_listed=1)

    *_, plan = await store.snapshot(plans_of, ask)

    assert "LIST SUBQUERY" not in plan  # Postgres weighs what each way costs
    assert "ix_incidents_open" in plan


async def test_projects_are_found_in_indexes_alone_and_no_track_is_read(store: Store) -> None:
    def ask(transaction: Transaction) -> None:
        track_search.find_projects(transaction, "gh/acme/large")
        project_tracks.find_named(transaction, ["acme/large"])

    plans = [plan for plan in await store.snapshot(plans_of, ask) if "tracks" in plan]

    assert len(plans) == 3
    for plan in plans:
        reads = [line for line in plan.splitlines() if " tracks" in line]
        assert "Seq Scan" not in plan
        if any(line.startswith("SEARCH") for line in reads):  # of SQLite: Postgres reads rows that no VACUUM has marked
            assert all("COVERING INDEX ix_tracks_project_" in line for line in reads), reads


async def test_each_slug_of_a_name_and_each_name_of_a_slug_is_found(store: Store) -> None:
    def rename(transaction: Transaction) -> None:
        changed = tracks.update()
        transaction.execute(changed.where(tracks.c.id == 1).values(project_slug="github/acme/large"))
        transaction.execute(changed.where(tracks.c.id == 2).values(project_slug=None))
        transaction.execute(changed.where(tracks.c.id == 3).values(project_name="acme/bigger"))
        transaction.execute(changed.where(tracks.c.id == 4).values(project_name=None))

    await store.write(rename)

    slugs = {("github/acme/large", "acme/large"), (None, "acme/large"), ("gh/acme/large", "acme/large")}
    assert await store.read(project_names.slugs_of, ["acme/large", "acme/none"]) == slugs
    names = {("gh/acme/large", name) for name in ("acme/large", "acme/bigger", None)}
    assert await store.read(project_names.names_of, ["gh/acme/large", "gh/acme/none"]) == names
    assert await store.read(track_search.find_projects, "acme/large") == ["gh/acme/large", "github/acme/large"]
    assert await store.read(track_search.find_projects, "gh/acme/none") == []
