"""A past to search in: events as a company has them, put straight into the tables, in the order of time.

Few projects own most builds, most builds are green, two branches in three are somebody's own, and a robot makes one
pipeline in five. One event in ten was told to somebody.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from service.db.database import make_engine
from service.db.tables import events
from service.store.audit import seals
from service.store.search.names import full_name, names_of
from service.store.search.places import place_of
from service.store.search.search_terms import numbers_of, spelled, terms_of
from tests.bench.past_bodies import with_body
from tests.bench.past_copies import ID_BITS_OF_COPIED, copy

Row = dict[str, Any]
Names = dict[tuple[str, str, str], datetime]
KEY = ("field", "folded", "name")

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
DAYS = 400
AT_ONCE = 1_000
MADE = 250_000  # events, in a minute; the database copies them in seconds
PROJECTS = [f"service-{n}" for n in range(40)]
WORKFLOWS = {"build-and-test": 60, "lint": 18, "deploy": 15, "nightly": 5, "release": 2}
JOBS = [f"{what}-{where}" for what in ("unit", "lint", "build", "deploy", "e2e") for where in ("web", "api", "ios")]
COMMON = [
    *("fix", "add", "update", "voucher", "shipping", "login", "cache", "retry", "timeout", "bump", "refactor"),
    *("tests", "docs", "typo", "button"),
]
RARE = [f"topic{n}" for n in range(3_000)]
PEOPLE = [(f"dev{n}", f"Developer{n} Example") for n in range(200)]
ROBOT = ("renovate[bot]", "Renovate")
HOUSEKEEPING = {
    "sqlite": ["ANALYZE"],
    # VACUUM marks what is on disk, and only what is marked can be answered from an index alone
    "postgresql": ["SET synchronous_commit = on", "CHECKPOINT", "VACUUM ANALYZE"],
}


class Past:
    """Rows of events, oldest first, alike for the same seed."""

    def __init__(
        self,
        size: int,
        *,
        seed: int = 1,
        span: timedelta = timedelta(days=DAYS),
        until: datetime = NOW,
        id_bits: int = 128,
    ) -> None:
        self._id_bits = id_bits
        self._size = size
        self._span = span
        self._until = until
        self._dice = random.Random(seed)
        self._number = 0

    @property
    def pipelines(self) -> int:
        """Return how many pipelines there have been so far."""
        return self._number

    def rows(self) -> Iterator[Row]:
        """One row of ``events`` after the other: the jobs of a workflow, and then the workflow."""
        return islice(self._endless(), self._size)

    def _endless(self) -> Iterator[Row]:
        at, step = self._until - self._span, self._span / self._size
        while True:
            run = self._run()
            for job in [*self._dice.sample(JOBS, 8), None]:
                at += step
                yield {**run, **self._ending(run, job), "happened_at": at, "received_at": at + timedelta(seconds=1)}

    def _run(self) -> Row:
        dice, is_robot = self._dice, self._dice.random() < 0.2
        self._number += 1
        login, name = ROBOT if is_robot else dice.choice(PEOPLE)
        project = dice.choices(PROJECTS, [1 / (n + 1) ** 1.3 for n in range(len(PROJECTS))])[0]
        return {
            **dict.fromkeys(events.c.keys()),
            "via": "webhook",
            "org": "acme",
            "trigger": "webhook",
            "duration_ms": 303_000,
            "project_id": project,
            "project_slug": f"github/acme/{project}",
            "project_name": project,
            "pipeline_id": str(self._id()),
            "pipeline_number": self._number,
            "workflow_id": str(self._id()),
            "workflow_name": dice.choices([*WORKFLOWS], [*WORKFLOWS.values()])[0],
            **self._place(is_robot=is_robot),
            "workflow_status": "success"
            if dice.random() < 0.85
            else dice.choices(["failed", "error", "canceled"], [10, 1, 4])[0],
            "revision": f"{dice.getrandbits(160):040x}",
            "commit_subject": " ".join([*dice.choices(COMMON, k=3), *dice.choices(RARE, k=3)]),
            "commit_author_name": name,
            "actor_login": login if is_robot else None,
            "actor_name": name if is_robot else None,
        }

    def _place(self, *, is_robot: bool) -> Row:
        if not is_robot and self._dice.random() < 0.35:
            return {"branch": "main"}
        if self._dice.random() < 0.01:
            return {"tag": f"v{self._number}"}
        return {"branch": f"{'renovate' if is_robot else 'feature'}/{self._dice.choice(RARE)}-{self._number}"}

    def _ending(self, run: Row, job: str | None) -> Row:
        event_id = self._id()
        row: Row = {"id": event_id, "source_event_id": str(event_id), "has_job": job is not None}
        if job is None:
            return row | {"kind": "workflow-completed", "status": run["workflow_status"]}
        status = "success" if self._dice.random() < 0.8 else run["workflow_status"]
        return row | {"kind": "job-completed", "status": status, "job_name": job, "job_status": status}

    def _id(self) -> UUID:
        return UUID(int=self._dice.getrandbits(self._id_bits), version=4)


def fill(database_url: str, size: int, *, days: int = DAYS, has_bodies: bool = False, made: int = MADE) -> None:
    """Put a past into an empty, migrated database.

    has_bodies   the webhooks are there as they came: else blanks of their size, which are made sooner
    made         the most events that are made one by one: a longer past, without bodies, consists of copies
    """
    pasts = 1 if has_bodies else max(1, size // made)
    span = timedelta(days=days) / pasts
    id_bits = ID_BITS_OF_COPIED if pasts > 1 else 128
    past, seen = Past(size // pasts, span=span, until=NOW - (pasts - 1) * span, id_bits=id_bits), Names()
    with filling(database_url) as connection:
        rows = past.rows()
        while some := list(islice(rows, AT_ONCE)):
            put(connection, some, seen, has_bodies=has_bodies)
        load(connection, "names", [{**dict(zip(KEY, key, strict=True)), "seen_at": at} for key, at in seen.items()])
        if pasts > 1:
            copy(connection, pasts=pasts, span=span, pipelines=past.pipelines)


@contextmanager
def filling(database_url: str) -> Iterator[Connection]:
    """Yield a connection to fill a database; its statistics are then as the housekeeping of the database has them."""
    engine = make_engine(database_url)
    with engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(text("PRAGMA cache_size = -500000"))
        yield connection
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for housekeeping in HOUSEKEEPING[connection.dialect.name]:
            connection.execute(text(housekeeping))
    engine.dispose()


def count_as_sealed(database_url: str) -> None:
    """Have the rows of a past count as sealed: to seal so many takes long, and goes on beside what is measured."""
    engine, now = make_engine(database_url), datetime.now(UTC)
    with engine.begin() as connection:
        seals.append(connection, kind="rows", hashes=[], now=now, count=0, covered_until=now)
    engine.dispose()


def put(connection: Connection, some: Sequence[Row], seen: Names, *, has_bodies: bool = False) -> None:
    """Put rows of events, with their deliveries, decisions and what was told of one in ten."""
    is_sqlite = connection.dialect.name == "sqlite"
    told = [row for n, row in enumerate(some) if n % 10 == 0]
    for row in some:
        row["place"] = place_of(row["happened_at"], row["id"])
        row["terms"] = None if is_sqlite else numbers_of(terms_of(row), row["place"])
    for table, rows in (
        ("deliveries", [with_body(_delivery(row), row) if has_bodies else _delivery(row) for row in some]),
        ("events", some),
        ("decisions", [_decision(row) for row in some]),
        (
            "details",
            [{"event_id": row["id"], "rounds": 1, "asked_at": row["received_at"], "body": "{}"} for row in told],
        ),
        ("notifications", [_notification(row) for row in told]),
        ("attempts", [_attempt(row) for row in told]),
    ):
        load(connection, table, rows)
    if is_sqlite:
        load(connection, "event_terms", [{"rowid": row["place"], "terms": spelled(terms_of(row))} for row in some])
    for row in some:
        for field, folded, name in names_of([row]):
            seen[field, folded, name] = row["received_at"]


def load(connection: Connection, name: str, rows: Sequence[Row]) -> None:
    """Put rows of a table by the quickest way in that each database has."""
    driver = connection.connection.driver_connection
    assert driver is not None
    names = list(rows[0])
    if connection.dialect.name == "sqlite":
        places = ", ".join("?" * len(names))
        lines = ([_as_sqlite(row[name]) for name in names] for row in rows)
        driver.executemany(f"INSERT INTO {name} ({', '.join(names)}) VALUES ({places})", lines)  # noqa: S608 - our names
        return
    with driver.cursor() as cursor, cursor.copy(f"COPY {name} ({', '.join(names)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([row[name] for name in names])


AS_SQLITE: dict[type, Callable[[Any], object]] = {
    UUID: lambda value: value.hex,
    datetime: lambda value: value.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds"),
}
"""The values that SQLite takes in another form, as the tables' types write it."""


