"""The start of a service's process: errors in its log, its database ready."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import typer

from service.app.systemd import ServiceManager
from service.cli._retry import retry_while_temporary
from service.clock import now_utc
from service.db.data_folder import database_file, lock_folder
from service.db.migrate import migrate as bring_up_to_date
from service.db.revisions import is_workable, newest_revision
from service.db.startup import look_up_revision
from service.errors import BadConfig, RoundsmanError, Temporary
from service.logs import configure_logs

log = structlog.get_logger()


@contextmanager
def log_failures() -> Iterator[None]:
    """Log the error that ends the block, if standard error is no terminal.

    On a terminal errors are printed as for any command. Exits with code 2 for a BadConfig, 1 for other errors of ours.
    """
    configure_logs()
    if sys.stderr is not None and sys.stderr.isatty():
        yield
        return
    sys.excepthook = lambda kind, error, trace: log.critical("roundsman has failed", exc_info=(kind, error, trace))
    try:
        yield
    except RoundsmanError as error:
        for problem in error.problems if isinstance(error, BadConfig) else [str(error)]:
            log.error("roundsman cannot start", problem=problem)  # noqa: TRY400 - a sentence, not a traceback
        raise typer.Exit(2 if isinstance(error, BadConfig) else 1) from None


@contextmanager
def prepared_database(database_url: str, what: str, manager: ServiceManager) -> Iterator[None]:
    """Prepare the database for the block: lock and migrate SQLite, check Postgres.

    Many processes start on one Postgres while the release before still runs: there, migrating is a separate command.
    If Postgres is away, wait for it. Raises Temporary for an old or missing schema on Postgres, BadConfig for a folder
    or database that cannot be used.
    """
    file = database_file(database_url)
    if file is None:
        _require_schema(retry_while_temporary(lambda: look_up_revision(database_url), manager))
        yield
        return
    with lock_folder(file.parent, command=what, since=now_utc()):
        bring_up_to_date(database_url)
        yield


def _require_schema(at: str | None) -> None:
    wanted = newest_revision()
    if not is_workable(at):
        is_at = f"the database's schema is at revision {at}, not {wanted}" if at else "the database has no schema yet"
        raise Temporary(f"{is_at}: run `roundsman migrate` first")
    if at != wanted:
        log.warning("the database's schema is a newer release's: run that release", schema=at, ours=wanted)
