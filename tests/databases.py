"""An empty, migrated database of either kind, for what must hold on both."""

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from service.store import migrate
from tests.postgres import Server, running

__all__ = ["database_url", "postgres", "postgres_template"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One server for the session: started by the first test that asks for it."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres: Server) -> Callable[[], str]:
    """Makes a database with the schema and no rows, a copy of one that was migrated once."""

    @cache
    def template() -> str:
        url = postgres.new_database()
        migrate(url)
        return url.rpartition("/")[2]

    return lambda: postgres.new_database(template())


@pytest.fixture(params=["SQLite", "Postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path) -> str:
    """The address of a database of either kind."""
    if request.param == "Postgres":
        make: Callable[[], str] = request.getfixturevalue("postgres_template")
        return make()
    shutil.copy(migrated, tmp_path / "roundsman.db")
    return f"sqlite:///{tmp_path / 'roundsman.db'}"
