"""What many tests start from: a migrated database, and a Roundsman that lives in a folder of its own."""

import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from service.store import Store, migrate
from tests.house import Clock, House, a_house
from tests.terminal import Terminal
from tests.work import ENGINES, Work


@pytest.fixture(autouse=True)
def logs_as_at_first() -> Iterator[None]:
    """What a command set up for the log goes with the standard error that it was given."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the schema and no rows: migrated once, copied for each test."""
    path = tmp_path_factory.mktemp("migrated") / "roundsman.db"
    migrate(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")  # as after the first start of a service
    return path


@pytest.fixture
def folder(tmp_path: Path, migrated: Path) -> Path:
    """A data folder with an empty database."""
    shutil.copy(migrated, tmp_path / "roundsman.db")
    return tmp_path


@pytest.fixture
async def house(folder: Path) -> AsyncIterator[House]:
    """A Roundsman that tells the receiver ``web`` of red workflows."""
    async with a_house(folder) as house:
        yield house


@pytest.fixture(params=ENGINES.values(), ids=list(ENGINES))
async def work(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Work]:
    store = Store(f"sqlite:///{folder / 'roundsman.db'}")
    yield Work(store=store, clock=Clock(), make=request.param)
    await store.close()


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """Somebody who types commands in an empty folder."""
    return Terminal(tmp_path, monkeypatch, capsys)
