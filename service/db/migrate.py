"""The schema: its revision, and its migrations, which ship with the release."""

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

# a wheel has the migrations inside the package, a checkout at its top
_FOLDERS = (Path(__file__).parents[1] / "_migrations", Path(__file__).parents[2] / "migrations")

INCOMPATIBLE_REVISION = "0017"
"""The first revision on which processes of the previous release do not work."""
MAX_HEARTBEAT_AGE = timedelta(seconds=30)
"""The age at which a heartbeat's process counts as stopped: three beats missed."""


def alembic_config(database_url: str) -> Config:
    """Return the configuration of Alembic's commands for a database."""
    config = Config()
    config.set_main_option("script_location", str(next(folder for folder in _FOLDERS if folder.is_dir())))
    config.attributes["engine"] = make_engine(database_url, poolclass=NullPool)
    return config


def migrate(database_url: str) -> None:
    """Upgrade the schema to the newest revision; do nothing when it is there. Blocks.

    Raises Temporary when the database is away. Raises BadConfig when the file is no database, or another program's,
    when a newer release has migrated it, or when processes still run on it that the new schema would break.
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

    Processes of the previous release work on the next revision too; ``INCOMPATIBLE_REVISION`` is the exception. A
    process that was killed counts as running until its heartbeat is older than ``MAX_HEARTBEAT_AGE``. SQLite needs no
    such check: its folder is locked by the running process.
    """
    engine = make_engine(database_url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            if not _has_schema(connection) or (read_revision(connection) or "") >= INCOMPATIBLE_REVISION:
                return
            running = _running_processes(connection)
    finally:
        engine.dispose()
    if running:
        raise BadConfig(
            f"still running on this database: {', '.join(running)}; this upgrade changes values that the release "
            f"before could not read: stop every process of it, back the database up, wait {MAX_HEARTBEAT_AGE.seconds} "
            "seconds, and run `roundsman migrate` again (docs/operating.md)"
        )


def _running_processes(connection: Transaction) -> list[str]:
    """Return the processes with a recent heartbeat, as "role id", sorted.

    Empty on a schema without the table of heartbeats.
    """
    if not inspect(connection).has_table("heartbeats"):
        return []
    since = connection.execute(select(func.now())).scalar_one() - MAX_HEARTBEAT_AGE
    young = select(heartbeats.c.role, heartbeats.c.process).where(heartbeats.c.beat_at > since)
    return sorted(f"{role} {process}" for role, process in connection.execute(young))


def _has_schema(connection: Transaction) -> bool:
    """Return whether the database has Roundsman's schema, of any release.

    Raises BadConfig for a SQLite file with another program's tables: such a file belongs to one program. On Postgres
    other programs may have tables beside ours.
    """
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        return True
    if tables and connection.dialect.name == "sqlite":
        raise BadConfig(
            f"the database is another program's: it has tables ({', '.join(tables[:3])} ...) and none of them is ours; "
            "name another file in ROUNDSMAN_DATABASE_URL"
        )
    return False


@cache
def _revisions() -> tuple[str, ...]:
    """Return the revisions that this release knows, newest first."""
    return tuple(one.revision for one in ScriptDirectory.from_config(alembic_config("sqlite://")).walk_revisions())


def newest_revision() -> str:
    """Return the revision that this release's code is written for."""
    return _revisions()[0]


def is_older(revision: str | None) -> bool:
    """Return whether `migrate` would upgrade a database at this revision."""
    return revision is None or revision in _revisions()[1:]


def is_workable(revision: str | None) -> bool:
    """Return whether this release can work on a database at this revision.

    It can on its own revision and on newer ones: a migration keeps the tables and columns that the previous release
    needs, so that the pods of both work while one replaces the other, and a release can be rolled back. Revisions are
    numbers; any other value is another program's.
    """
    return revision is not None and revision.isdecimal() and revision >= newest_revision()


async def revision(store: Store) -> str | None:
    """Return the revision of the schema; None before the first migration.

    Raises Temporary when the database is away, BadConfig for another program's file.
    """
    if store.file is not None and not file_exists(store.file):
        raise Temporary(f"the database {store.file} is gone; put it back, or restart")  # reads would go on
    return await store.read(read_revision)


def read_revision(transaction: Transaction) -> str | None:
    """Return the revision of the schema; None before the first migration."""
    if not _has_schema(transaction):
        return None
    found: str | None = transaction.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found
