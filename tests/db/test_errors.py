"""Trouble with a database: named states pass by themselves, what content causes is counted and waits for a person."""

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from service.db.database import MAX_JOURNAL_BYTES, Store
from service.db.errors import CODES, STATES, translate_error
from service.db.tables import Transaction
from service.errors import BadConfig, RoundsmanError, Temporary
from service.store.events import event_search
from service.store.events.filters import Search
from service.testing.fake_circleci.payloads import job_completed, workflow_completed
from tests.support.app_fixture import RED, Instance
from tests.support.databases import Database

PASSES = ("08006", "25006", "40001", "40P01", "53100", "53300", "55P03", "57014", "57P01", "57P03", "58030")
STAYS = ("54000", "54001", "54011", "22021", "22P05", "22003", "22008", "23514", "42501", "XX000", "XX001", "0A000")


def of_postgres(state: str | None, *, statement: str | None = "INSERT", is_lost: bool = False) -> RoundsmanError | None:
    """What an error of Postgres is translate_error to."""
    cause = psycopg.errors.lookup(state)("it says why") if state else psycopg.OperationalError("it says why")
    error = DBAPIError.instance(statement, None, cause, psycopg.Error)
    assert isinstance(error, DBAPIError)
    error.connection_invalidated = is_lost
    return translate_error("the database cannot be written now", error)


@pytest.mark.parametrize("state", PASSES)
def test_a_named_state_of_postgres_passes(state: str) -> None:
    assert isinstance(of_postgres(state), Temporary)


@pytest.mark.parametrize("state", STAYS)
def test_state_that_values_may_cause_is_not_temporary(state: str) -> None:
    assert of_postgres(state) is None


def test_without_a_state_a_lost_connection_passes_and_a_refused_statement_does_not() -> None:
    assert isinstance(of_postgres(None, is_lost=True), Temporary)
    assert isinstance(of_postgres(None, statement=None), Temporary)
    assert isinstance(of_postgres("08P01", is_lost=True), Temporary)
    assert of_postgres(None) is None
    assert of_postgres("08P01") is None


def test_words_for_a_full_disk_and_a_read_only_database_are_the_same_everywhere() -> None:
    assert "disk full" in STATES["53100"]
    assert "disk full" in CODES[sqlite3.SQLITE_FULL]
    assert "read-only" in STATES["25006"]
    assert "read-only" in CODES[sqlite3.SQLITE_READONLY]


@pytest.mark.databases("sqlite", "postgres")
async def test_a_read_only_database_says_so(instance: Instance, database: Database) -> None:
    if database.url.startswith("sqlite"):
        await instance.tell_the_writers("PRAGMA query_only=1")
    else:
        name = database.url.rpartition("/")[2]
        database.change(f"ALTER DATABASE {name} SET default_transaction_read_only = on")

    response = await instance.send(b"{}")

    assert response.status_code == 503
    assert "read-only" in response.json()["error"]


@pytest.mark.databases("sqlite", "postgres")
async def test_a_key_of_any_length_is_judged(instance: Instance) -> None:
    letters = [chr(0x20000 + n) for n in os.urandom(1000)]  # four bytes each, and random: no index can pack them
    payload = job_completed(RED, RED.jobs[0])
    payload["job"] |= {"id": "".join(letters[:500]), "status": "".join(letters[500:])}
    payload["workflow"]["id"] = payload["job"]["id"]

    other = workflow_completed(RED)
    other["workflow"] |= {"id": "".join(letters[:500]), "name": "".join(letters[:500])}
    ids = [await instance.post(payload), await instance.post(other)]
    await instance.drain()

    assert [(await instance.show(one))["delivery"]["state"] for one in ids] == ["settled", "settled"]
    assert not (await instance.dead_letters())["deliveries"]


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_refused_statement_is_counted_and_ends_as_a_dead_letter(instance: Instance) -> None:
    delivery = await instance.post(workflow_completed(RED))
    instance.change("DROP TABLE names")
    for _ in range(10):
        await instance.drain(minutes=15)

    [dead] = (await instance.dead_letters())["deliveries"]
    assert (dead["id"], dead["failures"]) == (delivery, 5)
    assert instance.jobs() == []


def fails_for_content(database: Database, table: str) -> None:
    """Have Postgres take too long over every row of a table, as over a row that is too much for it."""
    database.change(
        "CREATE FUNCTION takes_long() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'it says why' USING ERRCODE = '57014'; END $$"
    )
    database.change(f"CREATE TRIGGER takes_long BEFORE INSERT ON {table} EXECUTE FUNCTION takes_long()")


