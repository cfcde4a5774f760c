"""Completion of projects and branches in a shell, by what the database knows.

Of a database that cannot be read there are none: a shell shows no error.
"""

from collections.abc import Callable

import typer

from service.cli._database import with_store
from service.config.settings import Settings
from service.db.database import Store
from service.db.tables import Transaction
from service.errors import RoundsmanError
from service.operations.checks.suggestions import suggest_branches, suggest_projects

MAX_READ = 2_000


def complete_project(incomplete: str) -> list[str]:
    """Return projects on record or named by CircleCI that begin so."""
    return _read(lambda transaction: suggest_projects(transaction, limit=MAX_READ), incomplete)


def complete_branch(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return branches on record or listed by CircleCI that begin so.

    Of the project that the line names before it, if it names one.
    """
    given = ctx.params.get("project")
    project = given[0] if isinstance(given, (list, tuple)) and given else given
    named = project if isinstance(project, str) and project else None
    return _read(lambda transaction: suggest_branches(transaction, named, limit=MAX_READ), incomplete)


def _read(find: Callable[[Transaction], list[str]], incomplete: str) -> list[str]:
    async def read(_: Settings, store: Store) -> list[str]:
        return await store.snapshot(find)

    try:
        return [name for name in with_store(read) if name.startswith(incomplete)]
    except RoundsmanError:
        return []
