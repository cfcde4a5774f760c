"""Commands over a database from which tables were removed: each names what is missing."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from service.db.errors import named_missing_parts
from service.errors import BadConfig
from tests.support.cli_runner import Terminal

COMMANDS = {
    "decisions": ("audit", "verify"),
    "attempts": ("audit", "verify"),
    "seals": ("audit", "verify"),
    "tracks": ("status",),
    "incidents": ("incidents", "list"),
    "notifications": ("notifications", "list"),
}


@pytest.mark.parametrize("table", COMMANDS)
def test_removed_table_is_named_with_the_next_step(table: str, migrated: Path, terminal: Terminal) -> None:
    shutil.copy(migrated, terminal.folder / "roundsman.db")
    terminal.set(ROUNDSMAN_DATABASE_URL="sqlite:///roundsman.db")
    with closing(sqlite3.connect(terminal.folder / "roundsman.db")) as database:
        database.execute(f"DROP TABLE {table}")

    ended = terminal.run(*COMMANDS[table])

    assert ended.code != 0
    assert f"no such table: main.{table}" in ended.err or f"no such table: {table}" in ended.err
    assert "restore a backup" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("state", ["42P01", "42703"])
def test_missing_parts_of_postgres_are_named(state: str) -> None:
    cause = psycopg.errors.lookup(state)('relation "attempts" does not exist\nLINE 1: SELECT')
    with pytest.raises(BadConfig, match=r'\(relation "attempts" does not exist\)'), named_missing_parts():
        raise DBAPIError.instance("SELECT", None, cause, psycopg.Error)


def test_other_errors_are_raised_unchanged() -> None:
    with pytest.raises(DBAPIError), named_missing_parts():
        raise DBAPIError.instance("INSERT", None, psycopg.errors.CheckViolation("no"), psycopg.Error)
