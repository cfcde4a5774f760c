"""What many tests start from: a migrated database, and a Roundsman that lives in a folder of its own."""

import gc
import os
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import hypothesis
import pytest
import structlog
import trustme
from sqlalchemy import Connection, Engine, event
from structlog.typing import Processor
from xdist.remote import Producer
from xdist.scheduler import Scheduling

from service.db.database import Store
from service.db.migrate import migrate
from tests.support import postgres
from tests.support.app_fixture import PATIENT, Clock, Instance, an_instance
from tests.support.cli_runner import Terminal
from tests.support.databases import Database, a_copy, a_template, database_of
from tests.support.long_cases import first_and_long
from tests.support.memory import memory
from tests.support.queue_fixture import Work, engine_on
from tests.support.spread import Spread

PLAIN_LOG: list[Processor] = [  # by default, rich draws every traceback with all its values, for half a second each
    structlog.contextvars.merge_contextvars,
    structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    return Spread(config, log) if config.getoption("dist") == "load" else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return one more than the cores: a part of a test's time is waiting, and each worker imports and collects all."""
    return (os.cpu_count() or 1) + 1


FIRST_ENGINES: dict[str, Engine] = {}
BEGUN_AT = pytest.StashKey[float]()


@event.listens_for(Engine, "engine_connect")
def compile_once(connection: Connection) -> None:
    """Have all databases of a kind share what is compiled: each engine would compile every statement anew."""
    first = FIRST_ENGINES.setdefault(connection.dialect.name, connection.engine)
    connection.dialect = first.dialect
    connection.engine._compiled_cache = first._compiled_cache


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also the long tests, and the long form of the others")
    parser.addoption("--only-long", action="store_true", help="with --long: leave out what is the same without it")
    parser.addoption("--minutes", type=float, help="leave out the tests that have not begun by then")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests to the long form, and what the short form ran already to the short one."""
    if not config.getoption("--long"):
        chosen = [item for item in items if not item.get_closest_marker("long")]
    elif config.getoption("--only-long"):
        chosen = [item for item in items if has_long_form(item)]
    else:
        return
    config.hook.pytest_deselected(items=list(set(items).difference(chosen)))
    items[:] = chosen


def has_long_form(item: pytest.Item) -> bool:
    """Tell whether a test runs in the long form only, or does more there."""
    is_property = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
    return is_property or "is_long" in getattr(item, "fixturenames", ()) or item.get_closest_marker("long") is not None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out a test for which there is no time any more; the order is random, so it is another one each time."""
    minutes = item.config.getoption("--minutes")
    if minutes is not None and time.monotonic() - item.config.stash[BEGUN_AT] >= minutes * 60:
        pytest.skip(f"had not begun after {minutes:g} minutes: `make test-all` runs it")


def pytest_collection() -> None:
    """Spare the garbage collector what stays until the end: thousands of tests, and their modules."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def is_long(request: pytest.FixtureRequest) -> bool:
    """Tell whether a test that has a short and a long form should take the long one."""
    return bool(request.config.getoption("--long"))


def pytest_configure(config: pytest.Config) -> None:
    config.stash[BEGUN_AT] = time.monotonic()
    if folder := memory():
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(folder))
    # no deadline for an example: a busy machine would make one late that is only slow
    hypothesis.settings.register_profile("short", max_examples=30, deadline=None)
    hypothesis.settings.register_profile("long", deadline=None)
    hypothesis.settings.load_profile("long" if config.getoption("--long") else "short")
    config.addinivalue_line("markers", "long: takes too long for `make test`; `make test-all` runs it")
    config.addinivalue_line("markers", "limits(**parts): the limits of the instance's parts, by their field of Limits")
    config.addinivalue_line(
        "markers",
        "databases(*kinds): the databases to run on, sqlite and postgres; the first one in the short form too",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once on each of its databases; the mark that is nearest to the test tells which.

    All but the first are for the long form.
    """
    mark = metafunc.definition.get_closest_marker("databases")
    if mark is not None and "kind_of_database" in metafunc.fixturenames:
        metafunc.parametrize("kind_of_database", first_and_long(mark.args))


@pytest.fixture(scope="session", autouse=True)
def few_authorities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Trust one certificate: every service reads all that the machine trusts, and that takes longer than most tests."""
    bundle = tmp_path_factory.mktemp("trusted") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(bundle))
    with patch.dict(os.environ, SSL_CERT_FILE=str(bundle)):
        yield


@pytest.fixture(autouse=True)
def logs_as_at_first() -> Iterator[None]:
    """What a command set up for the log goes with the standard error that it was given."""
    structlog.configure(processors=PLAIN_LOG)
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


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    """A Postgres of our own, started when the first test asks for it."""
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="session")
def template(server: postgres.Server) -> str:
    """A migrated database of that server: copied for each test."""
    return a_template(server)


@pytest.fixture(scope="session")
def template_in_real_time(server: postgres.Server) -> str:
    """The same with a clock that runs by itself: processes of their own go by no other."""
    url = server.new_database()
    migrate(url)
    return postgres.name_of(url)


@pytest.fixture
def url_in_real_time(server: postgres.Server, template_in_real_time: str) -> Iterator[str]:
    """The address of a Postgres database whose clock runs."""
    with a_copy(server, template_in_real_time) as url:
        yield url


@pytest.fixture
def kind_of_database() -> str:
    return "sqlite"


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path, kind_of_database: str) -> Iterator[Path]:
    """A folder that stands for an empty database."""
    if kind_of_database == "sqlite":
        shutil.copy(request.getfixturevalue("migrated"), tmp_path / "roundsman.db")
        yield tmp_path
        return
    with a_copy(request.getfixturevalue("server"), request.getfixturevalue("template")) as url:
        (tmp_path / "database.url").write_text(url, encoding="utf-8")
        yield tmp_path


@pytest.fixture
def database(folder: Path) -> Database:
    """The database that the folder stands for."""
    return database_of(folder)


@pytest.fixture
def database_url(database: Database) -> str:
    """The address of that database."""
    return database.url


@pytest.fixture
async def instance(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Instance]:
    """A Roundsman that tells the receiver ``web`` of red workflows."""
    mark = request.node.get_closest_marker("limits")
    async with an_instance(folder, limits=replace(PATIENT, **mark.kwargs) if mark else PATIENT) as instance:
        yield instance


@pytest.fixture
async def work(database: Database) -> AsyncIterator[Work]:
    store, clock = Store(database.url), Clock()
    clock.shown_by(database)
    yield Work(store=store, clock=clock, make=engine_on(database))
    await store.close()


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    """Somebody who types commands in an empty folder."""
    return Terminal(tmp_path, monkeypatch, capsys)
