"""SQLite's journal mode: the first connection waits for the file's users."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from service.db.database import Store
from service.db.tables import Transaction


def mode(transaction: Transaction) -> str:
    return str(transaction.execute(text("PRAGMA journal_mode")).scalar())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that is not in WAL mode yet, as one just migrated or restored."""
    with closing(sqlite3.connect(tmp_path / "roundsman.db")) as connection:
        connection.execute("CREATE TABLE one (a)")
    return tmp_path / "roundsman.db"


@pytest.mark.parametrize("lock", ["SELECT * FROM one", "INSERT INTO one VALUES (1)"])
async def test_first_connection_waits_for_a_program_that_uses_the_file(file: Path, lock: str) -> None:
    store = Store(f"sqlite:///{file}")
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute(lock).fetchall()
        writing = asyncio.create_task(store.write(mode))
        await asyncio.wait([writing], timeout=0.1)
        assert not writing.done()
        other.execute("COMMIT")

    assert await writing == "wal"
    await store.close()


async def test_stores_that_open_a_file_at_once_all_write(file: Path) -> None:
    stores = [Store(f"sqlite:///{file}") for _ in range(6)]
    try:
        assert set(await asyncio.gather(*(store.write(mode) for store in stores))) == {"wal"}
    finally:
        for store in stores:
            await store.close()
