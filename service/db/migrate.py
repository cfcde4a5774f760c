"""The schema: brought up to date by the migrations that ship with the release."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import NullPool, inspect, text
from sqlalchemy.exc import DBAPIError

from service.db.data_folder import database_file, is_there, make_private
from service.db.database import Store, make_engine
from service.db.errors import plain, translated
from service.db.tables import Transaction
from service.errors import BadConfig, Temporary

# a wheel carries the migrations inside the package; a checkout has them at its top
_PLACES = (Path(__file__).parents[1] / "_migrations", Path(__file__).parents[2] / "migrations")


def alembic_config(database_url: str) -> Config:
    """What Alembic's commands need to work on this database with our migrations."""
    config = Config()
    config.set_main_option("script_location", str(next(place for place in _PLACES if place.is_dir())))
    config.attributes["engine"] = make_engine(database_url, poolclass=NullPool)
    return config


def migrate(database_url: str) -> None:
    """Bring the schema up to date; harmless when it is. Blocks.

    Raises Temporary when the database is away, BadConfig when it is none, somebody else's, or one that a newer release
    has migrated.
    """
    file = database_file(database_url)
    try:
        if file is not None:
            make_private(file)
            _require_ours(database_url)
        command.upgrade(alembic_config(database_url), "head")
    except DBAPIError as error:
        raise translated("the database cannot be migrated now", error) or BadConfig(
            f"the database cannot be migrated: {plain(error.orig)}"
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
    if store.file is not None and not is_there(store.file):
        raise Temporary(f"the database {store.file} is gone; put it back, or restart")  # an open file outlives its name
    return await store.read(read_revision)


def read_revision(transaction: Transaction) -> str | None:
    """Return the revision of the schema; None before the first migration."""
    if not _has_schema(transaction):
        return None
    found: str | None = transaction.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found
