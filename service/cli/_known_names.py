"""Names that the database knows: completed in a shell, and the slugs they mean.

To complete from a database that cannot be read there are none: a shell shows no error.
"""

from collections.abc import Callable

import typer

from service.cli._database import with_store
from service.config.hooked_projects import project_slug
from service.config.settings import Settings
from service.db.database import Store
from service.db.tables import Transaction
from service.errors import BadRequest, RoundsmanError
from service.operations.checks.suggestions import suggest_branches, suggest_projects
from service.operations.overviews.project_names import find_slug

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


def slug_on_record(project: str) -> str:
    """Return the slug of the project that a slug or a name means.

    The text itself where none is on record. Raises BadRequest for the name of several.
    """

    async def read(_: Settings, store: Store) -> str:
        return await store.snapshot(find_slug, project)

    return with_store(read)


def require_slug(project: str) -> str:
    """Return the same, if it can be a slug. Raises BadRequest."""
    try:
        return project_slug(slug_on_record(project))
    except ValueError as error:
        raise BadRequest(str(error)) from error


def _read(find: Callable[[Transaction], list[str]], incomplete: str) -> list[str]:
    async def read(_: Settings, store: Store) -> list[str]:
        return await store.snapshot(find)

    try:
        return [name for name in with_store(read) if name.startswith(incomplete)]
    except RoundsmanError:
        return []