@pytest.mark.long
@pytest.mark.databases("postgres")
async def test_temporary_error_that_lasts_is_counted_too(instance: Instance, database: Database) -> None:
    fails_for_content(database, "events")
    delivery = await instance.post(workflow_completed(RED))
    await instance.drain()
    instance.change("UPDATE deliveries SET put_offs = put_offs + 145")
    for _ in range(10):
        await instance.drain(minutes=15)

    [dead] = (await instance.dead_letters())["deliveries"]
    assert dead["id"] == delivery
    assert dead["failures"] == 0
    assert "it takes too long" in dead["reason"]
    assert instance.jobs() == []


@pytest.mark.long
@pytest.mark.databases("postgres")
async def test_a_message_does_not_wait_for_details_that_cannot_be_kept(instance: Instance, database: Database) -> None:
    fails_for_content(database, "details")
    delivery = await instance.post(workflow_completed(RED))
    for _ in range(3):
        await instance.drain(minutes=1)

    shown = await instance.show(delivery)
    assert [one["state"] for one in shown["notifications"]] == ["sent"]


@pytest.mark.long
@pytest.mark.databases("postgres")
@pytest.mark.parametrize(
    "setting",
    [
        "timezone = 'Pacific/Kiritimati'",
        "timezone = 'America/Los_Angeles'",
        "datestyle = 'German, DMY'",
        "intervalstyle = 'iso_8601'",
        "bytea_output = 'escape'",
        "extra_float_digits = -15",
        "standard_conforming_strings = off",
        "client_encoding = 'LATIN1'",
        "default_transaction_isolation = 'serializable'",
    ],
)
async def test_settings_of_the_server_do_not_change_read_values(database: Database, setting: str) -> None:
    database.change(f"ALTER DATABASE {database.url.rpartition('/')[2]} SET {setting}")

    await expect_values_as_written(database)


@pytest.mark.databases("postgres")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PGTZ", "Pacific/Kiritimati"),
        ("PGDATESTYLE", "German, DMY"),
        ("PGCLIENTENCODING", "LATIN1"),
        ("PGOPTIONS", "-c bytea_output=escape -c timezone=Asia/Tokyo -c extra_float_digits=-15"),
    ],
)
async def test_variables_of_libpq_do_not_change_read_values(
    database: Database, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    await expect_values_as_written(database)


async def expect_values_as_written(database: Database) -> None:
    """Read times, bytes, numbers and texts whose look a session's settings decide."""
    ends = [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)]

    def look(transaction: Transaction) -> list[object]:
        times = "SELECT CAST('0001-01-01Z' AS timestamptz), CAST('9999-12-31T23:59:59Z' AS timestamptz)"
        more = "SELECT CAST('\\x00ff' AS bytea), CAST(0.1 AS float8), '😀', interval '1 day 2 hours'"
        isolation = "SHOW transaction_isolation"
        return [tuple(transaction.execute(text(one)).one()) for one in (times, more, isolation)]

    store = Store(database.url)
    times, more, isolation = await store.read(look)
    await store.close()

    assert list(times) == ends  # type: ignore[call-overload]  # reason: a row is a tuple
    assert repr(more) == r"(b'\x00\xff', 0.1, '😀', datetime.timedelta(days=1, seconds=7200))"
    assert isolation == ("read committed",)


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2010-12-31"])
async def test_a_time_that_no_build_has_is_none(instance: Instance, time: str) -> None:
    delivery = await instance.post(workflow_completed(RED) | {"happened_at": time})
    await instance.drain()

    assert (await instance.show(delivery))["happened_at"] == "2026-03-02T09:30:00.000Z"
    assert (await instance.http.get("/api/v1/events")).status_code == 200


@pytest.mark.long
async def test_a_write_ahead_log_shrinks_once_its_reader_is_gone(folder: Path) -> None:
    store, log = Store(f"sqlite:///{folder / 'roundsman.db'}"), folder / "roundsman.db-wal"

    def fill(transaction: Transaction) -> None:
        transaction.execute(text("CREATE TABLE IF NOT EXISTS filling (body BLOB)"))
        transaction.execute(text("INSERT INTO filling VALUES (zeroblob(10000000))"))

    with closing(sqlite3.connect(folder / "roundsman.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM deliveries").fetchall()
        for _ in range(8):
            await store.write(fill)
        grown = log.stat().st_size
        reader.execute("COMMIT")
    for _ in range(2):  # one copies what is in the log, the next begins it anew
        await store.write(fill)
    shrunk = log.stat().st_size
    await store.close()

    assert grown > MAX_JOURNAL_BYTES >= shrunk


async def test_a_damaged_file_is_a_wrong_configuration(tmp_path: Path) -> None:
    (tmp_path / "roundsman.db").write_bytes(b"SQLite format 3\x00" + b"?" * 4000)
    store = Store(f"sqlite:///{tmp_path / 'roundsman.db'}")

    with pytest.raises((BadConfig, Temporary), match="restore a backup"):
        await store.read(event_search.search, Search(), limit=1)
    await store.close()
