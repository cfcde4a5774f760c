"""The tables of a database that lives as long as a command are those of the migrations."""

import sqlite3
from contextlib import closing
from pathlib import Path

from service.db.migrate import migrate
from service.db.new_tables import create_tables

MADE_BY_MIGRATIONS_ALONE = ("alembic_version", "event_terms", "sqlite_")
"""The revision, the index of search terms with its own tables, and what SQLite makes by itself."""


def shape(file: Path) -> dict[str, set[str]]:
    """Return the columns of each table, and of each index."""
    with closing(sqlite3.connect(file)) as database:
        found = database.execute("SELECT type, name FROM sqlite_master WHERE type IN ('table', 'index')").fetchall()
        return {
            name: {str(row[1 if kind == "table" else 2]) for row in database.execute(f"PRAGMA {kind}_info('{name}')")}
            for kind, name in found
            if not name.startswith(MADE_BY_MIGRATIONS_ALONE)
        }


def test_new_tables_are_those_of_the_migrations(tmp_path: Path) -> None:
    create_tables(f"sqlite:///{tmp_path / 'new.db'}")
    migrate(f"sqlite:///{tmp_path / 'migrated.db'}")

    assert shape(tmp_path / "new.db") == shape(tmp_path / "migrated.db")
    assert (tmp_path / "new.db").stat().st_mode & 0o077 == 0
