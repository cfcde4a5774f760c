"""The schema: brought up to date by the migrations that ship with the release."""

from datetime import timedelta
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import NullPool, func, inspect, select, text
from sqlalchemy.exc import DBAPIError

from service.db.data_folder import create_private_file, database_file, file_exists
from service.db.database import Store, make_engine
from service.db.errors import driver_message, translate_error
from service.db.tables import Transaction, heartbeats
from service.errors import BadConfig, Temporary

# a wheel carries the migrations inside the package; a checkout has them at its top
_PLACES = (Path(__file__).parents[1] / "_migrations", Path(__file__).parents[2] / "migrations")

STOPS_OTHERS = "0012"
"""The revision on which processes of the release before do not work."""
STOPPED_AFTER = timedelta(seconds=30)
"""The age of a heartbeat from which on its process counts as gone: three beats were missed."""


def alembic_config(database_url: str) -> Config:
    """What Alembic's commands need to work on this database with our migrations."""
    config = Config()
    config.set_main_option("script_location", str(next(place for place in _PLACES if place.is_dir())))
    config.attributes["engine"] = make_engine(database_url, poolclass=NullPool)
    return config


def migrate(database_url: str) -> None:
    """Bring the schema up to date; harmless when it is. Blocks.

    Raises Temporary when the database is away, BadConfig when it is none, another program's, one that a newer release
    has migrated, or one on which processes still run that the new schema would break.
    """
    file = database_file(database_url)
    try:
        if file is not None:
            create_private_file(file)
            _require_ours(database_url)
        else:
            _require_stopped(database_url)
        command.upgrade(alembic_config(database_url), "head")
    except DBAPIError as error:
        raise translate_error("the database cannot be migrated now", error) or BadConfig(
            f"the database cannot be migrated: {driver_message(error.orig)}"
        ) from error
    except CommandError as error:
        raise BadConfig(f"the database is of another release: {error}; run that one, or restore a backup") from error


def _require_ours(database_url: str) -> None:
    engine = make_engine(database_url)
    try:
        with engine.connect() as connection:
            _has_schema(connection)
    finally:
        engine.dispose()


def _require_stopped(database_url: str) -> None:
    """Raise BadConfig if a process still runs that could not work on the new schema.

    From one revision to the next the release before goes on working; the step to ``STOPS_OTHERS`` is the exception.
    A process that was killed is taken for running until its heartbeat is older than ``STOPPED_AFTER``. A file of SQLite
    needs no such look: the lock on its folder tells.
    """
    engine = make_engine(database_url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            if not _has_schema(connection) or (read_revision(connection) or "") >= STOPS_OTHERS:
                return
            running = _running(connection)
    finally:
        engine.dispose()
    if running:
        raise BadConfig(
            f"still running on this database: {', '.join(running)}; this upgrade changes values that the release "
            f"before could not read: stop every process of it, back the database up, wait {STOPPED_AFTER.seconds} "
            "seconds, and run `roundsman migrate` again (docs/operating.md)"
        )


def _running(connection: Transaction) -> list[str]:
    """Return the processes with a young heartbeat, by role and id; none before there were heartbeats."""
    if not inspect(connection).has_table("heartbeats"):
        return []
    since = connection.execute(select(func.now())).scalar_one() - STOPPED_AFTER
    young = select(heartbeats.c.role, heartbeats.c.process).where(heartbeats.c.beat_at > since)
    return sorted(f"{role} {process}" for role, process in connection.execute(young))


def _has_schema(connection: Transaction) -> bool:
    """Whether there is a schema of ours, of any release. Raises BadConfig for a file with somebody else's tables.

    On Postgres others may well have tables beside ours; a file of SQLite's belongs to one program.
    """
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        return True
    if tables and connection.dialect.name == "sqlite":
        raise BadConfig(
            f"the database is somebody else's: it has tables ({', '.join(tables[:3])} ...) and none of them is ours; "
            "name another file in ROUNDSMAN_DATABASE_URL"
        )
    return False


@cache
def _revisions() -> tuple[str, ...]:
    """The revisions that this release knows, newest first."""
    return tuple(one.revision for one in ScriptDirectory.from_config(alembic_config("sqlite://")).walk_revisions())


def newest_revision() -> str:
    """The revision that this release's code is written for."""
    return _revisions()[0]


def is_older(revision: str | None) -> bool:
    """Whether `migrate` would bring a database at this revision up to date."""
    return revision is None or revision in _revisions()[1:]


def is_workable(revision: str | None) -> bool:
    """Whether this release can work on a database at this revision: its own, or the next release's.

    A migration leaves in place what the release before it needs, so that the pods of both work while one replaces the
    other, and a release can be rolled back. Revisions are numbers; what is none is somebody else's.
    """
    return revision is not None and revision.isdecimal() and revision >= newest_revision()


async def revision(store: Store) -> str | None:
    """The revision that the database is at; None before the first migration. Raises Temporary, or BadConfig."""
    if store.file is not None and not file_exists(store.file):
        raise Temporary(f"the database {store.file} is gone; put it back, or restart")  # an open file outlives its name
    return await store.read(read_revision)


def read_revision(transaction: Transaction) -> str | None:
    """Return the revision of the schema; None before the first migration."""
    if not _has_schema(transaction):
        return None
    found: str | None = transaction.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found
