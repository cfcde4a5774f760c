"""The revision of the schema: of a database, and the newest of the release.

A revision is a number, and each migration's file begins with its own; so none has to be loaded, nor Alembic.
"""

from functools import cache
from pathlib import Path

from sqlalchemy import inspect, text

from service.db.data_folder import file_exists
from service.db.database import Store
from service.db.tables import Transaction
from service.errors import BadConfig, Temporary

# a wheel has the migrations inside the package, a checkout at its top
_FOLDERS = (Path(__file__).parents[1] / "_migrations", Path(__file__).parents[2] / "migrations")


def migrations_folder() -> Path:
    """Return the folder of the migrations."""
    return next(folder for folder in _FOLDERS if folder.is_dir())


@cache
def _revisions() -> tuple[str, ...]:
    """Return the revisions that this release knows, newest first."""
    files = (migrations_folder() / "versions").glob("[0-9]*.py")
    return tuple(sorted((file.name.partition("_")[0] for file in files), reverse=True))


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
    if not has_schema(transaction):
        return None
    found: str | None = transaction.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def has_schema(connection: Transaction) -> bool:
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
