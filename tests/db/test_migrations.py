"""The migrations: from nothing to the tables of the code and back, all or nothing."""

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.schema import CreateTable

from service.db.database import Store
from service.db.migrate import alembic_config, migrate
from service.db.revisions import is_older, is_workable, newest_revision, revision
from service.db.tables import metadata
from service.errors import BadConfig, Temporary
from service.model import Judgment, RoutesVersion, Verdict
from service.routing.explain import explain
from service.store.deliveries import deliveries
from service.store.events import decisions
from tests.support.example_events import FAILED, NOON, route
from tests.support.neighbor_rows import a_delivery


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder / 'roundsman.db'}"


def schema(path: Path) -> dict[str, str]:
    """The statement that made each of our tables and indexes."""
    with closing(sqlite3.connect(path)) as connection:
        made = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: sql for name, sql in made if not name.startswith(("alembic", "sqlite"))}


def parts(statement: str) -> set[str]:
    """The columns and constraints of a CREATE TABLE, in any order."""
    body = re.sub(r"\s+", " ", statement).partition("(")[2]
    return {part.strip(" )") for part in re.split(r", (?=[a-z_]+ [A-Z]|CONSTRAINT)", body)}


def is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Tell whether a table is ours, and not SQLite's own for the index of terms."""
    return kind != "table" or not (name or "").startswith("event_terms")


@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
def test_migrations_make_the_tables_that_the_code_works_with(folder: Path) -> None:
    engine = create_engine(url_of(folder))
    with engine.connect() as connection:
        opts = {"compare_type": True, "compare_server_default": True, "include_name": is_ours}
        context = MigrationContext.configure(connection, opts=opts)
        differences = compare_metadata(context, metadata)
    engine.dispose()

    assert differences == []


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_migrations_make_every_constraint_that_the_code_relies_on(folder: Path, table: object) -> None:
    """Alembic's own comparison passes over CHECK, WITHOUT ROWID and AUTOINCREMENT."""
    engine = create_engine("sqlite://")
    wanted = str(CreateTable(table).compile(engine))  # type: ignore[arg-type]  # reason: parametrize knows no types
    name = table.name  # type: ignore[attr-defined]  # reason: the same

    assert parts(schema(folder / "roundsman.db")[name]) == parts(wanted)


def test_migrations_lead_up_and_down_and_up_again(tmp_path: Path) -> None:
    migrate(url_of(tmp_path))
    first = schema(tmp_path / "roundsman.db")
    command.downgrade(alembic_config(url_of(tmp_path)), "base")
    between = schema(tmp_path / "roundsman.db")
    migrate(url_of(tmp_path))

    assert between == {}
    assert schema(tmp_path / "roundsman.db") == first


@pytest.mark.long
def test_stored_values_of_the_release_before_are_respelled(tmp_path: Path) -> None:
    migrate(url_of(tmp_path))
    command.downgrade(alembic_config(url_of(tmp_path)), "0011")
    with closing(sqlite3.connect(tmp_path / "roundsman.db")) as connection, connection:
        connection.executemany(
            "INSERT INTO decisions VALUES (?, 1, ?, 'red', 'web', ?, 'a reason', '2026-11-22 12:00:00')",
            [("a" * 32, 1, "not matched"), ("a" * 32, 2, "already told"), ("b" * 32, 1, "matched")],
        )
        connection.executemany(
            "INSERT INTO attempts (notification_id, number, started_at, outcome) VALUES (?, ?, '2026-11-22', ?)",
            [("c" * 32, 1, "put off"), ("c" * 32, 2, "sent")],
        )

    migrate(url_of(tmp_path))

    with closing(sqlite3.connect(tmp_path / "roundsman.db")) as connection:
        verdicts = connection.execute("SELECT verdicts, is_told FROM decisions ORDER BY 1").fetchall()
        outcomes = connection.execute("SELECT number, outcome FROM attempts ORDER BY 1").fetchall()
    assert verdicts == [("a2", 1), ("m1", 0)]
    assert outcomes == [(1, "put_off"), (2, "sent")]


OLD_DECISIONS = [
    ("a" * 32, 1, 0, "other", "web", "not_matched", "branch main is not 'develop'"),
    ("a" * 32, 1, 1, "red", "web", "matched", "status failed matches failed; \u00e9"),
    ("a" * 32, 1, 2, "rest", "ops", "preceded", "route 'red' came first"),
    ("a" * 32, 2, 0, "red", "web", "already_told", "web (json) already hears of this"),
    ("b" * 32, 1, 0, "red", "web", "not_matched", "status success is not failed"),
]