def _as_sqlite(value: object) -> object:
    convert = AS_SQLITE.get(type(value))
    return convert(value) if convert else value


def _delivery(row: Row) -> Row:
    return {
        "id": row["id"],
        "source": "circleci",
        "source_event_id": row["source_event_id"],
        "via": "webhook",
        "received_at": row["received_at"],
        "headers": "[]",
        "body": b"{" + b" " * 600 + b"}",
        "body_dictionary": None,
        "state": "settled",
    }


def _decision(row: Row) -> Row:
    judged = {"event_id": row["id"], "round": 1, "routes_version": 1, "decided_at": row["received_at"]}
    return judged | {"verdicts": "", "is_told": False, "absent_facts": 3}


def _notification(row: Row) -> Row:
    at = row["received_at"]
    return {
        "id": row["id"],
        "event_id": row["id"],
        "topic": str(row["id"]),
        "route": "main is red",
        "receiver": "web-team",
        "channel_key": "k",
        "channel_label": "web-team (slack)",
        "channel_kind": "slack",
        "state": "sent",
        "attempts": 1,
        "created_at": at,
        "next_attempt_at": at,
        "give_up_at": at,
        "sent_at": at,
        "title": "t",
        "words": "w",
        "project_slug": row["project_slug"],
        "project_name": full_name(row),
    }


def _attempt(row: Row) -> Row:
    at = row["received_at"]
    return {"notification_id": row["id"], "number": 1, "started_at": at, "ended_at": at, "outcome": "sent"}
