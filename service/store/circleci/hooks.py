"""Our hooks at CircleCI: written by the commands, read when a post is refused."""

from collections.abc import Sequence

from sqlalchemy import delete, select

from service.db.tables import Transaction, hooks
from service.model import KnownHook
from service.store.rows import insert_or_replace

MAX_KNOWN = 10_000


def record(transaction: Transaction, known: Sequence[KnownHook], gone: Sequence[str]) -> None:
    """Put hooks on record as they were seen just now, and forget those that are gone."""
    for hook in known:
        insert_or_replace(transaction, hooks, vars(hook), key="id")
    if gone:
        transaction.execute(delete(hooks).where(hooks.c.id.in_(gone)))


def projects(transaction: Transaction) -> list[str]:
    """Return the slugs of the projects whose hooks are known."""
    return sorted(transaction.execute(select(hooks.c.project).distinct()).scalars())


def find_all(transaction: Transaction) -> Sequence[KnownHook]:
    """Return the hooks on record, the last seen first."""
    found = select(hooks).order_by(hooks.c.seen_at.desc(), hooks.c.id).limit(MAX_KNOWN)
    return [KnownHook(**row) for row in transaction.execute(found).mappings()]