def at_revision_0012(folder: Path) -> None:
    """Make a database of the release before, with decisions of three judgments."""
    migrate(url_of(folder))
    command.downgrade(alembic_config(url_of(folder)), "0012")
    with closing(sqlite3.connect(folder / "roundsman.db")) as connection, connection:
        connection.executemany(
            "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, '2026-11-22 12:00:00')", OLD_DECISIONS
        )
        columns = (
            "id, event_id, topic, route, receiver, channel_key, channel_label, channel_kind, state, "
            "created_at, next_attempt_at, give_up_at"
        )
        values = (
            "d" * 32,
            "b" * 32,
            "t",
            "red",
            "web",
            "k",
            "web (json)",
            "json",
            "dead",
            *3 * ["2026-11-22 12:00:00"],
        )
        connection.execute(f"INSERT INTO notifications ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)  # noqa: S608


async def test_reasons_of_the_release_before_stay_in_their_words(tmp_path: Path) -> None:
    at_revision_0012(tmp_path)
    migrate(url_of(tmp_path))

    store = Store(url_of(tmp_path))
    event = replace(FAILED, branch=None, status="success")  # that the reasons are not worked out is what is shown
    judgments = [judgment for name in "ab" for judgment in await store.read(decisions.find, UUID(name * 32))]
    await store.close()
    read = [
        (judgment.event_id.hex, judgment.round, one.position, one.route, one.receiver, one.verdict, one.reason)
        for judgment in sorted(judgments, key=lambda one: (one.event_id, one.round))
        for one in explain(judgment, event)
    ]
    with closing(sqlite3.connect(tmp_path / "roundsman.db")) as connection:
        told = connection.execute("SELECT is_told, decided_at FROM decisions ORDER BY event_id, round").fetchall()
    assert told == [(told, "2026-11-22 12:00:00") for told in (0, 1, 1)]
    assert read == OLD_DECISIONS


@pytest.mark.long
async def test_way_back_keeps_verdicts_and_the_reasons_in_words(tmp_path: Path) -> None:
    at_revision_0012(tmp_path)
    migrate(url_of(tmp_path))
    store = Store(url_of(tmp_path))
    judgment = Judgment(
        event_id=UUID("c" * 32),
        round=1,
        decided_at=NOON,
        verdicts={1: Verdict.MATCHED},
        version=RoutesVersion((route("other", branch="x"), route("red"))),
    )
    await store.write(decisions.put, [judgment])
    await store.close()

    command.downgrade(alembic_config(url_of(tmp_path)), "0012")

    with closing(sqlite3.connect(tmp_path / "roundsman.db")) as connection:
        columns = "event_id, round, position, route, receiver, verdict, reason"
        left = connection.execute(f"SELECT {columns} FROM decisions ORDER BY 1, 2, 3").fetchall()  # noqa: S608
    assert left[: len(OLD_DECISIONS)] == OLD_DECISIONS
    assert left[len(OLD_DECISIONS) :] == [
        ("c" * 32, 1, 0, "other", "team", "not_matched", "the reason was not in words when this was decided"),
        ("c" * 32, 1, 1, "red", "team", "matched", "the reason was not in words when this was decided"),
    ]


async def test_way_back_stores_bodies_as_they_came(tmp_path: Path) -> None:
    migrate(url_of(tmp_path))
    store = Store(url_of(tmp_path))
    kept = [a_delivery(body=body) for body in (b'{"type":"workflow-completed","id":"' + b"x" * 90 + b'"}', b"?")]
    await store.write(deliveries.keep_many, kept)
    await store.close()

    command.downgrade(alembic_config(url_of(tmp_path)), "0012")

    with closing(sqlite3.connect(tmp_path / "roundsman.db")) as connection:
        bodies = connection.execute("SELECT body FROM deliveries").fetchall()
    assert sorted(bodies) == sorted((delivery.body,) for delivery in kept)


def test_migrating_an_up_to_date_schema_changes_nothing(folder: Path) -> None:
    before = (folder / "roundsman.db").read_bytes()

    migrate(url_of(folder))

    assert (folder / "roundsman.db").read_bytes() == before


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "roundsman.db")) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")  # so it is one of ours
        connection.execute("CREATE TABLE notifications (in_the_way INTEGER)")  # the last table that would be made

    with pytest.raises(BadConfig, match="table notifications already exists"):
        migrate(url_of(tmp_path))

    assert schema(tmp_path / "roundsman.db").keys() == {"notifications"}


def test_a_database_of_a_newer_release_is_refused(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "roundsman.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()

    with pytest.raises(BadConfig, match="the database is of another release"):
        migrate(url_of(folder))


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "roundsman.db").write_bytes(b"what is this?" * 100)

    with pytest.raises(BadConfig, match="cannot be migrated now: file is not a database; name another file"):
        migrate(url_of(tmp_path))


def test_a_release_works_on_its_own_schema_and_on_those_that_follow() -> None:
    workable = {at: is_workable(at) for at in (None, "0001", newest_revision(), "9999", "a1b2c3d4e5f6")}

    assert workable == {None: False, "0001": False, newest_revision(): True, "9999": True, "a1b2c3d4e5f6": False}


def test_revisions_are_numbers_in_order_so_that_a_newer_one_can_be_told() -> None:
    known = [one.revision for one in ScriptDirectory.from_config(alembic_config("sqlite://")).walk_revisions()]

    assert known == [f"{number:04}" for number in range(len(known), 0, -1)]


async def test_a_database_says_its_revision(folder: Path) -> None:
    store = Store(url_of(folder))
    at = await revision(store)
    await store.close()

    assert at == newest_revision()
    assert not is_older(at)


async def test_a_database_without_tables_has_no_revision(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "roundsman.db").close()
    store = Store(url_of(tmp_path))
    at = await revision(store)
    await store.close()

    assert at is None
    assert is_older(at)


async def test_a_database_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    store = Store(url_of(tmp_path))

    with pytest.raises(Temporary, match=r"roundsman\.db is gone; put it back, or restart"):
        await revision(store)


async def test_a_database_that_cannot_be_read_has_no_revision_to_tell(tmp_path: Path) -> None:
    (tmp_path / "roundsman.db").write_bytes(b"what is this?" * 100)
    store = Store(url_of(tmp_path))

    with pytest.raises(BadConfig, match="file is not a database; name another file"):
        await revision(store)
    await store.close()
