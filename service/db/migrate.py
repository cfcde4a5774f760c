"""The migrations of the schema, which ship with the release.

Alembic is loaded where there is something to migrate: most starts find the newest schema.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import NullPool, func, inspect, select
from sqlalchemy.exc import DBAPIError

from service.db.data_folder import create_private_file, database_file
from service.db.database import make_engine
from service.db.errors import driver_message, translate_error
from service.db.revisions import has_schema, migrations_folder, newest_revision, read_revision
from service.db.tables import Transaction, heartbeats
from service.errors import BadConfig

INCOMPATIBLE_REVISION = "0017"
"""The first revision on which processes of the previous release do not work."""
MAX_HEARTBEAT_AGE = timedelta(seconds=30)
"""The age at which a heartbeat's process counts as stopped: three beats missed."""


def alembic_config(database_url: str) -> Any:
    """Return the configuration of Alembic's commands for a database."""
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()))
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
            at = _find_revision(database_url)
        else:
            at = _require_stopped(database_url)
        if at != newest_revision():
            _upgrade(database_url)
    except DBAPIError as error:
        raise translate_error("the database cannot be migrated now", error) or BadConfig(
            f"the database cannot be migrated: {driver_message(error.orig)}"
        ) from error


def _upgrade(database_url: str) -> None:
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.util import CommandError  # noqa: PLC0415 - see above

    try:
        command.upgrade(alembic_config(database_url), "head")
    except CommandError as error:
        raise BadConfig(f"the database is of another release: {error}; run that one, or restore a backup") from error


def _find_revision(database_url: str) -> str | None:
    engine = make_engine(database_url)
    try:
        with engine.connect() as connection:
            return read_revision(connection)
    finally:
        engine.dispose()


def _require_stopped(database_url: str) -> str | None:
    """Return the schema's revision.

    Raises BadConfig if a process still runs that could not work on the newest one. Processes of the previous release
    work on the next revision too; ``INCOMPATIBLE_REVISION`` is the exception. A process that was killed counts as
    running until its heartbeat is older than ``MAX_HEARTBEAT_AGE``. SQLite needs no such check: its folder is locked
    by the running process.
    """
    engine = make_engine(database_url, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            at = read_revision(connection)
            if not has_schema(connection) or (at or "") >= INCOMPATIBLE_REVISION:
                return at
            running = _running_processes(connection)
    finally:
        engine.dispose()
    if running:
        raise BadConfig(
            f"still running on this database: {', '.join(running)}; this upgrade changes values that the release "
            f"before could not read: stop every process of it, back the database up, wait {MAX_HEARTBEAT_AGE.seconds} "
            "seconds, and run `roundsman migrate` again (docs/operating.md)"
        )
    return at


def _running_processes(connection: Transaction) -> list[str]:
    """Return the processes with a recent heartbeat, as "role id", sorted.

    Empty on a schema without the table of heartbeats.
    """
    if not inspect(connection).has_table("heartbeats"):
        return []
    since = connection.execute(select(func.now())).scalar_one() - MAX_HEARTBEAT_AGE
    young = select(heartbeats.c.role, heartbeats.c.process).where(heartbeats.c.beat_at > since)
    return sorted(f"{role} {process}" for role, process in connection.execute(young))
